"""Purchase plans in data markets: all of the board is in this room."""

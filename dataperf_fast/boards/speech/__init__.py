"""Training sets of spoken words, by language and size: all of the board is in this room."""

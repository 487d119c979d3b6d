"""Training sets of images by concept: all of the board is in this room."""

"""Orders of inspection of noisy labels: all of the board is in this room."""

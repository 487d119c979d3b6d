"""Adversarial Nibbler: prompts and images that fool a model: all of the board is in this room."""

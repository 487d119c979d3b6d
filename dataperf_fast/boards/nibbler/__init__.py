"""Adversarial Nibbler: prompts and images that fool a model: all of the board is in this room."""

COMMAND = "make images for Adversarial Nibbler, give its raters their work, and take it back"

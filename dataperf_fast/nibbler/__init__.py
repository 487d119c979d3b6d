"""Adversarial Nibbler: from raters' answers and prompts to who fools models, and how variously."""

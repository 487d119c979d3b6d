"""What answers are worth: F1, average precision, agreement."""

"""The linear net of the debugging board's frozen model: its training, and what is made of its logits."""

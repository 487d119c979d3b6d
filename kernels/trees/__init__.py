"""Boosted stumps, and the splits of theirs that are chance."""

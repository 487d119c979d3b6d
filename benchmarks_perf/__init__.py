"""Timed comparisons: one adapter a peer, reference and fast interleaved in one run, results as JSON."""

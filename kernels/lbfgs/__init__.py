"""SciPy's L-BFGS-B without bounds, a file a part of it."""

"""The support vector classifier of libsvm: its solver, its sigmoids, their coupling."""

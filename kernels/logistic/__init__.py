"""Logistic regression: on scikit-learn's path, and at its optimum."""

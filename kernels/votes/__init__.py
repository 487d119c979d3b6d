"""The soft vote of a support vector classifier and a logistic regression; what it cannot be sure of, it says."""

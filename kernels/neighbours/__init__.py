"""Nearest neighbours: the search, votes, and what a row is worth to them."""

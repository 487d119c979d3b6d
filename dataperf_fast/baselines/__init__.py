"""One file a benchmark: the methods that the paper compares submissions with."""

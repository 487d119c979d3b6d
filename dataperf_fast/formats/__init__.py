"""Readers and writers of the official files. Every error names the file, the place, the value and what was expected."""

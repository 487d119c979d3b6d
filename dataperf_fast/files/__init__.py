"""What boards share in reading and writing. Every error names the file, the place, the value and what was expected."""

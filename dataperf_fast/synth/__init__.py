"""Seeded tasks in the official formats: one file a benchmark, and the embedded demo's real images."""

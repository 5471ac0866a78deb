"""Fuzzing of declared machines, and what watches it."""

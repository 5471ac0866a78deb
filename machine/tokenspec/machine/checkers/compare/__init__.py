"""Compares one machine with another: equivalence, and the claims a seeded fault breaks."""

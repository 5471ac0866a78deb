"""Seeded faults in a declaration."""

"""Seeded faults, and the claim that kills each."""

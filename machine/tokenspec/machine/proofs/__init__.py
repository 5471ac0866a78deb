"""Proof obligations of claims, as terms of the language."""

"""Proofs by induction, with z3."""

"""Verdicts on claims: searches, proofs, random runs, and counterexamples in records."""

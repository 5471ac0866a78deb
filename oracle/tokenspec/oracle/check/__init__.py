"""The verdict on every claim: searches, proofs, random runs, and counterexamples in records."""

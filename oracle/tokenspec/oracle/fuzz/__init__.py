"""Random runs: of the declared machines, and of an implementation beside the oracle."""

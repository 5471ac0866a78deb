"""The oracle as an implementation: over standard streams and HTTP."""

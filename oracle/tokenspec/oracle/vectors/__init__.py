"""Conformance vectors: short runs with the right answer to each event, for implementations in any language."""

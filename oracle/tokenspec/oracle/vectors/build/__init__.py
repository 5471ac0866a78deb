"""Builds the conformance vectors."""

"""Runs a declared machine: reference, compiled, live, symbolic, embedded."""

"""Readers of a declaration that take steps."""

"""Clients of an implementation under test, its capabilities, and the fields it shows."""

"""Talks to an implementation under test: clients, its capabilities, and the fields it shows."""

"""Reads a log back: replay, settings that explain it, an account's history and its diagnosis."""

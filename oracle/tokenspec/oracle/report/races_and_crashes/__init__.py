"""Races and crashes: what was asked for, and the report."""

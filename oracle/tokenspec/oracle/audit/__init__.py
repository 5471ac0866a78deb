"""Logs that are not ours: tables and foreign logs, read through a map as the records that they stand for."""

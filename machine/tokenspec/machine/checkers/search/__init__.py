"""Breadth-first search through the reference reader."""

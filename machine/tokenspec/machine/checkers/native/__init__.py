"""Breadth-first search compiled to WebAssembly."""

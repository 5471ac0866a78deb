"""Tests of a wallet under pytest."""

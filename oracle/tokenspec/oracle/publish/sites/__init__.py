"""Integrations with site generators: tables and pictures of the declared account."""

"""The language of declarations and claims. Standard library only."""

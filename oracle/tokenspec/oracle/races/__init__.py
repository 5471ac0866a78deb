"""Races and crashes: several clients ask one account at once, and the implementation is killed and started again."""

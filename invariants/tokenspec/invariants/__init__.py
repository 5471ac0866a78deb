"""Claims that always hold of the account, as data."""

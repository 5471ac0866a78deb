"""What must always hold of the account, as data."""

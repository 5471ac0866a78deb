"""Documents, pictures, the explorer page, and the account as a module for other hosts."""

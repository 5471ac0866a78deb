"""A token account, declared: what is given each day, what is bought, and what is spent."""

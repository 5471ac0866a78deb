"""How a declaration is written, read and tested. Nothing here knows what an account is."""

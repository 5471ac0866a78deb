"""The writing, reading and testing of declarations. Nothing here knows what an account is."""

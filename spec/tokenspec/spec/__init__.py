"""The declared account: clauses, catalogue, policies, and three machines."""

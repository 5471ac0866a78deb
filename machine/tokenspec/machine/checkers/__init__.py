"""Ways to discharge claims: what holds in every state that a machine can reach."""

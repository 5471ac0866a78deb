"""The peculiarities of the shipped account: what is told, tried and searched of it that its declaration alone does not give."""

"""Machines that are made of declared ones, so that something can be proved of them; and what is validated once they are known."""

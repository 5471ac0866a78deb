"""Machines that are made of declared ones, so that something can be proved of them."""

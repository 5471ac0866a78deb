"""Numbers of things in words."""

from __future__ import annotations


def counted(number: float, one: str, more: str = "", form: str = "") -> str:
    """Returns a number with what it counts: `1 record`, `2 records`; `more` is the plural where it does not just take an s."""
    return f"{number:{form}} {one if number == 1 else more or one + 's'}"

"""The known name that a wrong one resembles."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any

from tokenspec.oracle.base.text import one_line

_ALIKE = 0.72
"""The similarity from which a typing error is likelier than another word."""
_LONGER = 5
"""A text that is more than so many times as long as every known name, blanks and all, resembles none."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the name of `known` that `name` was most likely meant to be, or None; case and blanks count little."""
    by_plain = {plain: each for each in known if (plain := _plain(each))}
    # Megabytes in place of a name are no typing error, and take seconds to compare.
    if len(name) > _LONGER * max(map(len, by_plain), default=0):
        return None
    asked = _plain(name)
    found = get_close_matches(asked, by_plain, 1, _ALIKE)
    # In a short word two letters that changed places are a large share of it.
    exchanged = (plain for plain in by_plain if sorted(plain) == sorted(asked))
    near = found[0] if found else next(exchanged, None)
    return None if near is None else by_plain[near]


def no_such(what: str, name: Any, known: Collection[str]) -> str:
    """Returns the rule that a name breaks which is none of `known`."""
    return f"there is no such {what}; there are {', '.join(known)}{did_you_mean(name, known)}"


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """Returns " (did you mean ...?)", to be appended to a rule; an empty text where no name of `known` is near."""
    near = nearest(name, known) if isinstance(name, str) else None
    return f" (did you mean {one_line(near)}?)" if near is not None else ""


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())

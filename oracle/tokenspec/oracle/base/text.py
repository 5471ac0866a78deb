"""Values that others wrote, as text that is safe to show: on one line, not too long, not too deep."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_DEEPEST = 30


def one_line(text: str, longest: int = 80) -> str:
    """`text` with whatever does not print escaped, and its middle left out where it is longer than `longest`."""
    cut = text if len(text) <= longest else f"{text[: longest - 20]}... ({len(text):,} characters)"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def as_text(value: Any, longest: int = 80) -> str:
    """`value` as JSON on one line, shortened."""
    try:
        return one_line(msgspec.json.encode(bounded(value)).decode(), longest)
    except (ValueError, OverflowError, TypeError):
        # An integer of thousands of digits, or what is no JSON at all.
        return f"a value of type {type(value).__name__} that is too large to show"


def in_our_words(message: str) -> str:
    """A message of the library that reads JSON, with the names that JSON gives its types."""
    text = message.replace("`", "")
    for theirs, ours in (("int", "integer"), ("str", "string"), ("bool", "truth value")):
        text = re.sub(rf"\b{theirs}\b", ours, text)
    # A word in capitals, such as JSON, stays as it is.
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def bounded(value: Any, depth: int = _DEEPEST) -> Any:
    """`value` with what is nested deeper than `depth` replaced by a text that says so."""
    if isinstance(value, dict | list | tuple):
        if depth == 0:
            return "(nested too deeply to show)"
        if isinstance(value, dict):
            return {key: bounded(inner, depth - 1) for key, inner in value.items()}
        return [bounded(inner, depth - 1) for inner in value]
    return value

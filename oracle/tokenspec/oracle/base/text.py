"""Values that others wrote, as text that is safe to show: on one line, not too long, not too deep."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_DEEPEST = 30
_OBEYED = "#(?=#[a-z]*\\[)"
"""Begins a command to a CI runner wherever it stands in a line: `##[error]`, `##vso[...]`."""
_HIDDEN = re.compile(rf"[^\n\x20-\x7e]|{_OBEYED}")
_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)


def one_line(text: str, longest: int = 80) -> str:
    """`text` with whatever does not print escaped, and its middle left out where it is longer than `longest`."""
    cut = text if len(text) <= longest else f"{text[: longest - 20]}... ({len(text):,} characters)"
    shown = cut if cut.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return re.sub(_OBEYED, r"\\x23", shown)


def path_text(path: str, longest: int = 200) -> str:
    """The path of a file, as it is shown at the beginning of a line, where a runner of CI looks for commands."""
    shown = one_line(path, longest)
    return shown if shown == "-" or re.match(r"[\w./~]", shown) else f"./{shown}"


def no_commands(text: str) -> str:
    """`text` without a line that a runner of CI takes for a command: what begins with `::`."""
    return _COMMAND.sub(r"\1\\x3a", text)


def json_text(value: Any, indent: int | None = None) -> str:
    """`value` as JSON in which all that does not print is escaped, so that a terminal that shows it obeys none of it."""
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        # A name that is no Unicode text, such as that of a file.
        encoded = msgspec.json.encode(_in_unicode(value))
    return shown_json(encoded if indent is None else msgspec.json.format(encoded, indent=indent))


def shown_json(encoded: bytes) -> str:
    """JSON that is written already, with the same escaped."""
    text = encoded.decode()
    # Nearly all text has nothing to escape, and finding that out by the expression takes several times as long.
    is_plain = text.isascii() and "\x7f" not in text and "##" not in text
    return text if is_plain else _HIDDEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character == "#":
        return "\\u0023"
    units = character.encode("utf-16-be").hex()
    return character if character.isprintable() else "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _in_unicode(value: Any) -> Any:
    built = msgspec.to_builtins(value)
    if isinstance(built, dict):
        return {_in_unicode(key): _in_unicode(inner) for key, inner in built.items()}
    if isinstance(built, list | tuple):
        return [_in_unicode(inner) for inner in built]
    return built.encode(errors="backslashreplace").decode() if isinstance(built, str) else built


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

"""Values from outside as text that is safe to show: on one line, of limited length and depth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

_DEEPEST = 30
_OBEYED = "#(?=#[a-z]*\\[)"
"""The beginning of a command to a CI runner anywhere in a line: `##[error]`, `##vso[...]`."""
_HIDDEN = re.compile(rf"[^\n\x20-\x7e]|{_OBEYED}")
_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)


def one_line(text: str, longest: int = 80) -> str:
    """Returns `text` with unprintable characters escaped, and its middle left out where it is longer than `longest`."""
    cut = text if len(text) <= longest else f"{text[: longest - 20]}... ({len(text):,} characters)"
    shown = cut if cut.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return re.sub(_OBEYED, r"\\x23", shown)


def path_text(path: str, longest: int = 200) -> str:
    """Returns the path of a file as shown at the beginning of a line, where a CI runner looks for commands."""
    shown = one_line(path, longest)
    return shown if shown == "-" or re.match(r"[\w./~]", shown) else f"./{shown}"


def no_commands(text: str) -> str:
    """Returns `text` without lines that a CI runner takes for commands: those that begin with `::`."""
    return _COMMAND.sub(r"\1\\x3a", text)


def json_text(value: Any, indent: int | None = None) -> str:
    """Returns `value` as JSON with all unprintable characters escaped, so that a terminal shows them and obeys none."""
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        # A name that is not Unicode text, such as that of a file.
        encoded = msgspec.json.encode(_in_unicode(value))
    return shown_json(encoded if indent is None else msgspec.json.format(encoded, indent=indent))


def toml_text(value: Any) -> str:
    """Returns a text, a number or a list of them as TOML; JSON writes these alike."""
    return msgspec.json.encode(value).decode()


def shown_json(encoded: bytes) -> str:
    """Returns encoded JSON with the same characters escaped."""
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


def as_text(value: Any) -> str:
    """Returns `value` as JSON on one line, shortened."""
    try:
        return one_line(msgspec.json.encode(bounded(value)).decode())
    except (ValueError, OverflowError, TypeError):
        # An integer of thousands of digits, or a value that JSON does not have.
        return f"a value of type {type(value).__name__} that is too large to show"


def in_our_words(message: str) -> str:
    """Returns a message of the JSON library with the names that JSON gives its types."""
    text = message.replace("`", "")
    for theirs, ours in (("int", "integer"), ("str", "string"), ("bool", "truth value")):
        text = re.sub(rf"\b{theirs}\b", ours, text)
    # A word in capitals, such as JSON, stays as it is.
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def bounded(value: Any, depth: int = _DEEPEST) -> Any:
    """Returns `value` with whatever is nested deeper than `depth` replaced by a note."""
    if isinstance(value, dict | list | tuple):
        if depth == 0:
            return "(nested too deeply to show)"
        if isinstance(value, dict):
            return {key: bounded(inner, depth - 1) for key, inner in value.items()}
        return [bounded(inner, depth - 1) for inner in value]
    return value


def known_lines(rows: Sequence[str]) -> Iterator[str]:
    """Yields a line for each way that fits."""
    for row in rows:
        yield f"  known     some wallets do so, and no setting allows it: {row} (docs/comparison.md)"

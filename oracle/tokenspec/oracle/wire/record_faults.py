"""Faults of records in our words: the field, the rule and the value, out of the library's message and by a look at each field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.nearest import did_you_mean, nearest
from tokenspec.oracle.base.text import as_text, in_our_words, one_line

Further = Callable[[str, Any], None]
"""Raises `BadRecord` where the value of a field breaks a rule that its type does not know."""


class RecordFaults:
    """The faults of records whose `fields` are known by event; `choices` are the words that a field may hold."""

    def __init__(self, fields: Mapping[str, frozenset[str]], choices: Mapping[str, tuple[str, ...]]) -> None:
        self._fields, self._choices = fields, choices

    def others(
        self, given: Mapping[str, Any], kind: type[msgspec.Struct], first: BadRecord, further: Further
    ) -> Iterator[BadRecord]:
        """Yields what is wrong in the other fields of a record of this `kind`, but for its observation."""
        told = {"observed", *(fault.field.partition(".")[0] for fault in (first, *first.others))}
        for each in msgspec.structs.fields(kind):
            name, value = each.name, given.get(each.name)
            if name in told or (value is None and not each.required):
                continue
            try:
                if value is None:
                    raise self.required(name, given)
                further(name, msgspec.convert(value, each.type))
            except BadRecord as fault:
                yield fault
            except msgspec.ValidationError as fault:
                said = str(fault).replace("`$", f"`$.{name}", 1)
                yield self.explained(said if " - at " in said else f"{said} - at `$.{name}`", given)
            except RecursionError:
                yield BadRecord(name, "it is nested too deeply to be read")

    def explained(self, message: str, record: Any) -> BadRecord:
        """Returns the library's message as field, rule and value."""
        given = record if isinstance(record, dict) else {}
        if missing := _MISSING.match(message):
            if " - at " in message:
                return BadRecord(_field(message.rpartition("`$.")[2]), f"{missing.group(1)} is missing in it")
            return self.required(missing.group(1), given)
        found = _AT_PATH.match(message)
        if found is None:
            return BadRecord("line", f"a record is one JSON object a line: {in_our_words(message)}")
        text, path = found.groups()
        # A wrong key is reported as "key` in `$.shown"; the record's own field is what a reader looks for.
        field = _field(path.rpartition("`")[2])
        if field in given and given[field] is None:
            return self.required(field, given)
        if field == "state" and (within := _OF_STATE.search(path)) and isinstance(given[field], dict):
            return BadRecord(f"state.{within[1]}", in_our_words(text), as_text(given[field].get(within[1])))
        value = as_text(given[field]) if field in given else None
        if field == "event" and text.startswith("Invalid value"):
            return BadRecord("event", f"there is no such event{did_you_mean(given.get('event'), self._fields)}", value)
        if text.startswith("Invalid enum value") and field not in given:
            return BadRecord("line", f"a record is one JSON object a line, and this one is not whole: {in_our_words(text)}")
        if text.startswith("Invalid enum value"):
            choices = self._choices.get(field, ())
            return BadRecord(field, f"it is one of {', '.join(choices)}{_meant(given[field], choices)}", value)
        return BadRecord(field, in_our_words(text), value)

    def required(self, field: str, record: Mapping[str, Any]) -> BadRecord:
        """Returns the error for a required field that is absent or null, with an unknown name that resembles it."""
        event = record.get("event")
        known = self._fields.get(event, frozenset()) if isinstance(event, str) else frozenset().union(*self._fields.values())
        misspelt = next((name for name in record if name not in known and nearest(name, known | {field}) == field), None)
        there = f", and {one_line(misspelt)} stands there: is {field} meant?" if misspelt is not None else ""
        return BadRecord(field, f"it is required{f' for {one_line(event)}' if isinstance(event, str) else ''}{there}")


def account_of(line: bytes) -> str | None:
    """Returns the account that a line names which may be no JSON; None where it names none, or two."""
    found, depth, before = set[str | None](), 0, [b"", b""]
    for token in _TOKEN.findall(line):
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
        elif depth == 1 and before == [b'"account"', b":"]:
            found.add(_text(token))
        before = [before[1], token]
    return found.pop() if len(found) == 1 else None


def _text(token: bytes) -> str | None:
    try:
        text = msgspec.json.decode(token, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return text


def unreadable(value: Any) -> str:
    """Returns the rule that a value of JSON breaks where it cannot be held: a number or a text in it. Else an empty text."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "a text in it has half of a character (a lone surrogate)"
    except ValueError:
        return "a number in it is too large to be read"
    return ""


def _meant(value: Any, choices: Iterable[str]) -> str:
    """Returns the question for a text, or a name in an object, that resembles one of `choices`."""
    names = value if isinstance(value, Mapping) else [value]
    return did_you_mean(next((name for name in names if name not in choices), ""), choices)


_MISSING = re.compile(r"Object missing required field `(\w+)`")
_OF_STATE = re.compile(r"\$\.state\.(\w+)")
_AT_PATH = re.compile(r"(.*) - at `(.+)`", re.DOTALL)


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]:,]|[^\s"{}\[\]:,]+')
"""A token of JSON: a text, a mark, or whatever else stands between them."""


def _field(path: str) -> str:
    return re.split(r"[.\[`]", path.removeprefix("$").lstrip("."))[0] or "line"

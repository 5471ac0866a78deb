"""Event records: what is well formed, worked out from the declared events, and what is wrong where it is not.

A record is checked for its form only. A plan that nobody sells or a cost of 0 is well formed; the account refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta

from tokenspec.machine.lang.declaration import Actor, Event, Key, Origin, Shape
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Type
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import parse_instant, parse_time_of_day
from tokenspec.oracle.base.text import as_text, in_our_words, one_line
from tokenspec.spec.words import APP_POOLS, UNLISTED

FIRST_INSTANT, LAST_INSTANT = parse_instant("0000-01-01T00:00:00Z"), parse_instant("9999-12-31T23:59:59.999Z")
"""What RFC 3339 can write, in milliseconds."""

Countable = Annotated[int, Meta(ge=-COUNTABLE_MAX, le=COUNTABLE_MAX)]


class Record(msgspec.Struct, kw_only=True):
    """What every record has. `at` is milliseconds once the record has been read."""

    account: str
    at: Countable | str
    id: str | None = None
    observed: dict[str, Any] | None = None


def asked(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it is sent: without what was observed."""
    return {key: value for key, value in record.items() if key != "observed"}


class Reader:
    """Reads records of the given events. `aliases` are older plan names, replaced by the present ones."""

    def __init__(self, events: Iterable[Event], aliases: Mapping[str, str] | None = None) -> None:
        self.events = tuple(e for e in events if e.actor is not Actor.CLOCK)
        self._aliases = dict(aliases or {})
        self._names = {e.name for e in self.events}
        self._structs = {e.name: _struct(e.name, tuple(_parts(e))) for e in self.events}
        self.union = Union[tuple(self._structs.values())]  # noqa: UP007 - built from a list
        self._decoder = msgspec.json.Decoder(self.union)
        self._times = _keys(self.events, Shape.TIME_OF_DAY)
        self._pools = _keys(self.events, Shape.POOLS)
        self._choices = {
            f.key: ", ".join(f.type.members)
            for e in self.events
            for f in e.fields
            if f.origin is Origin.PAYLOAD and isinstance(f.type, Enum)
        }
        self._instead = {e.name: tuple((f.key, f.instead) for f in e.fields if f.instead) for e in self.events}
        self._choices |= {key: ", ".join(APP_POOLS) for keys in self._pools.values() for key in keys}

    def decode(self, line: bytes) -> Record:
        """The record that a line of a log holds. Raises `BadRecord`."""
        try:
            if not line.isascii():
                line.decode()
            record = self._decoder.decode(line)
        except UnicodeDecodeError as fault:
            raise BadRecord("line", f"a log is UTF-8 text, and byte {fault.start} of the line is not") from None
        except msgspec.ValidationError as fault:
            raise self._explained(str(fault), _generic(line)) from None
        except (msgspec.DecodeError, RecursionError) as fault:
            raise BadRecord("line", f"a record is one JSON object a line: {in_our_words(str(fault))}") from None
        return self._finish(record)

    def convert(self, record: Mapping[str, Any]) -> Record:
        """The same for a record that is a Python mapping already."""
        event = record.get("event")
        # The library works a union out anew at each call, which takes ten times as long as the rest.
        kind = self._structs.get(event, self.union) if isinstance(event, str) else self.union
        try:
            found = msgspec.convert(dict(record), kind)
        except msgspec.ValidationError as fault:
            raise self._explained(str(fault), dict(record)) from None
        except RecursionError:
            raise BadRecord("line", "a record is not nested as deeply as this") from None
        return self._finish(found)

    def _finish(self, record: Any) -> Record:
        if isinstance(record.at, str):
            try:
                record.at = parse_instant(record.at)
            except ValueError as fault:
                raise BadRecord("at", str(fault), as_text(record.at)) from None
        elif not FIRST_INSTANT <= record.at <= LAST_INSTANT:
            raise BadRecord("at", _out_of_calendar(record.at), str(record.at))
        event = record.__struct_config__.tag
        for key in self._times.get(event, ()):
            _check_time(key, getattr(record, key))
        for key, other in self._instead[event]:
            if (getattr(record, key) is None) == (getattr(record, other) is None):
                which = "neither is there" if getattr(record, key) is None else "both are there"
                raise BadRecord(other, f"a {event} names its {key} or its {other}, and {which}")
        for key in self._pools.get(event, ()):
            setattr(record, key, _check_pools(key, getattr(record, key)))
        if self._aliases:
            self._replace_aliases(record)
        found: Record = record
        return found

    def _replace_aliases(self, record: Any) -> None:
        plan = getattr(record, "plan", None)
        if plan in self._aliases:
            record.plan = self._aliases[plan]
        observed = record.observed
        if observed and ("plan" in observed or "scheduled_plan" in observed):
            for field in ("plan", "scheduled_plan"):
                written = observed.get(field)
                if isinstance(written, str) and written in self._aliases:
                    observed[field] = self._aliases[written]

    def _explained(self, message: str, record: Any) -> BadRecord:
        """The library's message as field, rule and value."""
        given = record if isinstance(record, dict) else {}
        if missing := _MISSING.match(message):
            if " - at " in message:
                return BadRecord(_field(message.rpartition("`$.")[2]), f"{missing.group(1)} is missing in it")
            return _required(missing.group(1), given)
        found = _AT_PATH.match(message)
        if found is None:
            return BadRecord("line", f"a record is one JSON object: {in_our_words(message)}")
        text, path = found.groups()
        # A wrong key is reported as "key` in `$.shown"; the record's own field is what a reader looks for.
        field = _field(path.rpartition("`")[2])
        if field in given and given[field] is None:
            return _required(field, given)
        value = as_text(given[field]) if field in given else None
        if field == "event" and text.startswith("Invalid value"):
            if given.get("event") in self._names:
                return BadRecord("event", "it stands in the record twice, with different names", value)
            return BadRecord("event", "there is no such event", value)
        if text.startswith("Invalid enum value"):
            return BadRecord(field, f"it is one of {self._choices.get(field, 'the values listed for it')}", value)
        return BadRecord(field, in_our_words(text), value)


def event_of(record: Record) -> str:
    """The name of the record's event."""
    return str(record.__struct_config__.tag)


def _keys(events: Iterable[Event], shape: Shape) -> dict[str, tuple[str, ...]]:
    found = {e.name: tuple(k.name for k in e.keys if k.shape is shape) for e in events}
    return {event: names for event, names in found.items() if names}


def _parts(event: Event) -> list[tuple[Any, ...]]:
    fields: list[tuple[Any, ...]] = [
        (f.key, _python_type(f.type) | None, None) if f.instead else (f.key, _python_type(f.type))
        for f in event.fields
        if f.origin is Origin.PAYLOAD
    ]
    return [*fields, *(_key(key) for key in event.keys)]


@cache
def _struct(event: str, parts: tuple[tuple[Any, ...], ...]) -> type[msgspec.Struct]:
    return msgspec.defstruct(event, parts, bases=(Record,), tag_field="event", tag=event, kw_only=True, module=__name__)


def _python_type(kind: Type) -> Any:
    if isinstance(kind, Bool):
        return bool
    if isinstance(kind, Enum):
        # An enum with a stand-in for what is not listed takes any name; the others are a matter of form.
        return str if UNLISTED in kind.members else Literal[kind.members]
    return Countable


def _key(key: Key) -> tuple[Any, ...]:
    pools: Any = dict[Literal[APP_POOLS], Countable | None]  # type: ignore[valid-type]
    kinds: dict[Shape, Any] = {Shape.TEXT: str, Shape.TIME_OF_DAY: str, Shape.POOLS: pools}
    kind = kinds[key.shape]
    return (key.name, kind | None, None) if key.optional else (key.name, kind)


def _check_time(key: str, written: str | None) -> None:
    if written is not None:
        try:
            parse_time_of_day(written)
        except ValueError as fault:
            raise BadRecord(key, str(fault), as_text(written)) from None


def _check_pools(key: str, written: dict[str, int | None]) -> dict[str, int]:
    named = {pool: tokens for pool, tokens in written.items() if tokens is not None}
    if not named:
        raise BadRecord(key, f"it names one or more of {', '.join(APP_POOLS)}", as_text(written))
    return named


_MISSING = re.compile(r"Object missing required field `(\w+)`")
_AT_PATH = re.compile(r"(.*) - at `(.+)`", re.DOTALL)


def _field(path: str) -> str:
    return re.split(r"[.\[`]", path.removeprefix("$").lstrip("."))[0] or "line"


def _required(field: str, record: Mapping[str, Any]) -> BadRecord:
    """A null is an absent field, so both break the same rule."""
    event = record.get("event")
    return BadRecord(field, f"it is required{f' for {one_line(event)}' if isinstance(event, str) else ''}")


def _out_of_calendar(at: int) -> str:
    rule = "an instant lies in the years 0000 to 9999"
    # Thousands of milliseconds, counted from 1970, that lie between 1990 and 2100 are most likely what was meant.
    looks_like_microseconds = parse_instant("1990-01-01T00:00:00Z") <= at // 1000 <= parse_instant("2100-01-01T00:00:00Z")
    return f"{rule}, given in milliseconds; this looks like microseconds" if looks_like_microseconds else rule


def _generic(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None

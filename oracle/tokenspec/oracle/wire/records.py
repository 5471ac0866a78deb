"""Event records: their form, derived from the declared events, and errors for records that break it.

Only the form of a record is checked. An unlisted plan or a cost of 0 is well formed; the account refuses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta

from tokenspec.machine.lang.catalogue import UNLISTED, Entries
from tokenspec.machine.lang.declaration import Actor, Event, Key, Origin, Shape
from tokenspec.machine.lang.types import Bool, Enum, Type
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import parse_time_of_day
from tokenspec.oracle.base.nearest import did_you_mean, nearest
from tokenspec.oracle.base.specification import POOLS, SPEC, TOTAL_POOLS
from tokenspec.oracle.base.text import as_text, in_our_words, one_line
from tokenspec.oracle.base.unique_names import repeated_name
from tokenspec.oracle.wire.answers import Answer, Difference, differences
from tokenspec.oracle.wire.observations import NAMES, Countable, Observations, have_good_instants, instant_of, read_by
from tokenspec.oracle.wire.snapshot_records import SNAPSHOT, AccountState, check_names, finish

RENAMED = tuple(key for kind in SPEC.form.values() if isinstance(kind, Entries) for key in kind.renames)
"""The keys that may hold an older name."""


class Record(msgspec.Struct, kw_only=True):
    """The fields of every record. `at` is milliseconds once the record has been read."""

    account: str
    at: Countable | str
    id: str | None = None
    observed: dict[str, Any] | None = None
    observed_as: Literal["answer"] | None = None
    """If set, `observed` is an answer as the wire carries it: it may hold unknown names, and a null in it counts."""


class Snapshot(Record, kw_only=True, tag_field="event", tag=SNAPSHOT):
    """The record that begins an account in mid-life. Only logs have it."""

    state: AccountState  # type: ignore[valid-type]


_EVENT_OF: dict[type[msgspec.Struct], str] = {Snapshot: SNAPSHOT}
"""By type of record, the event. The library makes a new description of a type each time that it is asked for its tag."""


def asked(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record as it is sent: without the observation."""
    return {key: value for key, value in record.items() if key not in ("observed", "observed_as")}


class Reader:
    """Reads records of the given events. `aliases` are older plan names, replaced by the present ones."""

    def __init__(self, events: Iterable[Event], aliases: Mapping[str, str] | None = None) -> None:
        self.events = tuple(e for e in events if e.actor is not Actor.CLOCK)
        self.declared = {e.name: e for e in self.events}
        self._aliases = dict(aliases or {})
        self._observations = Observations(self.events)
        self._structs = {e.name: _struct(e.name, tuple(_parts(e)), self._observations.shape) for e in self.events}
        self._fields = {name: frozenset(kind.__struct_fields__) | {"event"} for name, kind in self._structs.items()}
        self._fields[SNAPSHOT] = frozenset(Snapshot.__struct_fields__) | {"event"}
        self.union = Union[tuple(self._structs.values())]  # noqa: UP007 - built from a list
        self._in_logs = Union[(*self._structs.values(), Snapshot)]
        self._decoder = msgspec.json.Decoder(self._in_logs)
        self._formed = {e.name: own for e in self.events if (own := tuple(k for k in e.keys if k.shape in _FORMS))}
        self._choices = {
            f.key: f.type.members
            for e in self.events
            for f in e.fields
            if f.origin is Origin.PAYLOAD and isinstance(f.type, Enum)
        }
        self._instead = {e.name: keys for e in self.events if (keys := tuple((f.key, f.instead) for f in e.fields if f.instead))}
        self._renamed = {name: tuple(key for key in RENAMED if key in fields) for name, fields in self._fields.items()}
        self._with_own_forms = self._formed.keys() | self._instead.keys()
        self._choices |= {k.name: TOTAL_POOLS for keys in self._formed.values() for k in keys if k.shape is Shape.POOLS}

    def decode(self, line: bytes) -> Record:
        """Returns the record that a line of a log holds. Raises `BadRecord`."""
        return self.read(line)[0]

    def read(self, line: bytes, as_answer: bool = False) -> tuple[Record, list[str]]:
        """Returns the record that a line of a log holds, and its unknown names. Raises `BadRecord`.

        With `as_answer` the observation is an answer as the wire carries it, even where the record does not say so.
        """
        try:
            if not line.isascii():
                line.decode()
            record: Any = self._decoder.decode(line)
            given = _anything(line)
        except UnicodeDecodeError as fault:
            raise BadRecord("line", f"a log is UTF-8 text, and byte {fault.start} of the line is not") from None
        except (msgspec.DecodeError, RecursionError) as fault:
            return self._read_slowly(line, str(fault), as_answer)
        observed = given.get("observed")
        # For most lines a count shows that no name occurs twice; the others are searched (unique_names.py).
        names, colons = len(given), line.count(b'":')
        if observed:
            names += len(observed) + len(observed.get("balances") or ()) + len(observed.get("charge") or ())
            if not have_good_instants(observed):
                return self._read_slowly(line, "", as_answer)
        is_plain = colons == names and b" :" not in line and b"\t" not in line and b"\r" not in line
        if not is_plain and (given["event"] == SNAPSHOT or repeated_name(line, given) is not None):
            return self._read_slowly(line, "", as_answer)
        record.observed = observed
        if as_answer:
            record.observed_as = "answer"
        try:
            self._finish(record, given["event"])
        except BadRecord as fault:
            fault.account = record.account
            raise
        known = self._fields[given["event"]]
        return record, [] if known.issuperset(given) else [name for name in given if name not in known]

    def resembles(self, record: Record, name: str) -> str | None:
        """Returns the field that an unknown `name` in `record` was most likely meant to be."""
        where, dot, last = name.rpartition(".")
        if not dot:
            return nearest(name, self._fields[event_of(record)])
        near = nearest(last, NAMES if where == "observed" else POOLS)
        return None if near is None else f"{where}.{near}"

    def _read_slowly(self, line: bytes, message: str, as_answer: bool) -> tuple[Record, list[str]]:
        """Reads a line with something wrong or unusual in it; `message` is the library's."""
        wrong: BadRecord | None = None
        try:
            given = _anything(line)
        except (msgspec.DecodeError, RecursionError):
            given, wrong = self._without_unreadable(line)
        if not isinstance(given, dict):
            raise self._explained(message, given)
        account = given.get("account")
        try:
            return self._read_in_parts(line, given, as_answer, wrong)
        except BadRecord as fault:
            fault.account = account if isinstance(account, str) else None
            raise

    def _without_unreadable(self, line: bytes) -> tuple[Any, BadRecord | None]:
        """Returns a line that is JSON with null for each value that the library does not take, and the fault of a known field.

        So the account is known, and what is wrong in the observation alone is told apart.
        """
        try:
            given = json.loads(line.decode(), parse_constant=int)
        except (ValueError, RecursionError):
            return None, None
        wrong: BadRecord | None = None
        event = given.get("event") if isinstance(given, dict) else None
        known = self._fields.get(event, Record.__struct_fields__) if isinstance(event, str) else Record.__struct_fields__
        for name, value in given.items() if isinstance(given, dict) else ():
            if rule := _unreadable({name: value}):
                given[name] = None
                wrong = wrong or (BadRecord(name, rule) if name in known else None)
        return given, wrong

    def _read_in_parts(
        self, line: bytes, given: dict[str, Any], as_answer: bool, wrong: BadRecord | None
    ) -> tuple[Record, list[str]]:
        """Returns the record, or raises its error; if only the observation is wrong, the record without it happened."""
        unknown, twice = list[str](), repeated_name(line, given)
        observed, as_answer = given.pop("observed", None), as_answer or given.get("observed_as") == "answer"
        try:
            if twice is not None:
                rule = "it occurs twice in one object, and which of the two counts is not guessed at"
                raise BadRecord(one_line(".".join(twice)) or "line", rule)
            if observed is not None:
                unknown = self._observations.check(observed, as_answer)
        except BadRecord as fault:
            wrong = fault if wrong is None or wrong.field == "observed" else wrong
        if wrong is not None and not wrong.field.startswith("observed"):
            raise wrong
        is_snapshot = given.get("event") == SNAPSHOT
        if is_snapshot:
            check_names(given.get("state"))
        record = self._converted(given, observed if is_snapshot else None, self._in_logs)
        if wrong is not None:
            wrong.happened = record
            raise wrong
        record.observed = observed
        if as_answer:
            record.observed_as = "answer"
        self._replace_aliases(record)
        return record, [*(name for name in given if name not in self._fields[event_of(record)]), *unknown]

    def convert(self, record: Mapping[str, Any]) -> Record:
        """Returns the record of a Python mapping; the observation is left as it is."""
        given, observed = record, record.get("observed")
        if "observed" in record or not isinstance(record, dict):
            given = {key: value for key, value in record.items() if key != "observed"}
        if observed is not None and not isinstance(observed, Mapping):
            raise BadRecord("observed", "it is an object, such as an answer", as_text(observed))
        if given.get("event") == SNAPSHOT:
            raise BadRecord("event", "a snapshot begins an account in a log, and is sent to nobody; send what it comes from")
        return self._converted(given, observed, self.union)

    def _converted(self, given: Mapping[str, Any], observed: Any, union: Any) -> Record:
        event = given.get("event")
        # The library analyses a union anew at each call, which takes ten times as long as the rest.
        kind = self._structs.get(event) if isinstance(event, str) else None
        try:
            found: Any = msgspec.convert(given, kind or union)
        except msgspec.ValidationError as fault:
            raise self._explained(str(fault), given) from None
        except RecursionError:
            raise BadRecord("line", "the record is nested too deeply to be read") from None
        if observed is not None:
            found.observed = observed
        return self._finish(found, _EVENT_OF[type(found)])

    def _finish(self, record: Any, event: str) -> Record:
        try:
            record.at = instant_of(record.at)
        except ValueError as fault:
            raise BadRecord("at", str(fault), as_text(record.at)) from None
        if event == SNAPSHOT:
            finish(record.state, record.id, record.observed)
        if event in self._with_own_forms:
            for own in self._formed.get(event, ()):
                if (written := getattr(record, own.name)) is not None:
                    setattr(record, own.name, _FORMS[own.shape](own.name, written))
            for key, other in self._instead.get(event, ()):
                if (getattr(record, key) is None) == (getattr(record, other) is None):
                    both = "neither is given" if getattr(record, key) is None else "both are given"
                    raise BadRecord(other, f"a {event} has either {key} or {other}, and {both}")
        if self._aliases and (self._renamed[event] or record.observed or event == SNAPSHOT):
            self._replace_aliases(record)
        found: Record = record
        return found

    def _replace_aliases(self, record: Any) -> None:
        for field in self._renamed[event_of(record)]:
            if (name := getattr(record, field)) in self._aliases:
                setattr(record, field, self._aliases[name])
        if isinstance(record, Snapshot):
            for field in RENAMED:
                if (name := getattr(record.state, field, None)) in self._aliases:
                    setattr(record.state, field, self._aliases[name])
        observed = record.observed
        if observed:
            for field in RENAMED:
                written = observed.get(field)
                if isinstance(written, str) and written in self._aliases:
                    observed[field] = self._aliases[written]

    def _explained(self, message: str, record: Any) -> BadRecord:
        """Returns the library's message as field, rule and value."""
        given = record if isinstance(record, dict) else {}
        if missing := _MISSING.match(message):
            if " - at " in message:
                return BadRecord(_field(message.rpartition("`$.")[2]), f"{missing.group(1)} is missing in it")
            return self._required(missing.group(1), given)
        found = _AT_PATH.match(message)
        if found is None:
            return BadRecord("line", f"a record is one JSON object a line: {in_our_words(message)}")
        text, path = found.groups()
        # A wrong key is reported as "key` in `$.shown"; the record's own field is what a reader looks for.
        field = _field(path.rpartition("`")[2])
        if field in given and given[field] is None:
            return self._required(field, given)
        if field == "state" and (within := _OF_STATE.search(path)) and isinstance(given[field], dict):
            return BadRecord(f"state.{within[1]}", in_our_words(text), as_text(given[field].get(within[1])))
        value = as_text(given[field]) if field in given else None
        if field == "event" and text.startswith("Invalid value"):
            return BadRecord("event", f"there is no such event{did_you_mean(given.get('event'), self.declared)}", value)
        if text.startswith("Invalid enum value") and field not in given:
            return BadRecord("line", f"a record is one JSON object a line, and this one is not whole: {in_our_words(text)}")
        if text.startswith("Invalid enum value"):
            choices = self._choices.get(field, ())
            return BadRecord(field, f"it is one of {', '.join(choices)}{_meant(given[field], choices)}", value)
        return BadRecord(field, in_our_words(text), value)

    def _required(self, field: str, record: Mapping[str, Any]) -> BadRecord:
        """Returns the error for a required field that is absent or null, with an unknown name that resembles it."""
        event = record.get("event")
        known = self._fields.get(event, frozenset()) if isinstance(event, str) else frozenset().union(*self._fields.values())
        misspelt = next((name for name in record if name not in known and nearest(name, known | {field}) == field), None)
        there = f", and {one_line(misspelt)} stands there: is {field} meant?" if misspelt is not None else ""
        return BadRecord(field, f"it is required{f' for {one_line(event)}' if isinstance(event, str) else ''}{there}")


def _meant(value: Any, choices: Iterable[str]) -> str:
    """Returns the question for a text, or a name in an object, that resembles one of `choices`."""
    names = value if isinstance(value, Mapping) else [value]
    return did_you_mean(next((name for name in names if name not in choices), ""), choices)


def event_of(record: Record) -> str:
    """The name of the record's event."""
    return _EVENT_OF[type(record)]


def differing(record: Record, answer: Answer) -> list[Difference]:
    """Returns the fields observed that differ from the right answer; a null counts only where whole answers are observed."""
    return differences(answer, record.observed or {}, record.observed_as is not None)


def at_of(record: Record) -> int:
    """The instant of a record that has been read, in milliseconds."""
    assert isinstance(record.at, int), "the reader turns instants into milliseconds"
    return record.at


def _parts(event: Event) -> list[tuple[Any, ...]]:
    fields: list[tuple[Any, ...]] = [
        (f.key, _python_type(f.type) | None, None) if f.instead else (f.key, _python_type(f.type))
        for f in event.fields
        if f.origin is Origin.PAYLOAD
    ]
    return [*fields, *(_key(key) for key in event.keys)]


def value_readers(events: Sequence[Event]) -> dict[str, Callable[[Any], Any]]:
    """Returns what reads a value of each field of the events' records, the fields of all records apart.

    Each raises `msgspec.ValidationError`, or `BadRecord`, where no record holds the value.
    """
    parts = [part for event in events for part in _parts(event)]
    kinds = {key: Union[tuple(kind for name, kind, *_ in parts if name == key)] for key, *_ in parts}  # noqa: UP007 - built from a list
    forms = {key.name: _FORMS[key.shape] for event in events for key in event.keys if key.shape in _FORMS}

    def read(key: str, value: Any) -> Any:
        found = msgspec.convert(value, kinds[key])
        return forms[key](key, found) if key in forms else found

    return {key: partial(read, key) for key in kinds}


@cache
def _struct(event: str, parts: tuple[tuple[Any, ...], ...], observed: type[msgspec.Struct]) -> type[msgspec.Struct]:
    parts = (*parts, ("observed", observed | None, None))
    kind = msgspec.defstruct(event, parts, bases=(Record,), tag_field="event", tag=event, kw_only=True, module=__name__)
    _EVENT_OF[kind] = event
    return kind


def _python_type(kind: Type) -> Any:
    if isinstance(kind, Bool):
        return bool
    if isinstance(kind, Enum):
        # An enum with a member for unlisted names takes any name; for other enums an unlisted name breaks the form.
        return str if UNLISTED in kind.members else Literal[kind.members]
    # What is proved of an event is proved of numbers of its type.
    return Annotated[int, Meta(ge=kind.lo, le=kind.hi)]


def _key(key: Key) -> tuple[Any, ...]:
    pools: Any = dict[Literal[TOTAL_POOLS], Countable | None]  # type: ignore[valid-type]
    kinds: dict[Shape, Any] = {Shape.TEXT: str, Shape.TIME_OF_DAY: str, Shape.POOLS: pools}
    kind = kinds[key.shape]
    return (key.name, kind | None, None) if key.optional else (key.name, kind)


def _unreadable(value: Any) -> str:
    """Returns the rule that a value of JSON breaks where it cannot be held: a number or a text in it. Else an empty text."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "a text in it has half of a character (a lone surrogate)"
    except ValueError:
        return "a number in it is too large to be read"
    return ""


def _check_pools(key: str, written: dict[str, int | None]) -> dict[str, int]:
    named = {pool: tokens for pool, tokens in written.items() if tokens is not None}
    if not named:
        raise BadRecord(key, f"it names one or more of {', '.join(TOTAL_POOLS)}", as_text(written))
    return named


def _check_time(key: str, written: str) -> str:
    read_by(parse_time_of_day, key, written)
    return written


_FORMS: dict[Shape, Callable[[str, Any], Any]] = {Shape.TIME_OF_DAY: _check_time, Shape.POOLS: _check_pools}
"""By shape of a key, what checks its value further than a type does."""

_MISSING = re.compile(r"Object missing required field `(\w+)`")
_OF_STATE = re.compile(r"\$\.state\.(\w+)")
_AT_PATH = re.compile(r"(.*) - at `(.+)`", re.DOTALL)


def _field(path: str) -> str:
    return re.split(r"[.\[`]", path.removeprefix("$").lstrip("."))[0] or "line"


_anything = msgspec.json.Decoder().decode

"""Event records: their form, derived from the declared events, and errors for records that break it.

Only the form of a record is checked. An unlisted plan or a cost of 0 is well formed; the account refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta

from tokenspec.machine.lang.catalogue import UNLISTED, Entries
from tokenspec.machine.lang.declaration import Actor, Event, Key, Origin, Shape
from tokenspec.machine.lang.types import Bool, Enum, Type
from tokenspec.oracle.base.errors import BadRecord, first_of
from tokenspec.oracle.base.instants import parse_time_of_day
from tokenspec.oracle.base.nearest import nearest
from tokenspec.oracle.base.specification import POOLS, SPEC, TOTAL_POOLS
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.base.unique_names import repeated_name
from tokenspec.oracle.wire.answers import Answer, Difference, differences
from tokenspec.oracle.wire.observations import NAMES, Countable, Observations, have_good_instants, instant_of, read_by
from tokenspec.oracle.wire.record_faults import RecordFaults, account_of, unreadable
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
        choices = {
            f.key: f.type.members
            for e in self.events
            for f in e.fields
            if f.origin is Origin.PAYLOAD and isinstance(f.type, Enum)
        }
        self._instead = {e.name: keys for e in self.events if (keys := tuple((f.key, f.instead) for f in e.fields if f.instead))}
        self._renamed = {name: tuple(key for key in RENAMED if key in fields) for name, fields in self._fields.items()}
        self._with_own_forms = self._formed.keys() | self._instead.keys()
        choices |= {k.name: TOTAL_POOLS for keys in self._formed.values() for k in keys if k.shape is Shape.POOLS}
        self._faults = RecordFaults(self._fields, choices)

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
            wrong = BadRecord("line", f"a log is UTF-8 text, and byte {fault.start} of the line is not")
            wrong.account = account_of(line)
            raise wrong from None
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
        except BadRecord:
            return self._read_slowly(line, "", as_answer)
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
        try:
            if not isinstance(given, dict):
                raise self._faults.explained(message, given)
            return self._read_in_parts(line, given, as_answer, wrong)
        except BadRecord as fault:
            account = given.get("account") if isinstance(given, dict) else account_of(line)
            fault.account = account if isinstance(account, str) else None
            if isinstance(given, dict) and fault.happened is None:
                fault.others += tuple(self._others(given, fault))
            raise

    def _without_unreadable(self, line: bytes) -> tuple[Any, BadRecord | None]:
        """Returns a line that is JSON with null for each value that the library does not take, and the faults of known fields.

        So the account is known, and what is wrong in the observation alone is told apart.
        """
        try:
            given = json.loads(line.decode(), parse_constant=int)
        except (ValueError, RecursionError):
            return None, None
        if not isinstance(given, dict):
            return given, None
        broken = {name: rule for name, value in given.items() if (rule := unreadable(value))}
        event = given.get("event")
        known = self._fields.get(event, Record.__struct_fields__) if isinstance(event, str) else Record.__struct_fields__
        wrong = [BadRecord(name, rule) for name, rule in broken.items() if name in known]
        # A name that is no text is none that is known, and is shown with escapes.
        read = {name.encode(errors="backslashreplace").decode(): None if name in broken else given[name] for name in given}
        return read, first_of(wrong) if wrong else None

    def as_written(self, line: bytes) -> dict[str, Any]:
        """Returns the object of a line that holds a record, with null for what the library does not take."""
        try:
            found: dict[str, Any] = _anything(line)
        except msgspec.DecodeError:
            found, _ = self._without_unreadable(line)
        return found

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
            wrong = (
                fault if wrong is None or wrong.field == "observed" else first_of([wrong, *wrong.others, fault, *fault.others])
            )
        if wrong is not None and not wrong.field.startswith("observed"):
            raise wrong
        is_snapshot = given.get("event") == SNAPSHOT
        if is_snapshot:
            check_names(given.get("state"))
        try:
            record = self._converted(given, observed if is_snapshot else None, self._in_logs)
        except BadRecord as fault:
            raise fault if wrong is None else first_of([fault, wrong, *wrong.others]) from None
        if wrong is not None:
            wrong.happened = record
            raise wrong
        record.observed = observed
        if as_answer:
            record.observed_as = "answer"
        self._replace_aliases(record)
        return record, [*(name for name in given if name not in self._fields[event_of(record)]), *unknown]

    def _others(self, given: Mapping[str, Any], first: BadRecord) -> Iterator[BadRecord]:
        """Yields what else is wrong in a record, its observation apart."""
        event = str(given.get("event"))
        kind = Snapshot if event == SNAPSHOT else self._structs.get(event, Record)
        yield from self._faults.others(given, kind, first, partial(self._check, event))
        for key, other in self._instead.get(event, ()):
            if first.field not in (key, other):
                yield from _unless_either(event, {each: given.get(each) for each in (key, other)})

    def _check(self, event: str, field: str, value: Any) -> None:
        if field == "at":
            read_by(instant_of, field, value)
        for own in self._formed.get(event, ()):
            if own.name == field:
                _FORMS[own.shape](field, value)

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
            raise self._faults.explained(str(fault), given) from None
        except RecursionError:
            raise BadRecord("line", "the record is nested too deeply to be read") from None
        if observed is not None:
            found.observed = observed
        return self._finish(found, _EVENT_OF[type(found)])

    def _finish(self, record: Any, event: str) -> Record:
        record.at = read_by(instant_of, "at", record.at)
        if event == SNAPSHOT:
            finish(record.state, record.id, record.observed)
        if event in self._with_own_forms:
            for own in self._formed.get(event, ()):
                if (written := getattr(record, own.name)) is not None:
                    setattr(record, own.name, _FORMS[own.shape](own.name, written))
            for pair in self._instead.get(event, ()):
                for wrong in _unless_either(event, {each: getattr(record, each) for each in pair}):
                    raise wrong
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


def _unless_either(event: str, values: Mapping[str, Any]) -> Iterator[BadRecord]:
    """Yields a fault unless one of two fields is given, and one alone."""
    (key, one), (other, another) = values.items()
    if (one is None) == (another is None):
        both = "neither is given" if one is None else "both are given"
        yield BadRecord(other, f"a {event} has either {key} or {other}, and {both}")


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

_anything = msgspec.json.Decoder().decode

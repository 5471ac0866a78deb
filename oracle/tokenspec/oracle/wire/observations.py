"""Observations of a log: their names and forms, and errors for others.

A well-formed value that is wrong passes; the comparison reports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tokenspec.machine.lang.declaration import Event
from tokenspec.machine.lang.expr import Lit, Var
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Tokens
from tokenspec.oracle.base.errors import BadRecord, first_of
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.nearest import did_you_mean, no_such
from tokenspec.oracle.base.specification import ABSENT, POOLS, account
from tokenspec.oracle.base.text import as_text, in_our_words, one_line
from tokenspec.oracle.wire.answers import BY_POOL, FIELDS, INSTANTS, LISTS, SHOWN, SUMS, TYPES

Countable = Annotated[int, Meta(ge=-COUNTABLE_MAX, le=COUNTABLE_MAX)]
FIRST_INSTANT, LAST_INSTANT = parse_instant("0000-01-01T00:00:00Z"), parse_instant("9999-12-31T23:59:59.999Z")
"""The first and the last instant that RFC 3339 can write, in milliseconds."""
MILLISECONDS_MIN = 10**11
"""The smallest number that is read as milliseconds, in March 1973; seconds are smaller until the year 5138."""
_PLAUSIBLE = parse_instant("1990-01-01T00:00:00Z"), parse_instant("2100-01-01T00:00:00Z")
NAMES = (*FIELDS, *SUMS)
"""Every name that an observation may hold."""
_COUNTS = tuple(name for name, kind in TYPES.items() if isinstance(kind, Tokens) and name in FIELDS)
_FLAGS = ("duplicate", *(name for name, kind in TYPES.items() if isinstance(kind, Bool) and name in FIELDS))


def instant_of(written: str | int) -> int:
    """Returns the instant, of either form, in milliseconds. Raises `ValueError` with the rule that is broken."""
    if isinstance(written, str):
        at = parse_instant(written)
        if FIRST_INSTANT <= at <= LAST_INSTANT:
            return at
    elif MILLISECONDS_MIN <= (at := written) <= LAST_INSTANT:
        return at
    rule = "an instant lies in the years 0000 to 9999"
    if isinstance(written, int):
        rule += f", and as a number is milliseconds since 1970, not below {MILLISECONDS_MIN:,}"
        # A number that lies in a plausible year in another unit was most likely written in that unit.
        if is_plausible(at * 1000):
            rule += "; this looks like seconds, so multiply it by 1,000"
        elif is_plausible(at // 1000):
            rule += "; this looks like microseconds, so divide it by 1,000"
    raise ValueError(rule)


def is_plausible(at: int) -> bool:
    """Returns true if an instant, in milliseconds, is one that a log of our days may hold."""
    return _PLAUSIBLE[0] <= at <= _PLAUSIBLE[1]


def read_by(parse: Callable[[Any], int], field: str, written: Any) -> int:
    """Returns what `parse` makes of a value. Raises its `ValueError` as the `BadRecord` of the field."""
    try:
        return parse(written)
    except ValueError as fault:
        raise BadRecord(field, str(fault), as_text(written)) from None


class Observations:
    """The form of observed answers to some events."""

    def __init__(self, events: Iterable[Event]) -> None:
        values = {"outcome": ("accepted", "refused"), **_states(), **_said(events)}
        self._types: dict[str, Any] = {name: _type(name, values) for name in NAMES}
        self._values = values
        self.shape = _shape(tuple(self._types.items()))
        """The type of a whole observation, for the library."""

    def check(self, observed: Any, as_answer: bool) -> list[str]:
        """Returns the unknown names, which only an answer may have. Raises `BadRecord` where something is not well formed."""
        if not isinstance(observed, dict):
            raise BadRecord("observed", f"it is an object, such as an answer; {_not_converted(observed, dict[str, Any])}")
        unknown, wrong = list[str](), list[BadRecord]()
        for name, value in observed.items():
            if name not in self._types:
                unknown.append(f"observed.{name}")
                continue
            parts = {name: (value, self._types[name] | None)}
            if name in BY_POOL and isinstance(value, dict):
                unknown += [f"observed.{name}.{pool}" for pool in value if pool not in POOLS]
                parts = {f"{name}.{pool}": (value[pool], Countable | None) for pool in value if pool in POOLS}
            for part, (written, kind) in parts.items():
                try:
                    self._check_form(part, written, kind)
                except BadRecord as fault:
                    wrong.append(fault)
        for name in () if as_answer else unknown:
            *_, parent, last = ["", *name.split(".", 2)]
            known, what = (POOLS, "pool") if parent in BY_POOL else (NAMES, "field of an answer")
            wrong.append(BadRecord(one_line(name), no_such(what, last, known)))
        if wrong:
            raise first_of(wrong)
        return unknown

    def forms(self) -> dict[str, Any]:
        """Returns the form of each value by name: a kind, the words, or in a list the words of a list."""
        kinds: dict[str, str] = {
            **dict.fromkeys(BY_POOL, "tokens by pool"),
            **dict.fromkeys(INSTANTS, "instant"),
            **dict.fromkeys(SUMS, "tokens"),
        }
        kinds |= dict.fromkeys(_COUNTS, "tokens") | {"duplicate": "bool"}
        return {name: kinds.get(name, "text") for name in NAMES} | dict(self._values) | {n: [s.members] for n, s in LISTS.items()}

    def _check_form(self, name: str, value: Any, kind: Any) -> None:
        wrong = _not_converted(value, kind)
        if wrong:
            known = self._values.get(name, ())
            rule = f"it is one of {', '.join(known)}{did_you_mean(value, known)}" if known else wrong
            raise BadRecord(f"observed.{name}", rule, as_text(value))
        if name in INSTANTS and value is not None:
            read_by(instant_of, f"observed.{name}", value)


def have_good_instants(observed: Mapping[str, Any]) -> bool:
    """Returns true if every instant in the observation is well formed."""
    for name in INSTANTS:
        if name in observed and (written := observed[name]) is not None:
            try:
                instant_of(written)
            except ValueError:
                return False
    return True


def _states() -> dict[str, tuple[str, ...]]:
    """The states of an opened account, by the name under which answers show them."""
    machine = account()
    return {machine.control: tuple(state for state in machine.states if state != ABSENT)} if machine.control in SHOWN else {}


def _said(events: Iterable[Event]) -> dict[str, tuple[str, ...]]:
    """By field of an answer, the words that the declared rules return in it."""
    found: dict[str, dict[str, None]] = {}
    for event in events:
        enums = {f.name: f.type.members for f in event.fields if isinstance(f.type, Enum)}
        for said in (said for rule in event.rules for said in rule.answer):
            match said.value:
                case Lit(str(word)):
                    words: tuple[str, ...] = (word,)
                case Var(name) if name in enums:
                    words = enums[name]
                case _:
                    continue
            found.setdefault(said.name, {}).update(dict.fromkeys(words))
    return {name: tuple(words) for name, words in found.items()}


def _type(name: str, values: Mapping[str, tuple[str, ...]]) -> Any:
    if name in values:
        return Literal[values[name]]
    if name in BY_POOL:
        return dict[Literal[POOLS], Countable | None]  # type: ignore[valid-type]
    if name in INSTANTS:
        return str | Countable
    if name in LISTS:
        return list[Literal[LISTS[name].members]]  # type: ignore[misc]
    return {**dict.fromkeys((*_COUNTS, *SUMS), Countable), **dict.fromkeys(_FLAGS, bool)}.get(name, str)


@cache
def _shape(types: tuple[tuple[str, Any], ...]) -> type[msgspec.Struct]:
    fields = [(name, kind | None | UnsetType, UNSET) for name, kind in types]
    return msgspec.defstruct("Observed", fields, forbid_unknown_fields=True, module=__name__, gc=False)


def _not_converted(value: Any, kind: Any) -> str:
    """Explains the reason why `value` is not of type `kind`; an empty text where it is."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as fault:
        return in_our_words(str(fault)).partition(" - at ")[0]
    except RecursionError:
        return "it is nested too deeply"
    return ""

"""Capabilities that an implementation announces when a world is opened: events, observed fields, fixed policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, cached_property
from typing import Any

import msgspec

from tokenspec.machine.lang.declaration import Event, Origin
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.errors import BadRecord, BadSetting
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import IDS, POOLS, SPEC, AnyCatalogue, account, system
from tokenspec.oracle.base.text import as_text, in_our_words, one_line
from tokenspec.oracle.wire.answers import FIELDS, SUMS, Answer, total
from tokenspec.oracle.wire.protocol import event_names, given
from tokenspec.oracle.wire.records import value_readers
from tokenspec.oracle.wire.resets import resets_from, resets_on_the_wire, unwritten
from tokenspec.oracle.wire.settings import catalogue_from, catalogue_on_the_wire, figures_named, policy_from

_OBJECTS = ("charge", "balances")
OBSERVABLE = (*FIELDS, *SUMS, *(f"{whole}.{pool}" for whole in _OBJECTS for pool in POOLS))


ASKED_FOR = tuple(key for key in SPEC.names if any(k.name == key and k.optional for e in account().events for k in e.keys))
"""Optional fields of a record that are sent only to implementations that announce them."""

REPEATS = ANY, SAME_REQUEST, NO_REPEATS = ("any", "same_request", "none")
"""The records under an id that was used before that are sent: all, those that repeat its first request, or none."""
INSTANTS = MILLISECONDS, SECONDS = ("milliseconds", "seconds")
"""The precision of instants."""
RUNS = PER_ACCOUNT, BATCH = ("per_account", "batch")
"""One run of a job is for one account, or for all for which it is due."""


@dataclass(frozen=True)
class Capabilities:
    """A checked answer to `open`."""

    resets: str
    events: frozenset[str]
    observes: tuple[str, ...]
    name: str = ""
    version: str = ""
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """By field of an event, the accepted values; every value where a field is not named."""
    policy: Mapping[str, str] = field(default_factory=dict)
    """The fixed settings."""
    fields: frozenset[str] = frozenset()
    """The accepted fields among ASKED_FOR."""
    catalogue: Mapping[str, Any] = field(default_factory=dict)
    """Figures that it has fixed: keys of a catalogue in its wire form, each in the place of the one that is sent."""
    largest: int = COUNTABLE_MAX
    """The largest amount, and the largest balance, that it can hold; an amount below 0 is as large as its absolute value."""
    refusals: frozenset[str] | None = None
    """The codes of the refusals that it knows; None for all of them."""
    repeats: str = ANY
    """The repeated ids that it takes, one of REPEATS."""
    instants: str = MILLISECONDS
    """The precision of instants, one of INSTANTS."""
    jobs: str = PER_ACCOUNT
    """The accounts that one run of a job is for, one of RUNS."""

    @cached_property
    def opens_accounts(self) -> bool:
        """True if accounts are opened by an event; else each begins with its first event."""
        return SPEC.opening.name in self.events

    @property
    def unwritten(self) -> frozenset[str]:
        """The jobs that are not sent, since what they are about happens by itself."""
        return unwritten(self.resets)

    def catalogue_over(self, sent: AnyCatalogue) -> AnyCatalogue:
        """Returns the catalogue that counts where `sent` was sent. Raises `BadSetting` where the whole breaks the limits."""
        return catalogue_from(catalogue_on_the_wire(sent) | dict(self.catalogue)) if self.catalogue else sent

    @cached_property
    def looks_ahead(self) -> bool:
        """True if what may be sent depends on the right answer to it."""
        # A sum of balances that can all be counted may be one that cannot.
        return self.refusals is not None or self.largest < COUNTABLE_MAX or "total" in self.observes

    def bars(self, answer: Answer) -> str:
        """Returns the reason that a request with this right answer is not sent; empty where it may be."""
        if answer.outcome == "refused" and self.refusals is not None and answer.reason not in self.refusals:
            return f"it is refused with {answer.reason}, which is not among its refusals"
        if answer.outcome == "refused" and self.largest < COUNTABLE_MAX and answer.reason in _beyond_all():
            return f"it would lift a pool beyond {self.largest}"
        held = [*answer.balances.values(), *([total(answer) or 0] if "total" in self.observes else [])]
        return f"it would lift a balance beyond {self.largest}" if max(held, default=0) > self.largest else ""

    @property
    def title(self) -> str:
        """The implementation's name and version, as far as given."""
        return (
            " ".join(part for part in (one_line(self.name), one_line(self.version)) if part) or "an implementation without a name"
        )

    def keys_to_fit(self, event: Event) -> dict[str, bool]:
        """Returns those of `payload_keys` of which some value may not be taken."""
        has_limit = self.largest < COUNTABLE_MAX
        keys = payload_keys(event).items()
        return {k: optional for k, optional in keys if has_limit or k in self.values or not self.takes(k, None, optional)}

    def takes(self, key: str, value: Any, is_optional: bool = False) -> bool:
        """Returns true if `value` may be sent in the field `key`, which a record of the event may omit if `is_optional`."""
        if is_optional and key in ASKED_FOR and key not in self.fields:
            return False
        numbers = value.values() if isinstance(value, dict) else (value,)
        if any(type(number) is int and abs(number) > self.largest for number in numbers):
            return False
        return key not in self.values or any(type(v) is type(value) and v == value for v in self.values[key])


def capabilities_from(answer: Mapping[str, Any]) -> Capabilities:
    """Returns the capabilities in an answer to `open`. Raises `BadSetting` with the field and the rule it breaks."""
    # Text such as daily=implied is our own way to keep what an answer says in an object.
    said = answer.get("resets")
    resets = resets_from([said] if isinstance(said, str) and "=" in said else said)
    events = _names(answer, "events", event_names())
    if written := [name for name in events if name in unwritten(resets)]:
        by_clock = resets_on_the_wire(resets)
        told = f" of {', '.join(c for c, word in by_clock.items() if word == 'implied')}" if isinstance(by_clock, dict) else ""
        raise BadSetting("events", f"where resets{told} are implied, no job is written, and it lists {', '.join(written)}")
    policy = given(answer, "policy", {})
    is_policy = isinstance(policy, dict) and all(isinstance(choice, str) for choice in policy.values())
    _demand("policy", policy, is_policy, "it holds a choice for each policy that is fixed")
    policy_from(policy)
    name, version = given(answer, "name", ""), given(answer, "version", "")
    for key, text in (("name", name), ("version", version)):
        _demand(key, text, isinstance(text, str), "it is a text")
    listed = _names(answer, "observes", OBSERVABLE)
    largest = given(answer, "largest", COUNTABLE_MAX)
    is_countable = type(largest) is int and 1 <= largest <= COUNTABLE_MAX
    _demand("largest", largest, is_countable, f"it is a whole number from 1 to {COUNTABLE_MAX}")
    usual = ANY if "duplicate" in listed else NO_REPEATS
    return Capabilities(
        resets,
        frozenset(events),
        tuple(name for name in OBSERVABLE if name in listed),
        name,
        version,
        _values(answer),
        policy,
        frozenset(_names({"fields": given(answer, "fields", [])}, "fields", ASKED_FOR)),
        figures_named(given(answer, "catalogue", {})),
        largest,
        None if answer.get("refusals") is None else frozenset(_names(answer, "refusals", _codes())),
        _one_of(answer, "repeats", REPEATS, usual),
        _one_of(answer, "instants", INSTANTS, MILLISECONDS),
        _one_of(answer, "jobs", RUNS, PER_ACCOUNT),
    )


def _demand(key: str, found: Any, holds: bool, rule: str) -> None:
    """Raises `BadSetting` where what was found under a key is not as the rule says."""
    if not holds:
        raise BadSetting(key, f"{rule}, found {as_text(found)}")


def _one_of(answer: Mapping[str, Any], key: str, words: tuple[str, ...], absent: str) -> str:
    word = given(answer, key, absent)
    _demand(key, word, word in words, f"it is one of {', '.join(words)}")
    return str(word)


@cache
def _codes() -> tuple[str, ...]:
    """Returns the code of every refusal of an event that can be sent."""
    events = [event for event in system().events if event.name in event_names()]
    return tuple(
        dict.fromkeys([*([IDS.code] if IDS is not None else []), *(need.code for event in events for need in event.requires)])
    )


def _names(answer: Mapping[str, Any], key: str, known: tuple[str, ...]) -> list[str]:
    names: Any = answer.get(key)
    _demand(key, names, isinstance(names, list), "it is a list of names")
    for name in names:
        if name not in known:
            raise BadSetting(key, f"there is no {as_text(name)}; there are {', '.join(known)}{did_you_mean(name, known)}")
    return list(names)


@cache
def _beyond_all() -> frozenset[str]:
    """Returns the codes that refuse what would lift a pool beyond all that can be counted."""
    return frozenset(need.code for event in system().events for need in event.requires if _names_the_limit(need.holds))


def _names_the_limit(part: object) -> bool:
    if isinstance(part, Lit):
        return part.value == COUNTABLE_MAX
    return is_dataclass(part) and any(_names_the_limit(getattr(part, each.name)) for each in fields(part))


def _values(answer: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    values = given(answer, "values", {})
    _demand("values", values, isinstance(values, dict), "it is an object")
    known = value_readers(system().events)
    for key, listed in values.items():
        if key not in known:
            raise BadSetting(
                "values", f"no event has a field {as_text(key)}; there are {', '.join(sorted(known))}{did_you_mean(key, known)}"
            )
        _demand(f"values.{key}", listed, isinstance(listed, list), "it is a list")
        for value in listed:
            _demand(f"values.{key}", value, value is not None, "each is a value of that field")
            try:
                known[key](value)
            except (msgspec.ValidationError, BadRecord) as fault:
                says = fault.rule if isinstance(fault, BadRecord) else in_our_words(str(fault))
                raise BadSetting(f"values.{key}", f"{says}, found {as_text(value)}") from None
    return {key: tuple(listed) for key, listed in values.items()}


def payload_keys(event: Event) -> dict[str, bool]:
    """Returns the fields of a record of `event` by name, true for those that may be left out."""
    fields = {f.key: bool(f.instead) for f in event.fields if f.origin is Origin.PAYLOAD}
    return fields | {key.name: key.optional for key in event.keys}

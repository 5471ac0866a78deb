"""Capabilities that an implementation announces when a world is opened: events, observed fields, fixed policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any

from tokenspec.machine.lang.declaration import Event, Origin
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import IDS, POOLS, SPEC, AnyCatalogue, account, system
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.wire.answers import FIELDS, SUMS, Answer, total
from tokenspec.oracle.wire.protocol import event_names
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
    """The largest amount, and the largest balance, that it can hold."""
    refusals: frozenset[str] | None = None
    """The codes of the refusals that it knows; None for all of them."""
    repeats: str = ANY
    """The repeated ids that it takes, one of REPEATS."""
    instants: str = MILLISECONDS
    """The precision of instants, one of INSTANTS."""
    jobs: str = PER_ACCOUNT
    """The accounts that one run of a job is for, one of RUNS."""

    @property
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

    @property
    def looks_ahead(self) -> bool:
        """True if what may be sent depends on the right answer to it."""
        return self.refusals is not None or self.largest < COUNTABLE_MAX

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

    def takes(self, key: str, value: Any, is_optional: bool = False) -> bool:
        """Returns true if `value` may be sent in the field `key`, which a record of the event may omit if `is_optional`."""
        if is_optional and key in ASKED_FOR and key not in self.fields:
            return False
        if any(
            type(tokens) is int and tokens > self.largest for tokens in (value.values() if isinstance(value, dict) else [value])
        ):
            return False
        return key not in self.values or any(type(v) is type(value) and v == value for v in self.values[key])


def capabilities_from(answer: Mapping[str, Any]) -> Capabilities:
    """Returns the capabilities in an answer to `open`. Raises `BadSetting` with the field and the rule it breaks."""
    resets = resets_from(answer.get("resets"))
    events = _names(answer, "events", event_names())
    if written := [name for name in events if name in unwritten(resets)]:
        told = "" if resets == "implied" else f" of {', '.join(c for c, word in _by_clock(resets).items() if word == 'implied')}"
        raise BadSetting("events", f"where resets{told} are implied, no job is written, and it lists {', '.join(written)}")
    policy = _given(answer, "policy", {})
    if not isinstance(policy, dict) or not all(isinstance(setting, str) for setting in policy.values()):
        raise BadSetting("policy", f"it holds a choice for each policy that is fixed, found {as_text(policy)}")
    policy_from(policy)
    texts = {key: _given(answer, key, "") for key in ("name", "version")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise BadSetting(key, f"it is a text, found {as_text(text)}")
    listed = _names(answer, "observes", OBSERVABLE)
    largest = _given(answer, "largest", COUNTABLE_MAX)
    if type(largest) is not int or not 1 <= largest <= COUNTABLE_MAX:
        raise BadSetting("largest", f"it is a whole number from 1 to {COUNTABLE_MAX}, found {as_text(largest)}")
    usual = ANY if "duplicate" in listed else NO_REPEATS
    return Capabilities(
        resets,
        frozenset(events),
        tuple(name for name in OBSERVABLE if name in listed),
        texts["name"],
        texts["version"],
        _values(answer),
        policy,
        frozenset(_names({"fields": _given(answer, "fields", [])}, "fields", ASKED_FOR)),
        figures_named(_given(answer, "catalogue", {})),
        largest,
        None if answer.get("refusals") is None else frozenset(_names(answer, "refusals", _codes())),
        _one_of(answer, "repeats", REPEATS, usual),
        _one_of(answer, "instants", INSTANTS, MILLISECONDS),
        _one_of(answer, "jobs", RUNS, PER_ACCOUNT),
    )


def _by_clock(resets: str) -> Mapping[str, str]:
    written = resets_on_the_wire(resets)
    return written if isinstance(written, dict) else {}


def _one_of(answer: Mapping[str, Any], key: str, words: tuple[str, ...], absent: str) -> str:
    word = _given(answer, key, absent)
    if word not in words:
        raise BadSetting(key, f"it is one of {', '.join(words)}, found {as_text(word)}")
    return str(word)


@cache
def _codes() -> tuple[str, ...]:
    """Returns the code of every refusal of an event that can be sent."""
    events = [event for event in system().events if event.name in event_names()]
    return tuple(
        dict.fromkeys([*([IDS.code] if IDS is not None else []), *(need.code for event in events for need in event.requires)])
    )


def _given(answer: Mapping[str, Any], key: str, absent: Any) -> Any:
    """Returns the value of a key that may be left out; null, and nothing else, is the same as absent."""
    value = answer.get(key)
    return absent if value is None else value


def _names(answer: Mapping[str, Any], key: str, known: tuple[str, ...]) -> list[str]:
    names = answer.get(key)
    if not isinstance(names, list):
        raise BadSetting(key, f"it is a list of names, found {as_text(names)}")
    for name in names:
        if name not in known:
            raise BadSetting(key, f"there is no {as_text(name)}; there are {', '.join(known)}{did_you_mean(str(name), known)}")
    return names


@cache
def _beyond_all() -> frozenset[str]:
    """Returns the codes that refuse what would lift a pool beyond all that can be counted."""
    return frozenset(need.code for event in system().events for need in event.requires if _names_the_limit(need.holds))


def _names_the_limit(part: object) -> bool:
    if isinstance(part, Lit):
        return part.value == COUNTABLE_MAX
    return is_dataclass(part) and any(_names_the_limit(getattr(part, each.name)) for each in fields(part))


def _values(answer: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    values = _given(answer, "values", {})
    if not isinstance(values, dict):
        raise BadSetting("values", f"it is an object, found {as_text(values)}")
    known = {key for event in system().events for key in payload_keys(event)}
    for key, listed in values.items():
        if key not in known:
            raise BadSetting(
                "values", f"no event has a field {as_text(key)}; there are {', '.join(sorted(known))}{did_you_mean(key, known)}"
            )
        if not isinstance(listed, list):
            raise BadSetting(f"values.{key}", f"it is a list, found {as_text(listed)}")
    return {key: tuple(listed) for key, listed in values.items()}


def payload_keys(event: Event) -> dict[str, bool]:
    """Returns the fields of a record of `event` by name, true for those that may be left out."""
    fields = {f.key: bool(f.instead) for f in event.fields if f.origin is Origin.PAYLOAD}
    return fields | {key.name: key.optional for key in event.keys}

"""Capabilities that an implementation announces when a world is opened: events, observed fields, fixed policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenspec.machine.lang.declaration import Event, Origin
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.wire.answers import FIELDS, SUMS
from tokenspec.oracle.wire.protocol import JOBS, event_names
from tokenspec.oracle.wire.settings import RESETS, policy_from
from tokenspec.spec.system import system
from tokenspec.spec.words import POOLS

_OBJECTS = ("charge", "balances")
OBSERVABLE = (*FIELDS, *SUMS, *(f"{whole}.{pool}" for whole in _OBJECTS for pool in POOLS))


ASKED_FOR = ("model", "action")
"""Optional fields of a record that are sent only to implementations that announce them."""


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

    @property
    def opens_accounts(self) -> bool:
        """True if accounts are opened by an event; else each begins with its first event."""
        return "open_account" in self.events

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
        return key not in self.values or any(type(v) is type(value) and v == value for v in self.values[key])


def capabilities_from(answer: Mapping[str, Any]) -> Capabilities:
    """Returns the capabilities in an answer to `open`. Raises `BadSetting` with the field and the rule it breaks."""
    resets = answer.get("resets")
    if resets not in RESETS:
        raise BadSetting("resets", f"it is one of {', '.join(RESETS)}, found {as_text(resets)}")
    events = _names(answer, "events", event_names())
    if resets == "implied" and (written := [name for name in JOBS if name in events]):
        raise BadSetting("events", f"where resets are implied, no job is written, and it lists {', '.join(written)}")
    policy = _given(answer, "policy", {})
    if not isinstance(policy, dict) or not all(isinstance(setting, str) for setting in policy.values()):
        raise BadSetting("policy", f"it holds a choice for each policy that is fixed, found {as_text(policy)}")
    policy_from(policy)
    texts = {key: _given(answer, key, "") for key in ("name", "version")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise BadSetting(key, f"it is a text, found {as_text(text)}")
    fields = frozenset(_names({"fields": _given(answer, "fields", [])}, "fields", ASKED_FOR))
    listed = _names(answer, "observes", OBSERVABLE)
    observes = tuple(name for name in OBSERVABLE if name in listed)
    about = texts["name"], texts["version"], _values(answer), policy, fields
    return Capabilities(str(resets), frozenset(events), observes, *about)


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


def _values(answer: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    values = _given(answer, "values", {})
    if not isinstance(values, dict):
        raise BadSetting("values", f"it is an object, found {as_text(values)}")
    account, _, session = system().machines
    known = {key for event in (*account.events, *session.events) for key in payload_keys(event)}
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

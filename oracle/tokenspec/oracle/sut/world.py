"""A world at an implementation: opening, closing, and divergences."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import msgspec

from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.specification import DEFAULTS, SPEC, AnyCatalogue
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.sut.capabilities import Capabilities, capabilities_from
from tokenspec.oracle.sut.client import DIED, ERROR, GARBAGE, HUNG, Client, Failed, Message
from tokenspec.oracle.sut.observed import Reasons
from tokenspec.oracle.wire.answers import Answer, Difference
from tokenspec.oracle.wire.protocol import PROTOCOL
from tokenspec.oracle.wire.settings import catalogue_from, catalogue_on_the_wire

DIFFERS = "differs"


class CannotOpen(Exception):
    """The implementation refuses to open this world: there is nothing to be judged."""


class NotThere(OSError):
    """An implementation that ended, or was silent, before it ever answered an `open`."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(errno.ENOENT, str(failed), "--sut")


class Diverged(Exception):
    """A wrong or missing answer: `differences`, or the failure; `expected` is None for a request that is not an event."""

    def __init__(self, expected: Answer | None, rule: str | None, found: list[Difference], failed: Failed | None = None) -> None:
        self.expected, self.rule, self.differences, self.failed = expected, rule, found, failed
        super().__init__(str(failed) if failed is not None else found[0][0])

    @property
    def field(self) -> str:
        """The first field that differs; where there was no answer, the request."""
        return self.differences[0][0] if self.failed is None else "answer" if self.expected is not None else "open"

    @property
    def kind(self) -> tuple[str, ...]:
        """The identity of a divergence: its first field and rule, or the way in which the request failed."""
        return (self.failed.how, self.field) if self.failed is not None else (DIFFERS, self.field, self.rule or "")


@dataclass(frozen=True)
class SutSettings:
    """The settings of a run against an implementation."""

    policy: Mapping[str, str]
    """The choice for every policy, as sent."""
    catalogue: AnyCatalogue
    reasons: Reasons | None = None
    known: Mapping[str, str] | None = None
    """The known settings, where others are inferred; None where all of them are known."""
    named: Mapping[str, str] = field(default_factory=dict)
    """The settings that the user asked for."""
    has_own_catalogue: bool = False
    """True if the user gave the catalogue, so that worlds have no other."""

    def request(self) -> Message:
        """Returns the request that opens a world."""
        return open_request(catalogue_on_the_wire(self.catalogue), self.policy)

    def opened_at(self, openings: Openings) -> Capabilities:
        """Opens a world under these settings. Raises as `Openings.open` does."""
        return openings.open(catalogue_on_the_wire(self.catalogue), self.policy)

    def under(self, terms: Capabilities) -> SutSettings:
        """Returns these settings with the figures that the implementation has fixed."""
        return replace(self, catalogue=terms.catalogue_over(self.catalogue))


def open_request(catalogue: Mapping[str, Any], policy: Mapping[str, str]) -> Message:
    """Returns the request that opens a world; the catalogue in its wire form, a choice for every policy."""
    return {"op": "open", "protocol": PROTOCOL, "catalogue": dict(catalogue), "policy": dict(policy)}


def opened(client: Client, request: Message) -> Capabilities:
    """Opens a world. Raises `CannotOpen`, and `Diverged` where there is no answer or it breaks the protocol."""
    answer = client.ask(request)
    if isinstance(answer, Failed):
        raise Diverged(None, None, [], replace(answer, detail=f"asked to open a world, {answer.detail}"))
    if answer.get("error") is not None:
        raise CannotOpen(one_line(str(answer["error"]), 1_000))
    try:
        return _told(msgspec.json.encode(answer))
    except BadSetting as fault:
        raise _broken(GARBAGE, f"its answer to open breaks the protocol: {fault}") from None


@lru_cache(maxsize=16)
def _told(answer: bytes) -> Capabilities:
    """Returns the capabilities in an answer, which is mostly the same for each world."""
    return capabilities_from(msgspec.json.decode(answer))


class Openings:
    """The worlds opened at one implementation. `named` are the settings that the user asked for.

    An implementation announces the same capabilities each time, and accepts again what it accepted before: otherwise it
    asked. Of a policy or a figure it may answer each time what it was asked for, or each time the same: then it has fixed it.
    """

    def __init__(self, client: Client, named: Mapping[str, str] | None = None) -> None:
        self.client, self._named = client, dict(named or {})
        self.terms: Capabilities | None = None
        """The capabilities announced first."""
        self.left_out: frozenset[str] = frozenset()
        """Policies unknown to the implementation; they are not sent while they have their default."""
        self._taken, self._answered = set[bytes](), False
        self._not_the_same, self._not_as_asked = set[str](), set[str]()
        self._first_figures: Mapping[str, Any] = {}

    @property
    def fixed(self) -> dict[str, str]:
        """The settings that were answered each time in the same way."""
        policy = self.terms.policy if self.terms is not None else {}
        return {name: choice for name, choice in policy.items() if name not in self._not_the_same}

    @property
    def fixed_figures(self) -> dict[str, Any]:
        """The keys of the catalogue that it has answered otherwise than they were asked for."""
        return {key: value for key, value in self._first_figures.items() if f"catalogue.{key}" in self._not_as_asked}

    def breaks_limits(self, catalogue: AnyCatalogue) -> bool:
        """Returns whether a catalogue breaks the limits with the figures that the implementation has fixed."""
        try:
            _figures(self.terms or Capabilities("explicit", frozenset(), ()), catalogue_on_the_wire(catalogue))
        except BadSetting:
            return True
        return False

    def open(self, catalogue: Mapping[str, Any], policy: Mapping[str, str]) -> Capabilities:
        """Opens a world; the catalogue in its wire form, a choice for every policy.

        Raises `CannotOpen`, `Diverged` where the answer breaks the protocol or differs from an earlier one, `WrongUsage` where a
        setting that the user asked for is fixed otherwise, `BadSetting` where the catalogue breaks the limits with what it has
        fixed, `NotThere`.
        """
        world = msgspec.json.encode((catalogue, policy))
        try:
            terms = self._first(catalogue, policy) if self.terms is None else self._asked(catalogue, policy)
        except CannotOpen as fault:
            if world in self._taken:
                raise _broken(ERROR, f"it refuses settings and a catalogue that it took before: {fault}") from None
            raise
        self._taken.add(world)
        self._check(terms, policy, catalogue)
        for name, asked in self._named.items():
            if terms.policy.get(name, asked) != asked:
                says = f"the implementation says {name}={terms.policy[name]} in its answer to open; leave the option out"
                raise WrongUsage(f"--policy {name}={asked}", says)
        return terms

    def sent(self, policy: Mapping[str, str]) -> dict[str, str]:
        """Returns the choices of `policy` that are sent: all but the defaults of those that are left out."""
        return {name: choice for name, choice in policy.items() if name not in self.left_out or choice != DEFAULTS[name]}

    def _asked(self, catalogue: Mapping[str, Any], policy: Mapping[str, str]) -> Capabilities:
        try:
            terms = opened(self.client, open_request(catalogue, self.sent(policy)))
        except Diverged as error:
            if not self._answered and error.failed is not None and error.failed.how in (DIED, HUNG):
                raise NotThere(error.failed) from None
            raise
        except CannotOpen:
            self._answered = True
            raise
        self._answered = True
        return terms

    def _first(self, catalogue: Mapping[str, Any], policy: Mapping[str, str]) -> Capabilities:
        """Opens the first world, without policies that the implementation does not know: those that its error names, or all."""
        why: CannotOpen | None = None
        while True:
            try:
                terms = self.terms = self._asked(catalogue, policy)
                return terms
            except Diverged:
                # An implementation need not accept an `open` in which policies are missing.
                if why is None:
                    raise
                self.left_out = frozenset()
                raise why from None
            except CannotOpen as fault:
                why = why or fault
                rest = {name for name, choice in policy.items() if choice == DEFAULTS[name]} - self.left_out
                if not rest:
                    self.left_out = frozenset()
                    raise why from None
                self.left_out |= {name for name in rest if re.search(rf"\b{name}\b", str(fault))} or rest

    def _check(self, now: Capabilities, policy: Mapping[str, str], catalogue: Mapping[str, Any]) -> None:
        """Raises `Diverged` where `now` is not what was said before, `BadSetting` where its figures break the limits."""
        first = self.terms
        assert first is not None
        changed = "" if now is first else next((name for name in _STANDING if getattr(now, name) != getattr(first, name)), "")
        for part in ("policy", "catalogue"):
            if not changed and getattr(now, part).keys() != getattr(first, part).keys():
                changed = part
        if changed:
            raise _broken(GARBAGE, f"it answered open differently from the first time: its {changed}")
        for name, choice in now.policy.items():
            self._note(name, choice, first.policy[name], policy[name])
        if now.catalogue:
            figures, asked = _figures(now, catalogue), _whole(catalogue)
            self._first_figures = self._first_figures or figures
            for key, value in figures.items():
                self._note(f"catalogue.{key}", value, self._first_figures[key], asked[key])

    def _note(self, name: str, answer: Any, first: Any, asked: Any) -> None:
        """Raises `Diverged` where a setting or a figure is neither the same each time nor each time what was asked for."""
        if answer != first:
            self._not_the_same.add(name)
        if answer != asked:
            self._not_as_asked.add(name)
        if name in self._not_the_same and name in self._not_as_asked:
            part, told = "catalogue" if "." in name else "policy", [one_line(as_text(each), 80) for each in (answer, asked)]
            told = [answer, asked] if part == "policy" else told
            raise _broken(
                GARBAGE,
                f"it answered open differently from the first time: its {part}: {name} is {told[0]} where {told[1]} was asked "
                "for; it is the same each time, or each time what is asked",
            )


def _whole(catalogue: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a catalogue in its wire form with nothing left out, so that equal figures are equal."""
    return catalogue_on_the_wire(catalogue_from(catalogue))


def _figures(terms: Capabilities, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the figures that it announced, with nothing left out. Raises `BadSetting` where they break the limits."""
    try:
        whole = _whole({**sent, **terms.catalogue})
    except BadSetting as fault:
        told = f"with the figures that the implementation has fixed ({', '.join(terms.catalogue)}), {fault.rule}"
        raise BadSetting(f"catalogue in its answer to open: {fault.key}", told) from None
    return {key: whole[key] for key in terms.catalogue}


_STANDING = ("resets", "events", "observes", "values", "fields", "largest", "refusals", "repeats", "instants", "jobs")
"""The parts of an answer to `open` that are the same each time."""


def _broken(how: str, detail: str) -> Diverged:
    return Diverged(None, None, [], Failed(how, one_line(detail, 1_000)))


def opening_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the event by which an account begins as just opened, at the instant of its first record."""
    return {"account": record["account"], "at": record["at"], "event": SPEC.opening.name}


def applied(client: Client, record: Mapping[str, Any]) -> Message | Failed:
    """Returns the answer to an event; an error in answer to one is a failure."""
    return answer_to_event(client.ask(event_request(record)))


def event_request(record: Mapping[str, Any]) -> Message:
    """Returns the request by which an event happens."""
    return {"op": "apply", **record}


def answer_to_event(got: Message | Failed) -> Message | Failed:
    """Returns the answer to an event; an error in answer to one is a failure."""
    if not isinstance(got, Failed) and got.get("error") is not None:
        return Failed(ERROR, f"it answered with an error: {got['error']}")
    return got


class NotClosed(Diverged):
    """A world that was not closed: `close`, like every request, is answered with an object."""

    field = "close"


def close(client: Client) -> None:
    """Closes the world. Raises `NotClosed`."""
    answer = client.ask({"op": "close"})
    if not isinstance(answer, Failed) and answer.get("error") is not None:
        answer = Failed(ERROR, f"it answered with an error: {answer['error']}")
    if isinstance(answer, Failed):
        raise NotClosed(None, None, [], replace(answer, detail=f"asked to close, {answer.detail}"))

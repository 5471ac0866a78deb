"""A world at an implementation: how it is opened and closed, and what it is when an answer is not the right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.sut.capabilities import Capabilities, terms_from
from tokenspec.oracle.sut.client import ERROR, GARBAGE, Client, Failed, Message
from tokenspec.oracle.sut.observed import Reasons
from tokenspec.oracle.wire.answers import Answer, Difference
from tokenspec.oracle.wire.protocol import PROTOCOL
from tokenspec.oracle.wire.settings import catalogue_on_the_wire
from tokenspec.spec.catalogue import Catalogue

DIFFERS = "differs"


class CannotOpen(Exception):
    """The implementation says that it cannot run this world: there is nothing to be judged."""


class Diverged(Exception):
    """An answer that is not the right one, or none: `differences`, or what failed; `expected` is None for what is no event."""

    def __init__(self, expected: Answer | None, rule: str | None, found: list[Difference], failed: Failed | None = None) -> None:
        self.expected, self.rule, self.differences, self.failed = expected, rule, found, failed
        super().__init__(str(failed) if failed is not None else found[0][0])

    @property
    def field(self) -> str:
        """The first field that differs; where there was no answer, what was asked for."""
        return self.differences[0][0] if self.failed is None else "answer" if self.expected is not None else "open"

    @property
    def kind(self) -> tuple[str, str]:
        """What makes two of them the same: the first field that differs, or the way in which it failed."""
        return (self.failed.how if self.failed is not None else DIFFERS, self.field)


@dataclass(frozen=True)
class SutSettings:
    """What a run is about."""

    policy: Mapping[str, str]
    """Every policy, as they are sent."""
    catalogue: Catalogue
    reasons: Reasons | None = None
    known: Mapping[str, str] | None = None
    """Where settings are inferred: those that are not. None where all of them are known."""

    def request(self) -> Message:
        """The request that opens a world."""
        return open_request(catalogue_on_the_wire(self.catalogue), self.policy)


def open_request(catalogue: Mapping[str, Any], policy: Mapping[str, str]) -> Message:
    """The request that opens a world; the catalogue in its wire form, a choice for every policy."""
    return {"op": "open", "protocol": PROTOCOL, "catalogue": dict(catalogue), "policy": dict(policy)}


def opened(client: Client, request: Message) -> Capabilities:
    """Opens a world. Raises `CannotOpen`, and `Diverged` where the answer is none or breaks the protocol."""
    answer = client.ask(request)
    if isinstance(answer, Failed):
        raise Diverged(None, None, [], answer)
    if answer.get("error") is not None:
        raise CannotOpen(str(answer["error"]))
    try:
        return terms_from(answer)
    except BadSetting as fault:
        raise Diverged(None, None, [], Failed(GARBAGE, f"its answer to open breaks the protocol: {fault}")) from None


def applied(client: Client, record: Mapping[str, Any]) -> Message | Failed:
    """The answer to an event; an error that is answered to one is a failure."""
    got = client.ask({"op": "apply", **record})
    if not isinstance(got, Failed) and got.get("error") is not None:
        return Failed(ERROR, f"it answered with an error: {got['error']}")
    return got


class NotClosed(Diverged):
    """A world that was not closed: `close` is answered with an object, as everything is."""

    field = "close"


def close(client: Client) -> None:
    """Closes the world. Raises `NotClosed`."""
    answer = client.ask({"op": "close"})
    if not isinstance(answer, Failed) and answer.get("error") is not None:
        answer = Failed(ERROR, f"it answered close with an error: {answer['error']}")
    if isinstance(answer, Failed):
        raise NotClosed(None, None, [], answer)

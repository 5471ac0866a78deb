"""Vectors run against an implementation under test: each in a world of its own, one implementation for all of them.

    client = connect("node my-wallet/stdio.js", timeout=5)
    suite = default_suite()
    result = run_vector(client, suite.case(suite.index.vectors[0]))

What an implementation does not take is not sent to it, as everywhere: such a vector is skipped, and why is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import Capabilities, payload_keys
from tokenspec.oracle.sut.client import Client, Failed, Message
from tokenspec.oracle.sut.observed import Reasons, observed
from tokenspec.oracle.sut.world import CannotOpen, Diverged, applied, open_request, opened
from tokenspec.oracle.vectors.suite import Case, Step, Vector, record_of
from tokenspec.oracle.wire.answers import Difference, differences
from tokenspec.spec.system import system

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

_Numbered = list[tuple[int, Step]]
"""Steps with their numbers in the vector, from 1."""


@dataclass(frozen=True)
class VectorResult:
    """The result of a vector. `step` is that of the failure, from 1, and 0 where the world was not opened."""

    id: str
    title: str
    result: str
    why: str = ""
    """The reason that it was skipped."""
    step: int = 0
    differences: tuple[Difference, ...] = ()
    """The fields that are wrong: name, expected, got."""
    failed: Failed | None = None
    """In which way there was no answer."""
    expected: dict[str, Any] | None = None
    """The right answer to the step that failed."""

    @property
    def field(self) -> str:
        """The first field that is wrong; where there was no answer, what was asked for."""
        return self.differences[0][0] if self.differences else "answer" if self.step else "open"


def run_vector(
    client: Client,
    case: Case,
    reasons: Reasons | None = None,
    policy: Mapping[str, str] | None = None,
    on_open: Callable[[Capabilities], None] = lambda _: None,
) -> VectorResult:
    """Opens the vector's world and plays it, up to the first wrong answer. The world is left open.

    `reasons` are the implementation's own words for refusals. `policy` are settings that it is known to have; a vector
    that turns on other ones is skipped.
    """
    vector, known = case.vector, dict(policy or {})
    begun = begin(client, case, {**vector.policy, **known}, known, on_open)
    if isinstance(begun, VectorResult):
        return begun
    terms, steps = begun
    return play(client, case, steps, lambda step, got: differences(step.expect, observed(got, step.expect, terms, reasons)))


def play(client: Client, case: Case, steps: _Numbered, wrong: Callable[[Step, Message], Sequence[Difference]]) -> VectorResult:
    """Sends the steps, up to the first in which `wrong` finds something in the answer."""
    for number, step in steps:
        got = applied(client, record_of(step))
        failed, found = (got, ()) if isinstance(got, Failed) else (None, tuple(wrong(step, got)))
        if failed is not None or found:
            return VectorResult(case.id, case.vector.title, FAILED, "", number, found, failed, step.expect.as_dict())
    return VectorResult(case.id, case.vector.title, PASSED)


def begin(
    client: Client, case: Case, sent: Mapping[str, str], known: Mapping[str, str], on_open: Callable[[Capabilities], None]
) -> VectorResult | tuple[Capabilities, _Numbered]:
    """Opens the vector's world with the settings `sent`: what the implementation said of itself, and the steps it takes.

    `known` are settings that it is known to have. Where the vector ends there, what came of it.
    """
    title = case.vector.title
    try:
        terms = opened(client, open_request(case.vector.catalogue, sent))
    except CannotOpen as fault:
        return VectorResult(case.id, title, SKIPPED, f"it cannot open this world: {fault}")
    except Diverged as error:
        return VectorResult(case.id, title, FAILED, failed=error.failed)
    on_open(terms)
    steps, why = _fitted(case, terms, known)
    return VectorResult(case.id, title, SKIPPED, why) if why else (terms, steps)


def _fitted(case: Case, terms: Capabilities, policy: Mapping[str, str]) -> tuple[_Numbered, str]:
    """The steps that can be sent to an implementation with these terms; or none, and why the vector says nothing about it."""
    vector, settings = case.vector, {**policy, **terms.policy}
    if vector.resets != terms.resets:
        return [], f"its resets are {vector.resets}"
    for knob, answer in case.entry.policies.items():
        if settings.get(knob, answer) != answer:
            return [], f"it turns on {knob}={answer}"
    steps = list(enumerate(vector.steps, 1))
    if not terms.opens_accounts:
        steps, why = _without_openings(vector, {**vector.policy, **settings})
        if why:
            return [], why
    for _, step in steps:
        why = _not_taken(step, terms)
        if why:
            return [], why
    if not terms.observes or not steps:
        return [], "nothing of it is observed"
    return steps, ""


def _not_taken(step: Step, terms: Capabilities) -> str:
    record = record_of(step)
    if record["event"] not in terms.events:
        return f"it holds {record['event']}"
    optional = next(payload_keys(e) for m in system().machines for e in m.events if e.name == record["event"])
    for key, value in record.items():
        if key not in ("account", "at", "event", "id") and not terms.takes(key, value, optional.get(key, False)):
            return f"it holds a {key} that is not taken"
    if step.expect.duplicate is True and "duplicate" not in terms.observes:
        return "it repeats an id, and duplicate is not observed"
    return ""


def _without_openings(vector: Vector, policy: Mapping[str, str]) -> tuple[_Numbered, str]:
    """The steps without those that open accounts, if the others come to the same where accounts begin as just opened.

    An account that was opened a while before its first event may have its days end at another instant.
    """
    oracle = Oracle(policy, vector.catalogue, vector.resets)
    kept: _Numbered = []
    for number, step in enumerate(vector.steps, 1):
        record = record_of(step)
        if record["account"] not in oracle.accounts:
            if record["event"] == "open_account":
                continue
            oracle.apply({key: record[key] for key in ("account", "at")} | {"event": "open_account"})
        if oracle.apply(record).as_dict() != step.expect.as_dict():
            return [], "it is about how accounts are opened"
        kept.append((number, step))
    return kept, ""

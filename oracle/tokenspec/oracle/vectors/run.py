"""Vectors run against an implementation under test: each in a world of its own, one implementation for all of them.

    client = connect("node my-wallet/stdio.js", timeout=5)
    suite = default_suite()
    result = run_vector(client, suite.case(suite.index.vectors[0]))

Events and values that an implementation does not take are not sent: such a vector is skipped, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import structs

from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.specification import DEFAULT, SPEC, system
from tokenspec.oracle.logs.policies_tried import because_of
from tokenspec.oracle.logs.replay import Divergence
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import BATCH, NO_REPEATS, SAME_REQUEST, SECONDS, Capabilities, payload_keys
from tokenspec.oracle.sut.client import Client, Failed, Message
from tokenspec.oracle.sut.observed import Reasons, asking, held, observed
from tokenspec.oracle.sut.world import CannotOpen, Diverged, Openings, applied, opening_of
from tokenspec.oracle.vectors.suite import Case, Step, Vector, record_of
from tokenspec.oracle.wire.answers import Difference, differences
from tokenspec.oracle.wire.resets import clock_jobs, resets_from
from tokenspec.oracle.wire.settings import RESETS, catalogue_from, changed

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
    step: int = 0
    differences: tuple[Difference, ...] = ()
    failed: Failed | None = None
    """The way in which there was no answer."""
    expected: dict[str, Any] | None = None
    """The right answer to the step that failed."""
    answered: tuple[dict[str, Any], ...] = ()
    """The records up to a wrong answer, each with the compared part of its answer."""
    because: Divergence | None = None
    """The rule behind a wrong answer, and the policies under which it is right."""
    not_taken: Mapping[str, str] = field(default_factory=dict)
    """The settings of the world that the implementation did not announce."""
    held: frozenset[str] = frozenset()
    """The fields that held a value, in the answers or in the right ones."""
    unheard: int = 0
    """The number of refusals whose reason was neither observed nor answered, and so not compared."""
    cannot_run: bool = False
    """True if the implementation refuses to open this world."""

    @property
    def field(self) -> str:
        """Returns the first field that is wrong; where there was no answer, the request."""
        return self.differences[0][0] if self.differences else "answer" if self.step else "open"


def run_vector(
    client: Client,
    case: Case,
    reasons: Reasons | None = None,
    policy: Mapping[str, str] | None = None,
    openings: Openings | None = None,
) -> VectorResult:
    """Opens the vector's world and runs it, up to the first wrong answer. The world is left open.

    `reasons` are the implementation's own words for refusals. `policy` are its known settings; a vector
    that depends on other ones is skipped. `openings` are the worlds opened before. Raises `NotThere`, `WrongUsage`.
    """
    vector, known = case.vector, dict(policy or {})
    begun = begin(openings or Openings(client, known), case, {**vector.policy, **known}, known)
    if isinstance(begun, VectorResult):
        return begun
    terms, steps = begun
    result = play(client, case, steps, terms, reasons, lambda step, _, said: differences(step.expect, said))
    if not result.answered:
        return result
    policy, catalogue = {**vector.policy, **known, **terms.policy}, terms.catalogue_over(catalogue_from(vector.catalogue))
    because = because_of(result.answered, policy, catalogue, terms.resets)
    return replace(result, because=because, not_taken={k: v for k, v in policy.items() if k not in terms.policy})


def play(
    client: Client,
    case: Case,
    steps: _Numbered,
    terms: Capabilities,
    reasons: Reasons | None,
    wrong: Callable[[Step, Message, Message], Sequence[Difference]],
    barred: Callable[[Step], str] = lambda step: "",
) -> VectorResult:
    """Sends the steps, up to the first in which `wrong` finds a fault in the answer, or in its compared part.

    A vector in which no field observed holds a value, in the answers or in the right ones, is skipped, and so is one with a step
    that is `barred`, with the reason that it gives.
    """
    title, answered, anything, unheard = case.vector.title, list[Message](), set[str](), 0
    begun = set[str]()
    for number, step in steps:
        if why := barred(step):
            return _skipped(case, why)
        got = applied(client, record_of(step))
        if isinstance(got, Failed):
            return VectorResult(case.id, title, FAILED, "", number, (), got, step.expect.as_dict())
        said = observed(got, step.expect, terms, reasons)
        record = record_of(step)
        if not terms.opens_accounts and record["account"] not in begun:
            answered.append(opening_of(record))
        begun.add(record["account"])
        answered.append(record | {"observed": said})
        anything |= held(said, step.expect, terms)
        unheard += isinstance(step.expect.reason, str) and "reason" not in said
        if found := tuple(wrong(step, got, said)):
            right = step.expect.as_dict()
            return VectorResult(
                case.id, title, FAILED, "", number, found, None, right, tuple(answered), held=frozenset(anything), unheard=unheard
            )
    if not anything:
        return _skipped(case, NOTHING_HELD)
    return VectorResult(case.id, title, PASSED, held=frozenset(anything), unheard=unheard)


NOTHING_HELD = "none of the fields that it observes holds a value in it"


def begin(
    openings: Openings, case: Case, sent: Mapping[str, str], known: Mapping[str, str]
) -> VectorResult | tuple[Capabilities, _Numbered]:
    """Opens the vector's world with the settings `sent`; returns the announced capabilities, and the steps to be sent.

    `known` are its known settings. Returns the vector's result where it ends here.
    """
    try:
        terms = openings.open(case.vector.catalogue, sent)
    except BadSetting as fault:
        if isinstance(fault, WrongUsage) or openings.breaks_limits(DEFAULT):
            raise
        return _skipped(case, "its catalogue breaks the limits with the figures that are fixed")
    except CannotOpen as fault:
        return _skipped(
            case, f"it cannot run this world{f' ({named})' if (named := ', '.join(changed(sent))) else ''}: {fault}", True
        )
    except Diverged as error:
        return VectorResult(case.id, case.vector.title, FAILED, failed=error.failed)
    steps, why = fitted(case, terms, known)
    return _skipped(case, why) if why else (terms, steps)


def _skipped(case: Case, why: str, cannot_run: bool = False) -> VectorResult:
    return VectorResult(case.id, case.vector.title, SKIPPED, why, cannot_run=cannot_run)


def fitted(case: Case, terms: Capabilities, policy: Mapping[str, str]) -> tuple[_Numbered, str]:
    """Returns the steps that can be sent to an implementation with these capabilities; or none, and the reason."""
    vector, settings = case.vector, {**policy, **terms.policy}
    resets = resets_from(vector.resets)
    if {resets, terms.resets} == set(RESETS):
        return [], f"its resets are {resets}"
    for name, choice in case.entry.policies.items():
        if settings.get(name, choice) != choice:
            return [], f"it turns on {name}={choice}"
    steps = list(enumerate(vector.steps, 1))
    if not terms.opens_accounts or terms.catalogue or resets != terms.resets or "delta" in terms.observes:
        steps, why = _as_it_runs(vector, terms, {**vector.policy, **settings})
        if why:
            return [], why
    for why in (_not_taken(step, terms, [before for _, before in steps[:n]]) for n, (_, step) in enumerate(steps)):
        if why:
            return [], why
    if not terms.observes or not steps:
        return [], "nothing of it is observed"
    return steps, ""


def _not_taken(step: Step, terms: Capabilities, before: Sequence[Step]) -> str:
    """Returns the reason that a step is not sent; empty where it is."""
    record = record_of(step)
    if record["event"] not in terms.events:
        return f"it holds {record['event']}"
    optional = payload_keys(system().event_named[record["event"]])
    for key, value in record.items():
        if key not in ("account", "at", "event", "id") and not terms.takes(key, value, optional.get(key, False)):
            return f"it holds a {key} that is not taken"
    if step.expect.duplicate is True:
        used = (r for r in map(record_of, before) if all(r.get(key) == record[key] for key in ("account", "id")))
        if terms.repeats == NO_REPEATS:
            return "it repeats an id, and duplicate is not observed"
        if terms.repeats == SAME_REQUEST and next(used, {}) | {"at": record["at"]} != record:
            return "it repeats an id with another request"
    if terms.instants == SECONDS and parse_instant(record["at"]) % 1_000:
        return "it holds an instant that is no whole second"
    if terms.jobs == BATCH and record["event"] in clock_jobs():
        if step.expect.outcome == "refused":
            return "it sends a job where it is not due"
        if any(record_of(each)["account"] != record["account"] for each in before):
            return "it sends a job for one account of several"
    return terms.bars(step.expect)


def _oracle(policy: Mapping[str, str], catalogue: Mapping[str, Any], resets: str, terms: Capabilities | None = None) -> Oracle:
    """Returns an oracle without accounts, with the figures that `terms` fix; many vectors have the same settings and figures."""
    key = repr((sorted(policy.items()), catalogue, resets, terms and terms.catalogue))
    if key not in _ORACLES:
        figures = catalogue_from(catalogue)
        _ORACLES[key] = Oracle(policy, figures if terms is None else terms.catalogue_over(figures), resets)
    return _ORACLES[key].fork({})


_ORACLES = dict[str, Oracle]()


def _as_it_runs(vector: Vector, terms: Capabilities, policy: Mapping[str, str]) -> tuple[_Numbered, str]:
    """Returns the steps with the right answers to this implementation, if they come to the same by the same rules.

    Accounts that begin by themselves are not opened by a step; one that was opened a while before its first event may have its
    days end at another instant. Other figures give other balances.
    """
    kept = list[tuple[int, Step]]()
    ours = _oracle(policy, vector.catalogue, resets_from(vector.resets))
    theirs = _oracle(policy, vector.catalogue, terms.resets, terms)
    for number, step in enumerate(vector.steps, 1):
        record = record_of(step)
        by = ours.decide(ours.reader.convert(record))[1]
        if not terms.opens_accounts and record["account"] not in theirs.accounts:
            if record["event"] == SPEC.opening.name:
                continue
            theirs.apply(opening_of(record))
        answer, by_theirs = theirs.decide(theirs.reader.convert(record | asking(terms)))
        if by_theirs != by or (not terms.catalogue and differences(answer, step.expect.as_dict())):
            if (resets := resets_from(vector.resets)) != terms.resets:
                return [], f"its resets are {resets}"
            return (
                [],
                "it comes to something else with its own figures" if terms.catalogue else "it is about how accounts are opened",
            )
        kept.append((number, structs.replace(step, expect=answer)))
    return kept, ""

"""The reason for an answer: the rule or requirement that decided it, or the job that ran automatically just before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenspec.machine.lang.ids import Repeat
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import POOLS, SPEC, TOTAL_POOLS, clauses_of, reason
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.steps import RanByItself
from tokenspec.oracle.wire.answers import NULLS, Difference

REPEATED = "duplicate"
"""The name in place of a rule where an id was used before."""


_REPEATED = {
    Repeat.FIRST_ANSWER: "the id was used before, so the first answer stands",
    Repeat.PRESENT_STATE: "the id was used before, so the first answer stands, with the state of now",
    Repeat.REFUSED: "the id was used before, so the record is refused",
}


def because(
    oracle: Oracle, event: str, decided_by: str | None, differing: Sequence[Difference]
) -> tuple[str, str, tuple[str, ...]]:
    """Returns the rule, or the code of the refusal, behind `oracle`'s last answer, its reason, and the clauses it rests on.

    It is that of the fields that differ.
    """
    declared = oracle.machine.event_named.get(event) or oracle.session_machine.event_named[event]
    job = None if decided_by is None and oracle.repeat is Repeat.FIRST_ANSWER else _fell_due(oracle, event, differing)
    if job is not None:
        why, clauses = reason(oracle.machine.event_named[job.event], job.rule)
        told = f"{job.event} fell due at {format_instant(job.at)}, before this record, and ran by itself"
        return job.rule, f"{told}: {why}", clauses
    if decided_by is None:
        return REPEATED, _REPEATED[oracle.repeat], clauses_of(declared)
    return decided_by, *reason(declared, decided_by)


def _fell_due(oracle: Oracle, event: str, differing: Sequence[Difference]) -> RanByItself | None:
    """Returns the job that ran automatically, where the differences concern it and not the event after it."""
    ran = oracle.ran_by_itself
    if not ran:
        return None
    shown = {clock.job: SPEC.answer.clocks.get(clock.name, clock.name) for clock in oracle.machine.clocks}
    changed = {shown[job.event]: job for job in ran}
    for job in ran:
        before, after = oracle.compiled.state(job.before), oracle.compiled.state(job.after)
        # What a job sets counts as its own even where it was so before.
        set_by = {assigned.name for rule in oracle.machine.event_named[job.event].rules if rule.name == job.rule
                  for assigned in rule.effect}  # fmt: skip
        fields = [_field(name) for name in before if before[name] != after[name] or name in set_by]
        fields += ["total"] * any(before[pool] != after[pool] for pool in TOTAL_POOLS)
        changed |= dict.fromkeys(fields, job)
    if _without(oracle, event, differing, shown):
        return next((changed[name] for name, _, _ in differing if name in changed), ran[-1])
    by_event = _changed_by_event(oracle, event)
    if all(name in changed and name not in by_event for name, _, _ in differing):
        return changed[differing[0][0]]
    return None


def _field(variable: str) -> str:
    return f"balances.{variable}" if variable in POOLS else variable


def _changed_by_event(oracle: Oracle, event: str) -> set[str]:
    if oracle.last_met is None:
        return set()
    row, fields = oracle.last_met
    index, then, _ = oracle.compiled.steps[event](row, fields)
    if index < 0:
        return set()
    before, after = oracle.compiled.state(row), oracle.compiled.state(then)
    return {_field(name) for name in before if before[name] != after[name]}


def _without(oracle: Oracle, event: str, differing: Sequence[Difference], shown: dict[str, str]) -> bool:
    """Returns true if the observation is right for a system that has run none of the jobs."""
    ran = oracle.ran_by_itself
    said: dict[str, Any] = {shown[job.event]: format_instant(job.at) for job in reversed(ran)}
    row = ran[0].before
    if oracle.last_met is not None:
        index, after, answers = oracle.compiled.steps[event](row, oracle.last_met[1])
        said["outcome"], said["reason"] = ("accepted", None) if index >= 0 else ("refused", oracle.compiled.codes[-1 - index])
        if index >= 0:
            row = after
            given = oracle.machine.event_named[event].answers
            said |= {name.replace("charge_", "charge."): value for name, value in zip(given, answers, strict=True)}
    state = oracle.compiled.state(row)
    said |= {_field(name): None if value == NULLS.get(name) else value for name, value in state.items()}
    said["total"] = sum(said[_field(pool)] for pool in TOTAL_POOLS)
    return all(name in said and (said[name] == got or (not got and not said[name])) for name, _, got in differing)

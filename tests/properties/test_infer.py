"""`infer` against brute force: what it says of a set of settings is what replays under each of them say one by one."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, ClassVar

import pytest

from tokenspec.oracle import Oracle
from tokenspec.oracle.campaign import walk_worlds
from tokenspec.oracle.fuzz import World, world_fuzz
from tokenspec.oracle.infer import Inference, infer
from tokenspec.oracle.logs import Line
from tokenspec.oracle.replay import replay
from tokenspec.oracle.world import RESETS
from tokenspec.spec.catalogue import DEFAULT, Catalogue, Plan
from tokenspec.spec.policies import DEFAULTS, POLICIES

ANSWERS = {p.name: [answer for answer, _ in p.answers] for p in POLICIES}
OPEN_KNOBS = 4
"""How many knobs are left open at a time; the others are fixed to the answers that the log was made with."""

SMALL = Catalogue(
    DEFAULT.ranking,
    5,
    1,
    {name: Plan(10 * rank, rank, plan.relaxed) for rank, (name, plan) in enumerate(DEFAULT.plans.items())},
    {"small": 1, "large": 50},
    DEFAULT.prices,
)
"""Small figures, so that pools run dry, fill up and exceed a lower plan's ceiling within a few events."""

Log = tuple[World, list[Line]]


class Recorder(world_fuzz()):  # type: ignore[misc]
    """Keeps the records of every run, with what the oracle answered under the run's own setting."""

    fixed_catalogue = SMALL
    runs: ClassVar[list[tuple[World, list[dict[str, Any]]]]] = []

    def open_world(self, policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
        super().open_world(policy, catalogue, resets)
        type(self).runs.append((World(dict(self.oracle.policy), self.oracle.catalogue, resets), self.records))


def observed(answer: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """A part of the answer, as other systems write it; now and then one that is wrong."""
    said = {field: value for field, value in answer.items() if dice.random() < 0.5}
    balances = said.get("balances")
    if balances and dice.random() < 0.01:
        pool = dice.choice(list(balances))
        said["balances"] = {**balances, pool: balances[pool] + 1}
    return said


def lines_of(records: list[dict[str, Any]], dice: random.Random, compared: float) -> list[Line]:
    """The records as a log that says of a share of them, `compared`, what was observed."""
    lines = []
    for number, record in enumerate(records, 1):
        told = {field: value for field, value in record.items() if field != "observed"}
        if dice.random() < compared:
            told["observed"] = record["observed"] if compared == 1.0 else observed(record["observed"], dice)
        lines.append(Line("log", number, 0, json.dumps(told).encode()))
    return lines


@pytest.fixture(scope="module")
def logs() -> list[Log]:
    """Logs made under random settings, with both kinds of resets."""
    dice = random.Random(7)
    walk_worlds(Recorder, 50, 50, 23)
    return [(world, lines_of(records, dice, dice.choice((0.1, 0.5, 0.9)))) for world, records in Recorder.runs if records]


def first_divergence(lines: list[Line], policy: Mapping[str, str], world: World) -> int:
    """The line on which a plain replay first differs; one after the last where it never does."""
    report = replay(lines, Oracle(policy, world.catalogue, world.resets))
    return min([d.line.number for d in report.divergences], default=len(lines) + 1)


def choices(world: World, knobs: list[str]) -> Iterator[dict[str, str]]:
    for chosen in product(*(ANSWERS[knob] for knob in knobs)):
        yield {**world.policy, **dict(zip(knobs, chosen, strict=True))}


def inferred(log: Log, knobs: list[str]) -> Inference:
    world, lines = log
    fixed = {knob: answer for knob, answer in world.policy.items() if knob not in knobs}
    return infer(lines, fixed, world.catalogue, world.resets)


def expected(log: Log, knobs: list[str]) -> tuple[dict[str, list[str]], int, set[tuple[str, str, int]], int | None]:
    """Answers left, settings left, (knob, answer, line) ruled out, and the unexplained line, from replays one by one."""
    world, lines = log
    ends = [(policy, first_divergence(lines, policy, world)) for policy in choices(world, knobs)]
    last = {(k, a): max(end for policy, end in ends if policy[k] == a) for k in knobs for a in ANSWERS[k]}
    longest = max(end for _, end in ends)
    never = len(lines) + 1
    left = {knob: [a for a in ANSWERS[knob] if last[knob, a] == never] for knob in knobs}
    out = {(knob, answer, line) for (knob, answer), line in last.items() if line != never}
    return left, sum(end == never for _, end in ends), out, longest if longest != never else None


def checked(log: Log, knobs: list[str]) -> tuple[int, set[str], bool]:
    """Compares the two; how many settings are left, the knobs with an answer ruled out, and whether nothing explains."""
    left, count, out, line = expected(log, knobs)
    found = inferred(log, knobs)
    assert {knob: found.policies[knob] for knob in knobs} == left
    assert found.settings == count
    assert {(r.policy, r.answer, r.line.number) for r in found.ruled_out if r.policy in knobs} == out
    assert (found.unexplained.line.number if found.unexplained else None) == line
    return count, {knob for knob, _, _ in out}, line is not None


def test_what_is_inferred_is_what_replays_one_by_one_come_to(logs: list[Log]) -> None:
    dice, unexplained, ruled_out, partly = random.Random(3), 0, set[str](), 0
    for log in logs:
        knobs = sorted(dice.sample(list(ANSWERS), OPEN_KNOBS), key=list(ANSWERS).index)
        count, out, nothing_explains = checked(log, knobs)
        unexplained += nothing_explains
        ruled_out |= out if not nothing_explains else set()
        partly += 0 < count < 2**OPEN_KNOBS
    # Nothing of this may have held because nothing happened; which knobs a run meets is a matter of chance.
    assert unexplained >= 2
    assert partly > 20
    assert len(ruled_out) >= len(ANSWERS) - 3


@pytest.mark.parametrize("answer", ANSWERS["downgrade_bank"])
@pytest.mark.parametrize("resets", RESETS)
def test_a_bank_above_the_lower_ceiling_tells_what_a_downgrade_does(answer: str, resets: str) -> None:
    world = World({**DEFAULTS, "downgrade_bank": answer}, SMALL, resets)
    oracle, dice = Oracle(world.policy, SMALL, resets), random.Random(1)
    happened = [
        "1 open_account",
        "1 subscribe",
        "2 renew",
        "3 renew",
        "3 downgrade",
        "4 renew",
        "4 cancel",
        "5 renew",
        "6 subscribe",
    ]
    records: list[dict[str, Any]] = []
    for month, event in (text.split() for text in happened):
        plan = {"subscribe": "ultimate", "downgrade": "essential"}.get(event)
        record = {"account": "a", "at": f"2026-0{month}-28T00:00:00Z", "event": event} | ({"plan": plan} if plan else {})
        records.append({**record, "observed": oracle.apply(record).as_dict()})
    for knob in ("lapse_bank", "missed_renewals", "upgrade_grant"):
        count, out, nothing_explains = checked((world, lines_of(records, dice, 1.0)), ["downgrade_bank", knob])
        assert (nothing_explains, "downgrade_bank" in out) == (False, True)
        assert count > 0


def test_the_setting_that_made_a_log_is_never_ruled_out_among_all(logs: list[Log]) -> None:
    kept = 0
    for world, lines in logs[:16]:
        if first_divergence(lines, world.policy, world) > len(lines):
            found = infer(lines, {}, world.catalogue, world.resets)
            assert all(world.policy[knob] in answers for knob, answers in found.policies.items())
            assert first_divergence(lines, found.example, world) > len(lines)
            kept += 1
    assert kept > 4


def test_an_answer_that_is_ruled_out_among_all_is_refuted_under_random_settings(logs: list[Log]) -> None:
    dice, tried = random.Random(5), 0
    for world, lines in logs[:12]:
        for out in infer(lines, {}, world.catalogue, world.resets).ruled_out[:3]:
            for _ in range(3):
                policy = {knob: dice.choice(answers) for knob, answers in ANSWERS.items()} | {out.policy: out.answer}
                assert first_divergence(lines, policy, world) <= out.line.number
                tried += 1
    assert tried > 40

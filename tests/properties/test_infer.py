"""`infer` against brute force: what it says of a set of settings is what replays under each of them say one by one."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest

from catalogues import plan
from recorded_worlds import recorded
from tokenspec.oracle import Oracle
from tokenspec.oracle.fuzz.worlds import FuzzWorld
from tokenspec.oracle.logs.infer import Inference, infer
from tokenspec.oracle.logs.policy_sets import SettingSets
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.settings import RESETS
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS, POLICIES

ANSWERS = {p.name: [answer for answer, _ in p.answers] for p in POLICIES}
OPEN = 4
"""The number of policies left open at a time; the others are fixed to the choices that the log was made with."""

SMALL = DEFAULT.but(
    daily=5,
    bank_months=1,
    plans={name: plan(10 * rank, rank, each["relaxed"]) for rank, (name, each) in enumerate(DEFAULT.plans.items())},
    packs={"small": 1, "large": 50},
    aliases={},
    models={},
)
"""Small figures, so that pools run dry, fill up and exceed a lower plan's ceiling within a few events."""

Log = tuple[FuzzWorld, list[Line]]


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
    return [(world, lines_of(records, dice, dice.choice((0.1, 0.5, 0.9)))) for world, records in recorded(50, 50, 23, SMALL)]


def first_divergence(lines: list[Line], policy: Mapping[str, str], world: FuzzWorld) -> int:
    """The line on which a plain replay first differs; one after the last where it never does."""
    report = replay(lines, Oracle(policy, world.catalogue, world.resets))
    return min([d.line.number for d in report.divergences], default=len(lines) + 1)


def settings_of(world: FuzzWorld, names: list[str]) -> Iterator[dict[str, str]]:
    for chosen in product(*(ANSWERS[name] for name in names)):
        yield {**world.policy, **dict(zip(names, chosen, strict=True))}


def inferred(log: Log, names: list[str]) -> Inference:
    world, lines = log
    fixed = {name: choice for name, choice in world.policy.items() if name not in names}
    return infer(lines, fixed, world.catalogue, world.resets)


def expected(log: Log, names: list[str]) -> tuple[dict[str, list[str]], int, set[tuple[str, str, int]], int | None]:
    """Answers left, settings left, (policy, choice, line) ruled out, and the unexplained line, from replays one by one."""
    world, lines = log
    ends = [(policy, first_divergence(lines, policy, world)) for policy in settings_of(world, names)]
    last = {(k, a): max(end for policy, end in ends if policy[k] == a) for k in names for a in ANSWERS[k]}
    longest = max(end for _, end in ends)
    never = len(lines) + 1
    left = {name: [a for a in ANSWERS[name] if last[name, a] == never] for name in names}
    out = {(name, choice, line) for (name, choice), line in last.items() if line != never}
    return left, sum(end == never for _, end in ends), out, longest if longest != never else None


def checked(log: Log, names: list[str]) -> tuple[int, set[str], bool]:
    """Compares the two; how many settings are left, the policies with a choice ruled out, and whether nothing explains."""
    left, count, out, line = expected(log, names)
    found = inferred(log, names)
    assert {name: found.policies[name] for name in names} == left
    assert found.settings == count
    assert {(r.policy, r.answer, r.by.number) for r in found.ruled_out if r.policy in names} == out
    assert (found.unexplained.by.number if found.unexplained else None) == line
    return count, {name for name, _, _ in out}, line is not None


@pytest.mark.slow
def test_what_is_inferred_is_what_replays_one_by_one_come_to(logs: list[Log]) -> None:
    dice, unexplained, ruled_out, partly = random.Random(3), 0, set[str](), 0
    for log in logs:
        names = sorted(dice.sample(list(ANSWERS), OPEN), key=list(ANSWERS).index)
        count, out, nothing_explains = checked(log, names)
        unexplained += nothing_explains
        ruled_out |= out if not nothing_explains else set()
        partly += 0 < count < 2**OPEN
    # Nothing of this may have held because nothing happened; which policies a run meets is a matter of chance.
    assert unexplained >= 2
    assert partly > 20
    assert len(ruled_out) > len(ANSWERS) * 3 // 4


BANK = "01-28 open_account, 01-28 subscribe ultimate, 02-28 renew, 03-28 renew, 03-28 downgrade essential, 04-28 renew"
BANK += ", 04-28 cancel, 05-28 renew, 06-28 subscribe ultimate"
MONTHS = "07-31 open_account, 07-31 subscribe essential, 10-30 buy_api, 10-30 renew, 11-30 renew"
SPENT = "01-01 open_account, 01-01 subscribe essential, 01-01 generate j 5, 01-01 generate k 10, 01-01 refund j"
REPEATED = "01-01 open_account, 01-01 generate j 5, 01-02 daily_reset, 01-02 refund j e1, 01-02 buy_api, 01-03 refund j e1"
SEEN = "01-01 open_account, 01-01 subscribe essential, 01-01 login, 01-01 generate j 5, 01-01 view 0, 01-01 view 5"
SCENES = [
    ("downgrade_bank", ["lapse_bank"], BANK),
    ("downgrade_bank", ["missed_renewals", "upgrade_grant"], BANK),
    # Anniversaries pass in one record, and neither the first nor the last of them is in a month that is too short.
    ("month_end", ["missed_renewals"], MONTHS),
    # Balances become equal again, and what the first job drew from which pool does not.
    ("daily_position", ["burn_order", "refund"], SPENT),
    # The day is over, so that only the first answer, which is given again later, shows whether there are refunds.
    ("refund", ["daily_reset_clock"], REPEATED),
    # What a session may have seen differs.
    ("daily_position", ["burn_order"], SEEN),
]
"""A policy, others that are open beside it, and a story that tells the policy's choices apart."""


def told(story: str, world: FuzzWorld) -> list[dict[str, Any]]:
    """The records of a story, with what an oracle of the world answers."""
    oracle, records = Oracle(world.policy, world.catalogue, world.resets), list[dict[str, Any]]()
    for day, event, *words in (text.split() for text in story.split(", ")):
        record: dict[str, Any] = {"account": "a", "at": f"2026-{day}T00:00:00Z", "event": event}
        if event in ("subscribe", "downgrade"):
            record["plan"] = words[0]
        elif event == "generate":
            record |= {"job": words[0], "cost": int(words[1]), "media": "image", "origin": "first_party"}
        elif event == "refund":
            record |= {"job": words[0]} | ({"id": words[1]} if len(words) > 1 else {})
        elif event == "buy_api":
            record["amount"] = 1
        elif event in ("login", "view"):
            record |= {"session": "s"} | ({"shown": {"daily": int(words[0])}} if words else {})
        records.append({**record, "observed": oracle.apply(record).as_dict()})
    return records


@pytest.mark.parametrize(("name", "beside", "story"), SCENES)
@pytest.mark.parametrize("resets", RESETS)
@pytest.mark.parametrize("compared", ["all", "last"])
def test_a_story_that_turns_on_a_policy_is_inferred_as_replays_say(
    name: str, beside: list[str], story: str, resets: str, compared: str
) -> None:
    for choice in ANSWERS[name]:
        world = FuzzWorld({**DEFAULTS, name: choice}, SMALL, resets)
        lines = lines_of(told(story, world), random.Random(1), 1.0)
        if compared == "last":
            lines = [
                Line("log", n, 0, line.content.split(b', "observed"')[0] + b"}") for n, line in enumerate(lines[:-1], 1)
            ] + lines[-1:]
        _, out, nothing_explains = checked((world, lines), [name, *beside])
        assert not nothing_explains
        assert name in out or resets == "implied" or (compared == "last" and name == "downgrade_bank")


@pytest.mark.slow
def test_among_all_settings_the_one_that_made_a_log_is_left_and_what_is_ruled_out_is_refuted_under_random_ones(
    logs: list[Log],
) -> None:
    dice, kept, tried = random.Random(5), 0, 0
    for world, lines in logs[:12]:
        found = infer(lines, {}, world.catalogue, world.resets)
        if first_divergence(lines, world.policy, world) > len(lines):
            assert all(world.policy[name] in answers for name, answers in found.policies.items())
            assert first_divergence(lines, found.example, world) > len(lines)
            kept += 1
        for out in found.ruled_out[:3]:
            for _ in range(3):
                policy = {name: dice.choice(answers) for name, answers in ANSWERS.items()} | {out.policy: out.answer}
                assert first_divergence(lines, policy, world) <= out.by.number
                tried += 1
    assert kept > 4
    assert tried > 40


def test_the_settings_of_a_set_are_counted_round_and_round() -> None:
    sets, dice = SettingSets(POLICIES[:8]), random.Random(1)
    some = sets.every & dice.getrandbits(sets.count) & dice.getrandbits(sets.count)
    members = [bit for bit in range(sets.count) if some >> bit & 1]
    for n in (0, 1, len(members) - 1, len(members), 12_345):
        assert sets.nth(some, n) == sets.first(1 << members[n % len(members)])

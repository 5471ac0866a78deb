"""The suite: candidates from scenarios and from the search, few of them chosen, each with a bystander and the right answers.

The same declaration gives the same suite, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokenspec.oracle.base.processes import processes
from tokenspec.oracle.base.specification import DEFAULT, SPEC, account
from tokenspec.oracle.check.mutants.campaign import seeded
from tokenspec.oracle.fuzz.paths import written
from tokenspec.oracle.logs.branches import Worlds
from tokenspec.oracle.logs.policies_tried import needed
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, NAME, Record, move, records_of
from tokenspec.oracle.vectors.build.executed import ExecutedRun, play, world_of
from tokenspec.oracle.vectors.build.faulty_oracle import OracleFault, shows_nothing
from tokenspec.oracle.vectors.build.goals import Candidate
from tokenspec.oracle.vectors.build.hunt import hunted
from tokenspec.oracle.vectors.build.scenarios import SCENARIOS, STARTING_POINTS, WRITTEN, Scenario
from tokenspec.oracle.vectors.build.set_cover import at_least, few
from tokenspec.oracle.wire.settings import RESETS, catalogue_on_the_wire

_BYSTANDER = "bob"


@dataclass(frozen=True)
class Chosen:
    """A vector as written, and its entry in the index."""

    vector: dict[str, Any]
    policies: dict[str, str]
    edges: list[str]
    finds: frozenset[str]


@dataclass
class Part:
    """The vectors of one kind of resets."""

    resets: str
    chosen: list[Chosen] = field(default_factory=list)
    candidates: int = 0
    goals: int = 0
    least: int = 0
    """A lower bound on the size of any choice of candidates that covers every goal."""
    not_found: list[str] = field(default_factory=list)
    """The faults that no run shows."""


def build(tick: Callable[[int], None] = lambda _: None) -> list[Part]:
    """Returns the whole suite, a part for each kind of resets, each built in a process of its own."""
    with processes(len(RESETS)) as pool:
        found = []
        for part in pool.map(built, RESETS):
            found.append(part)
            tick(1)
        return found


def built(resets: str) -> Part:
    """Returns the vectors of one kind of resets."""
    original = account(DEFAULT)
    visible = [m for m in seeded(DEFAULT).values() if not shows_nothing(original, m.machine)]
    faults = [OracleFault(m.id, original, m.machine) for m in visible]
    candidates = [found for s in SCENARIOS if resets in s.resets for found in [candidate_of(s, resets)]]
    shown = finds(candidates, faults)
    left = [fault for fault in faults if not any(fault.id in found for found in shown)]
    hunt = hunted(resets, STARTING_POINTS, left)
    shown += finds(hunt.candidates, faults)
    candidates += hunt.candidates
    goals = [_goals(c) | {f"finds {name}" for name in found} for c, found in zip(candidates, shown, strict=True)]
    numbers = few(goals, [len(c.played.records) for c in candidates])
    part = Part(resets, candidates=len(candidates), goals=len(set[str]().union(*goals)), least=at_least(goals))
    part.chosen = _chosen([(candidates[n], shown[n]) for n in numbers])
    found_at_all = frozenset[str]().union(*shown)
    part.not_found = [fault.id for fault in faults if fault.id not in found_at_all]
    return part


def _goals(found: Candidate) -> set[str]:
    return {*found.played.edges, *([f"scenario {found.id}"] if found.wanted else [])}


def candidate_of(scenario: Scenario, resets: str) -> Candidate:
    """Returns the run of a scenario."""
    oracle = Oracle(scenario.policy, scenario.catalogue, resets)
    records = list(records_of(scenario.script, oracle, scenario.start))
    latest = oracle.accounts[NAME].last_at or 0
    if latest > records[-1]["at"]:
        records.append({"account": NAME, "at": latest, **LOOK})
    played = play(world_of(scenario.policy, scenario.catalogue, resets), records)
    name = scenario.id if resets == "explicit" else f"implied-{scenario.id}"
    return Candidate(name, scenario.title, tuple(scenario.clauses.split()), played, wanted=True)


def finds(candidates: Sequence[Candidate], faults: Iterable[OracleFault]) -> list[frozenset[str]]:
    """Returns the ids of the faults that each candidate finds."""
    found: list[set[str]] = [set() for _ in candidates]
    by_world: dict[int, list[int]] = {}
    for n, each in enumerate(candidates):
        by_world.setdefault(id(each.played.world), []).append(n)
    listed = list(faults)
    for numbers in by_world.values():
        world = candidates[numbers[0]].played.world
        for fault in listed:
            fault.bind(world.oracle.parameters)
            for n in numbers:
                if candidates[n].played.finds(fault):
                    found[n].add(fault.id)
    return [frozenset(each) for each in found]


def _chosen(found: Sequence[tuple[Candidate, frozenset[str]]]) -> list[Chosen]:
    runs = [each.played if each.wanted else play(each.played.world, with_bystander(each.played.records)) for each, _ in found]
    worlds = {id(run.world.catalogue): Worlds(run.world.catalogue, run.world.resets) for run in runs}
    chosen = []
    for (each, finds), run in zip(found, runs, strict=True):
        policies = needed(worlds[id(run.world.catalogue)], run.records, run.answers, run.world.oracle.policy)
        chosen.append(Chosen(_vector(each, run), policies, list(run.edges), finds))
    return chosen


def _vector(found: Candidate, run: ExecutedRun) -> dict[str, Any]:
    records = [written(record) for record in run.records]
    return {
        "id": found.id,
        "title": found.title,
        "clauses": list(found.clauses),
        "policy": dict(run.world.oracle.policy),
        "catalogue": catalogue_on_the_wire(run.world.catalogue),
        "resets": run.world.resets,
        "steps": [
            {"request": {"op": "apply", **record}, "expect": answer.as_dict()}
            for record, answer in zip(records, run.answers, strict=True)
        ],
    }


def with_bystander(records: Sequence[Record]) -> list[Record]:
    """Returns the run with a second account in it, which opens with the first one and spends before the last record.

    The first account must not affect the second.
    """
    if len(records) < 3:
        return list(records)
    first, last = records[0]["at"], records[-1]["at"]
    opens = {"account": _BYSTANDER, "at": first, **move(SPEC.opening.name)}
    spends = {"account": _BYSTANDER, "at": last, **SPENDING}
    return [records[0], opens, *records[1:-1], spends, records[-1]]


SPENDING = WRITTEN.spending or LOOK

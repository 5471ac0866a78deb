"""The suite: candidates from scenarios and from the search, few of them chosen, each with a bystander and the right answers.

The same declaration gives the same suite, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from tokenspec.oracle.base.processes import processes
from tokenspec.oracle.base.specification import SPEC, account
from tokenspec.oracle.check.mutants.campaign import seeded
from tokenspec.oracle.logs.branches import Worlds
from tokenspec.oracle.logs.policies_tried import needed
from tokenspec.oracle.runtime.script import LOOK, move
from tokenspec.oracle.vectors.build.executed import ExecutedRun
from tokenspec.oracle.vectors.build.faulty_oracle import OracleFault, changed_events, shows_nothing
from tokenspec.oracle.vectors.build.goals import Candidate
from tokenspec.oracle.vectors.build.hunt import hunted
from tokenspec.oracle.vectors.build.lists import Listing, Plain, listed, plain
from tokenspec.oracle.vectors.build.of_histories import about_histories
from tokenspec.oracle.vectors.build.of_names import about_names
from tokenspec.oracle.vectors.build.of_rules import about_rules
from tokenspec.oracle.vectors.build.of_time import about_time
from tokenspec.oracle.vectors.build.scenarios import WRITTEN
from tokenspec.oracle.vectors.build.schedules import Fault, scheduled
from tokenspec.oracle.vectors.build.set_cover import at_least, few
from tokenspec.oracle.vectors.build.target import BuildTarget
from tokenspec.oracle.wire.answers import without_delta
from tokenspec.oracle.wire.settings import RESETS

_BYSTANDER = "bob"
_PATIENCE = 40
"""The number of random runs that show no fault of one implementation more, after which none is looked for."""


@dataclass(frozen=True)
class Chosen:
    """A vector as written, and its entry in the index."""

    vector: dict[str, Any]
    policies: dict[str, str]
    edges: list[str]
    finds: frozenset[str]
    group: int = 0
    """The number of its group of lists, from 1 on; 0 where it was chosen among the candidates."""


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
    """Returns the vectors of one kind of resets, for every implementation."""
    return built_for(BuildTarget(resets))


def built_for(target: BuildTarget, tick: Callable[[int], None] = lambda _: None) -> Part:
    """Returns the vectors for a target; each starting point of the search is reported to `tick`."""
    original = account(target.catalogue)
    visible = [m for m in seeded(target.catalogue).values() if not shows_nothing(original, m.machine)]
    faults = [OracleFault(m.id, original, m.machine) for m in visible if target.concerns(changed_events(original, m.machine))]
    candidates = list(target.scenarios())
    shown = finds(candidates, faults)
    left = [fault for fault in faults if not any(fault.id in found for found in shown)]
    hunt = hunted(target, left, tick)
    candidates += hunt.candidates
    of_layers = [] if target.aims_last else target.layer_faults()
    every: list[Fault] = [*faults, *of_layers]
    shown = finds(candidates, every)
    unseen = [fault for fault in every if not any(fault.id in found for found in shown)]
    runs = scheduled(target, unseen) if of_layers else []
    shown += finds(runs, every)
    candidates += runs
    goals = [
        {*c.played.edges, *[f"scenario {c.id}"] * c.wanted, *(f"finds {name}" for name in found)}
        for c, found in zip(candidates, shown, strict=True)
    ]
    numbers = few(goals, [len(c.played.records) for c in candidates])
    part = Part(target.resets, candidates=len(candidates), goals=len(set[str]().union(*goals)), least=at_least(goals))
    chosen = [(candidates[n], shown[n]) for n in numbers]
    begun = plain(target)
    groups = [listed(target, of_group(target, begun)) for of_group in LISTS] if begun is not None else []
    chosen += [(each, frozenset[str]()) for each in (*target.further(candidates), *chain.from_iterable(groups))]
    chosen = _aimed(target, chosen) if target.aims_last else chosen
    part.chosen = _chosen(target, chosen, {each.id: number for number, group in enumerate(groups, 1) for each in group})
    found_at_all = frozenset[str]().union(*shown)
    part.not_found = [fault.id for fault in every if fault.id not in found_at_all]
    return part


def _first_lists(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields the lists of names, of time, and of rules."""
    for about in (about_names, about_time, about_rules):
        yield from about(target, plain)


LISTS = _first_lists, about_histories
"""Groups of lists in the order in which they have come: what was there before another one keeps its place in the index."""


def _aimed(target: BuildTarget, chosen: list[tuple[Candidate, frozenset[str]]]) -> list[tuple[Candidate, frozenset[str]]]:
    """Returns the runs with the faults that they show beside the balances, and runs for those that they do not show."""
    aimed = target.layer_faults()
    beside = finds([each for each, _ in chosen], aimed)
    seen = frozenset[str]().union(*beside)
    unseen = [fault for fault in aimed if fault.id not in seen]
    more = scheduled(target, unseen, _PATIENCE) if unseen else []
    both = [(each, shown | found) for (each, shown), found in zip(chosen, beside, strict=True)]
    return both + list(zip(more, finds(more, aimed), strict=True))


def finds(candidates: Sequence[Candidate], faults: Iterable[Fault]) -> list[frozenset[str]]:
    """Returns the ids of the faults that each candidate finds."""
    found: list[set[str]] = [set() for _ in candidates]
    by_world: dict[int, list[int]] = {}
    for n, each in enumerate(candidates):
        by_world.setdefault(id(each.played.world), []).append(n)
    listed = list(faults)
    for numbers in by_world.values():
        world = candidates[numbers[0]].played.world
        for fault in listed:
            if isinstance(fault, OracleFault):
                fault.bind(world.oracle.parameters)
            for n in numbers:
                if candidates[n].played.finds(fault):
                    found[n].add(fault.id)
    return [frozenset(each) for each in found]


def _chosen(target: BuildTarget, found: Sequence[tuple[Candidate, frozenset[str]]], groups: Mapping[str, int]) -> list[Chosen]:
    runs = [each.played if each.wanted else _with_bystander(target, each.played) for each, _ in found]
    figures = {id(run.world.catalogue): run.world for run in runs}
    worlds = {name: Worlds(world.catalogue, world.resets) for name, world in figures.items()}
    chosen = []
    for (each, finds), run in zip(found, runs, strict=True):
        answers = [without_delta(answer) for answer in run.answers]
        policies = needed(worlds[id(run.world.catalogue)], run.records, answers, run.world.oracle.policy)
        vector = run.as_vector(each.id, each.title, each.clauses)
        chosen.append(Chosen(vector, policies, list(run.edges), finds, groups.get(each.id, 0)))
    return chosen


def _with_bystander(target: BuildTarget, run: ExecutedRun) -> ExecutedRun:
    """Returns the run with a second account, which opens with the first one and spends before the last record.

    The first account must not affect the second. A target may not take that; then the run stays as it is.
    """
    if len(run.records) < 3:
        return run
    first, *between, last = run.records
    opens = {"account": _BYSTANDER, "at": first["at"], **move(SPEC.opening.name)}
    spends = {"account": _BYSTANDER, "at": last["at"], **SPENDING}
    longer = target.play(run.world, target.sent(run.world, [first, opens, *between, spends, last]))
    return longer if target.takes(longer) else run


SPENDING = WRITTEN.spending or LOOK

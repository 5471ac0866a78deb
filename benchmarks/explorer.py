"""The account's exhaustive search: the native tier, the pure Python tier, Spin, and a search written by hand in C.

All visit every state of a scope under the default policies, and check the same claims about states in each of them
and in each that lies just beyond the bounds (the tiers of ours check besides that exactly one rule fits each event).
`explorer.c` is written from the account's rules in prose, not from the declaration; Spin reads the exported model. What they
count has to agree, or nothing is printed.

Times are processor seconds, of all threads and of child processes. "Search" is the search alone, of a program that is ready
to run; "whole process" begins with nothing but the scope: interpreter, imports, generated code, compilers and all.
Spin and gcc have to be installed. `python explorer.py [small] [standard] [--rounds N]`
"""

from __future__ import annotations

import os
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import SCOPES, TINY
from tokenspec.machine.checkers.exploration import Exploration, instances
from tokenspec.machine.checkers.monitor import Watch
from tokenspec.machine.checkers.native.search import Search
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.declaration import Policy
from tokenspec.machine.lang.specification import Scope
from tokenspec.oracle.check.scoped import scoped
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS, POLICIES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from plain_search import explore

CHECKED = {
    "balances_never_negative": {"pools"},
    "pools_within_allowance": {"fast", "daily"},
    "free_has_no_plan_tokens": {"fast", "plain", "bank"},
    "one_grant_per_due_date": {"not_before_opening"},
}
"""The parts of claims that all check: what `sound` in explorer.c says."""

# The fastest exact build of the search alone and, where it is another one, of the whole process.
SPIN_BUILDS = {"small": ("-O2", "-O0"), "standard": ("-O2",)}
PAN_BUILD = ("-w", "-DSAFETY", "-DNOREDUCE", "-DNOCOMP")
PAN_SIZES = {"small": ("-m20000", "-w18"), "standard": ("-m400000", "-w22")}


@dataclass(frozen=True)
class Took:
    """What one contestant came to in one round; `within` and `beyond` are its transitions, None where it does not tell."""

    states: int
    within: int | None
    beyond: int | None
    depth: int | None
    search: float
    whole: float


def checked(scope: Scope) -> list[Claim]:
    """The claims that are checked, without their other parts."""
    found = []
    for each in claims(scope.catalogue.ranking):
        parts = tuple(p for p in each.parts if p.name in CHECKED.get(each.id, ()) and isinstance(p, StatePart))
        if {p.name for p in parts} != CHECKED.get(each.id, set()):
            raise SystemExit(f"{each.id} has not the parts about states that explorer.c checks")
        found += [replace(each, parts=parts)] if parts else []
    return found


def native_search(scope: Scope, left_open: Sequence[Policy] = ()) -> tuple[Exploration, float]:
    search = Search(scoped(scope, checked(scope), left_open=left_open))
    started = time.process_time()
    return search.run(), time.process_time() - started


def python_search(scope: Scope) -> tuple[Exploration, float]:
    machine = account(scope.catalogue)
    reader = Compiled(machine, {**scope.catalogue.parameters(), **DEFAULTS})
    monitor = Watch(machine, checked(scope)).monitor(reader)
    started = time.process_time()
    return explore(reader, instances(machine, scope.values), scope.most, monitor), time.process_time() - started


TIERS: dict[str, Callable[[Scope], tuple[Exploration, float]]] = {"native": native_search, "python": python_search}
ALONE = "--alone"
"""Followed by a tier and a scope: one search, and nothing but its figures."""


# What the race alone needs is imported where it is needed: our tiers are processes of this file, and start without it.


def timed(command: list[str], folder: Path) -> tuple[str, float]:
    """What a command prints, and the processor seconds it took."""
    import subprocess

    # As after an installation: Python finds its modules compiled.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(tier: str, scope: Scope, folder: Path) -> Took:
    """A tier of ours in a process of its own, which tells how long its search took."""
    report, whole = timed([sys.executable, str(Path(__file__).resolve()), ALONE, tier, scope.name], folder)
    states, within, depth, search = report.split()
    return Took(int(states), int(within), None, int(depth), float(search), whole)


def native(scope: Scope, folder: Path) -> Took:
    """The search alone is taken in this process, where what Python does once has been done."""
    cold = ours("native", scope, folder)
    found, search = native_search(scope)
    assert (found.states, found.transitions, found.depth) == (cold.states, cold.within, cold.depth)
    return replace(cold, search=search)


def by_hand(scope: Scope, folder: Path) -> Took:
    catalogue = scope.catalogue
    paid = [catalogue.plans[name] for name in catalogue.ranking[1:]]
    figures: dict[str, list[int]] = {
        "DAILY": [catalogue.daily],
        "PLANS": [len(paid)],
        "ALLOWANCES": [plan["allowance"] for plan in paid],
        "HIGHEST": [max(plan["allowance"] for plan in paid)],
        "INCLUDED": [plan["api"] for plan in paid],
        "RELAXED": [len(plan["relaxed"]) for plan in paid],
        "MONTHS": [catalogue.bank_months],
        "COSTS": [cost for cost in map(int, scope.values["cost"]) if cost >= 1],
        "TOPUP_MOST": [scope.most["topup"]],
        "API_MOST": [scope.most["api"]],
        "DUE_MOST": [scope.most["renewals_due"]],
    }
    options = [f"-D{name}={','.join(map(str, values))}" for name, values in figures.items()]
    source = str(Path(__file__).resolve().with_suffix(".c"))
    _, compiling = timed(["gcc", "-O3", "-march=native", *options, "-o", "explorer", source], folder)
    report, running = timed([str(folder / "explorer")], folder)
    states, within, beyond, depth, search = report.split()[1::2]
    return Took(int(states), int(within), int(beyond), int(depth), float(search), compiling + running)


def spin(build: str, scope: Scope, folder: Path) -> Took:
    from tokenspec.machine.exporters.bounded_model import BoundedModel
    from tokenspec.machine.exporters.promela import promela

    machine = account(scope.catalogue)
    parameters = {**scope.catalogue.parameters(), **DEFAULTS}
    world = BoundedModel(machine, parameters, instances(machine, scope.values), scope.most, checked(scope))
    (folder / "model.pml").write_text(promela(world), encoding="utf-8")
    _, translating = timed(["spin", "-a", "model.pml"], folder)
    _, compiling = timed(["gcc", build, *PAN_BUILD, "-o", "pan", "pan.c"], folder)
    report, search = timed([str(folder / "pan"), *PAN_SIZES[scope.name]], folder)
    if "errors: 0" not in report or "too small" in report:
        raise SystemExit(report)
    states, transitions = (int(re.findall(rf"(\d+) {what}", report)[0]) for what in ("states, stored", "transitions"))
    # Spin counts in one what stays within the bounds and what leads beyond them, with the first state and its check.
    return Took(states, None, transitions - 2, None, search, translating + compiling + search)


def agree(rounds: dict[str, list[Took]]) -> None:
    """Refuses to go on where two contestants do not count the same."""
    every = [(name, took) for name, found in rounds.items() for took in found]
    hand = next(took for name, took in every if name == "C")
    assert hand.within is not None
    assert hand.beyond is not None
    for name, took in every:
        beyond = hand.within + hand.beyond if took.within is None else hand.beyond
        expected = (hand.states, took.within and hand.within, took.beyond and beyond, took.depth and hand.depth)
        if (took.states, took.within, took.beyond, took.depth) != expected:
            raise SystemExit(f"{name} and C do not agree: {took} and {hand}")


def race(scope: Scope, rounds: int) -> None:
    """Prints the medians of rounds in which the contestants take turns."""
    import statistics
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contestants: dict[str, Callable[[Scope, Path], Took]] = {"C": by_hand, "native": native}
        contestants |= {f"Spin, gcc {build}": partial(spin, build) for build in SPIN_BUILDS[scope.name]}
        if scope.name == "small":
            contestants["Python"] = partial(ours, "python")
        native(scope, folder)  # once in vain, so that every round begins alike
        took: dict[str, list[Took]] = {name: [] for name in contestants}
        for _ in range(rounds):
            for name, run in contestants.items():
                took[name].append(run(scope, folder))
    agree(took)
    hand = took["C"][0]
    assert hand.within is not None
    print(f"{scope.name}: {hand.states:,} states, {hand.within:,} transitions, depth {hand.depth}; medians of {rounds} rounds")
    search, whole = (
        {name: statistics.median(getattr(one, what) for one in found) for name, found in took.items()}
        for what in ("search", "whole")
    )
    rival = [min(seconds for name, seconds in each.items() if name.startswith("Spin")) for each in (search, whole)]
    print(f"  {'':<16}{'search':>10}{'states/s':>14}{'':>9}{'of C':>9}{'whole process':>18}")
    for name in took:
        print(
            f"  {name:<16}{search[name]:>8.3f} s{hand.states / search[name]:>14,.0f}{rival[0] / search[name]:>8.1f}x"
            f"{search['C'] / search[name]:>9.2f}{whole[name]:>9.2f} s{rival[1] / whole[name]:>8.1f}x"
        )
    print()


def every_policy() -> None:
    """Prints one search from every combination of answers to the policies that anything depends on."""
    found, seconds = native_search(TINY, POLICIES)
    print(f"tiny under every policy at once: {found.states:,} states, {found.transitions:,} transitions,", end=" ")
    print(f"{seconds:.2f} s, {found.states / seconds:,.0f} states/s, {found.memory / 2**20:,.0f} MiB")


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser(description="compares searches of the account")
    parser.add_argument("scopes", nargs="*", choices=[*SPIN_BUILDS, []], help="small and standard where none is named")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    for name in asked.scopes or SPIN_BUILDS:
        race(SCOPES[name], asked.rounds)
    every_policy()


if __name__ == "__main__":
    if sys.argv[1:2] == [ALONE]:
        found, seconds = TIERS[sys.argv[2]](SCOPES[sys.argv[3]])
        print(found.states, found.transitions, found.depth, seconds)
    else:
        main()

"""Obligations of all machines a second: found, put to z3 and discharged by one process, and written as SMT-LIB text.

The seconds are those of one whole round, figures and policies open, without the time that z3 takes to be imported.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.machine.checkers.prover.induction import Induction
from tokenspec.machine.exporters.smtlib import smtlib
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

CLAIMS, LEMMAS, MACHINES = claims(DEFAULT.ranking), lemmas(), system().machines
ROUNDS = 7


def prove() -> str:
    found = Counter(o.verdict for m in MACHINES for o in Induction(m, CLAIMS, LEMMAS).obligations())
    return ", ".join(f"{count} {verdict}" for verdict, count in found.items())


def write() -> str:
    text = [smtlib(m, CLAIMS, LEMMAS, Induction(m, CLAIMS, LEMMAS).proves) for m in MACHINES]
    return f"{sum(t.count('(check-sat)') for t in text)} checks, {sum(map(len, text)) / 1e6:.1f} MB"


if __name__ == "__main__":
    tasks: dict[str, Callable[[], str]] = {"discharged by z3": prove, "written as SMT-LIB": write}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    came_to: dict[str, str] = {}
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            started, worked = time.perf_counter(), time.process_time()
            came_to[name] = task()
            spent[name].append((time.perf_counter() - started, time.process_time() - worked))
    for name, found in spent.items():
        elapsed, worked = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:<20} {elapsed:6.2f} s, {worked:.2f} s of processor time: {came_to[name]}")

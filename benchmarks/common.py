"""What the benchmarks share: medians of interleaved rounds, and one way to print them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def interleaved(contestants: dict[str, Callable[[], int]], rounds: int = 5) -> dict[str, float]:
    """Median rate (units a second) of each contestant, which returns the units it did; rounds take turns.

    One after the other in each round, so that a busy moment of the machine falls on all of them.
    """
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            started = time.perf_counter()
            units = run()
            rates[name].append(units / (time.perf_counter() - started))
    return {name: statistics.median(found) for name, found in rates.items()}


def show(title: str, unit: str, rates: dict[str, float]) -> None:
    """Prints the rates, and each as a multiple of the last one."""
    print(title)
    base = list(rates.values())[-1]
    for name, rate in rates.items():
        print(f"  {name:<42} {rate:>12,.0f} {unit}/s  {rate / base:>7.1f}x")
    print()

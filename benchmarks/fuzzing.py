"""Events a second of the two halves of a fuzz run, over the same rules with every check on, and how much each meets.

The third is Hypothesis with the same rules doing nothing: what its own book-keeping costs.
"""

from __future__ import annotations

import time

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tokenspec.oracle.fuzz.campaign import default_watch, walk_worlds
from tokenspec.oracle.fuzz.worlds import WorldFuzz, world_fuzz

EXAMPLES = 150
LIMITS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def report(name: str, kind: type[WorldFuzz], seconds: float, events: int) -> None:
    cold = len(kind.coverage.cold())
    print(f"{name:<40} {events:>8,} events {events / seconds:>8,.0f}/s   {cold} outcomes never met")


if __name__ == "__main__":
    watch = default_watch()
    walked = world_fuzz(watch=watch)
    started = time.perf_counter()
    walk_worlds(walked, EXAMPLES, 50, 0)
    report("random walks", walked, time.perf_counter() - started, walked.count.steps)

    driven = world_fuzz(watch=watch)
    started = time.perf_counter()
    run_state_machine_as_test(driven, settings=LIMITS)
    report("Hypothesis", driven, time.perf_counter() - started, driven.count.steps)

    events = 0

    class Idle(world_fuzz(watch=watch)):  # type: ignore[misc]
        def begin(self) -> None: ...

        def act(self, *_: object) -> None:
            global events
            events += 1

    started = time.perf_counter()
    run_state_machine_as_test(Idle, settings=LIMITS)
    print(f"{'Hypothesis, rules that do nothing':<40} {events:>8,} events {events / (time.perf_counter() - started):>8,.0f}/s")

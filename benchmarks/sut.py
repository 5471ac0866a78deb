"""Steps a second of `fuzz --sut` over standard input and output, and whose time it is.

All three are the same Hypothesis machine with the same seed. An implementation that shows nothing answers at once and is never
compared, so what is left beside Hypothesis is the oracle; rules that do nothing are what Hypothesis costs by itself.
"""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

from fuzzing import LIMITS
from hypothesis import seed
from hypothesis.stateful import run_state_machine_as_test

from tokenspec.oracle.fuzz.campaign import walk_worlds
from tokenspec.oracle.fuzz.sut import SutFuzz, sut_fuzz
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.client import Client, Message
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.sut.world import Openings, SutSettings, opened
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

WALLET = Path(__file__).parents[1] / "examples" / "python-wallet" / "adapter.py"
ROUNDS = 3


class NoOp:
    """An implementation that shows nothing."""

    def __init__(self, terms: Capabilities) -> None:
        self._opened = {"resets": terms.resets, "events": sorted(terms.events), "observes": [], "policy": dict(terms.policy)}

    def ask(self, request: Message) -> Message:
        return self._opened if request["op"] == "open" else {}

    def end(self) -> None: ...


def driven(kind: type[SutFuzz]) -> tuple[float, int]:
    started = time.perf_counter()
    seed(0)(kind)
    run_state_machine_as_test(kind, settings=LIMITS)
    return time.perf_counter() - started, kind.count.steps


def idle(client: Client, terms: Capabilities, setting: SutSettings) -> float:
    class Idle(sut_fuzz(Openings(client), terms, setting)):  # type: ignore[misc]
        def begin(self) -> None: ...

        def act(self, *_: object) -> None: ...

    return driven(Idle)[0]


if __name__ == "__main__":
    setting = SutSettings(DEFAULTS, DEFAULT)
    wallet = connect(shlex.join([sys.executable, str(WALLET)]), 20)
    terms = opened(wallet, setting.request())
    nothing = replace(terms, observes=(), name="", version="", values={})
    seconds = {"with": 0.0, "no-op": 0.0, "idle": 0.0}
    steps = 0
    for _ in range(ROUNDS):
        took, steps = driven(sut_fuzz(Openings(wallet), terms, setting))
        seconds["with"] += took
        seconds["no-op"] += driven(sut_fuzz(Openings(NoOp(nothing)), nothing, setting))[0]
        seconds["idle"] += idle(NoOp(nothing), nothing, setting)
    rate = steps * ROUNDS / seconds["with"]
    ours = seconds["no-op"] - seconds["idle"]
    print(f"python-wallet over stdio, Hypothesis   {steps:,} steps, {rate:,.0f}/s")
    print(f"an implementation that shows nothing   {steps * ROUNDS / seconds['no-op']:,.0f}/s")
    for name, share in (("Hypothesis", seconds["idle"]), ("ours", ours), ("wallet", seconds["with"] - seconds["no-op"])):
        print(f"  share of {name:<12} {share / seconds['with']:6.0%}")
    walked = sut_fuzz(Openings(wallet), terms, setting)
    started = time.perf_counter()
    walk_worlds(walked, LIMITS.max_examples, 50, 0)
    print(f"python-wallet over stdio, walks        {walked.count.steps / (time.perf_counter() - started):,.0f}/s")
    wallet.end()

"""Whose processor time a default run of `fuzz --sut` over standard input and output is, and its events a second.

The implementation is a process of its own, whose time is read when it has ended. What sending and reading takes is measured
around each half of a request; what measuring takes is counted as nobody's. Hypothesis by itself is the same number of runs of a
machine whose rules do nothing. The rest is ours.
"""

from __future__ import annotations

import resource
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tokenspec.oracle.fuzz.campaign import PROFILES, drive
from tokenspec.oracle.fuzz.conformance import HYPOTHESIS_SHARE, conform
from tokenspec.oracle.fuzz.sut import sut_fuzz
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.client import Client, Failed, Message
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.sut.world import Openings, SutSettings
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

WALLET = Path(__file__).parents[1] / "examples" / "python-wallet" / "adapter.py"
EXAMPLES, STEPS = PROFILES["ci"], 50
SETTING = SutSettings(DEFAULTS, DEFAULT)
T = TypeVar("T")
_PARTS = 100_000


class Timed(Client):
    """A client that adds up the processor time of this process within its requests."""

    def __init__(self, client: Client) -> None:
        self._client, self.seconds, self.parts = client, 0.0, 0

    def ask(self, request: Message) -> Message | Failed:
        return self.send(request)()

    def send(self, request: Message) -> Callable[[], Message | Failed]:
        wait = self.timed(lambda: self._client.send(request))
        return lambda: self.timed(wait)

    def timed(self, part: Callable[[], T]) -> T:
        started = time.process_time()
        done = part()
        self.seconds += time.process_time() - started
        self.parts += 1
        return done

    def end(self) -> None:
        self._client.end()


def measuring(client: Client) -> tuple[float, float]:
    """Returns the seconds that measuring one part takes, and those of them that count as the part's."""
    empty, started = Timed(client), time.process_time()
    for _ in range(_PARTS):
        empty.timed(lambda: None)
    return (time.process_time() - started) / _PARTS, empty.seconds / _PARTS


def idle(terms: Capabilities, client: Client) -> float:
    class Idle(sut_fuzz(Openings(client), terms, SETTING)):  # type: ignore[misc]
        def start(self, *_: object) -> None: ...

        def act(self, *_: object) -> None: ...

    started = time.process_time()
    drive(Idle, -(-EXAMPLES // HYPOTHESIS_SHARE), STEPS, 0, lambda _: None)
    return time.process_time() - started


if __name__ == "__main__":
    wallet = Timed(connect(shlex.join([sys.executable, str(WALLET)]), 20))
    opened = SETTING.opened_at(Openings(wallet))
    # Hypothesis reads the sources of the tree once in a process: that is part of no run.
    idle(opened, wallet)
    started = time.process_time()
    verdict = conform(wallet, SETTING, EXAMPLES, STEPS)
    own = time.process_time() - started
    wallet.end()
    assert verdict.word == "conforms", verdict.why_none
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured, within = (wallet.parts * each for each in measuring(wallet))
    own, pipe = own - measured, wallet.seconds - within
    hypothesis, theirs = idle(opened, wallet), ended.ru_utime + ended.ru_stime
    whole = own + theirs
    print(
        f"{verdict.count.examples:,} worlds, {verdict.count.steps:,} events, {whole:.1f} s of processor time, "
        f"{verdict.seconds:.1f} s by the clock, {verdict.count.steps / verdict.seconds:,.0f}/s"
    )
    parts = {"the implementation": theirs, "its pipe": pipe, "Hypothesis": hypothesis}
    for name, seconds in {**parts, "ours": own - pipe - hypothesis}.items():
        print(f"  {name:<18} {seconds:5.1f} s  {seconds / whole:4.0%}")

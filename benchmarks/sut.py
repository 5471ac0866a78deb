"""Whose processor time a default run of `fuzz --sut` over standard input and output is, and its events a second.

The implementation is a process of its own, whose time is read when it has ended. What sending and reading takes is measured
around each half of a request; what measuring takes is counted as nobody's. Hypothesis is what its runs take outside the rules of
the machine that it drives. The rest is ours.
"""

from __future__ import annotations

import resource
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from tokenspec.oracle.fuzz import conformance
from tokenspec.oracle.fuzz.campaign import PROFILES, drive
from tokenspec.oracle.fuzz.sut import SutFuzz
from tokenspec.oracle.sut.client import Client, Failed, Message
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.sut.world import SutSettings
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


class Driven:
    """The processor time of the runs that Hypothesis drives, without what their rules take."""

    def __init__(self) -> None:
        self.seconds, self._within = 0.0, 0
        vars(conformance)["drive"] = self._timed(drive, 1)
        for name in ("start", "act", "teardown"):
            setattr(SutFuzz, name, self._timed(getattr(SutFuzz, name), -1))

    def _timed(self, part: Callable[..., T], sign: int) -> Callable[..., T]:
        """Returns `part` such that its time is added, or taken off if it is the outermost rule of a run that is driven."""

        def timed(*given: object) -> T:
            if sign < 0 and self._within != 1:
                return part(*given)
            self._within += 1
            started = time.process_time()
            try:
                return part(*given)
            finally:
                self.seconds += sign * (time.process_time() - started)
                self._within -= 1

        return timed


@given(st.tuples(st.integers(), st.text()))
def read_sources(_: object) -> None:
    """Lets Hypothesis read the sources of the tree, which it does once in a process, and which is part of no run."""


if __name__ == "__main__":
    read_sources()
    wallet = Timed(connect(shlex.join([sys.executable, str(WALLET)]), 20))
    driven, started = Driven(), time.process_time()
    verdict = conformance.conform(wallet, SETTING, EXAMPLES, STEPS)
    own = time.process_time() - started
    wallet.end()
    assert verdict.word == "conforms", verdict.why_none
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured, within = (wallet.parts * each for each in measuring(wallet))
    own, pipe = own - measured, wallet.seconds - within
    hypothesis, theirs = driven.seconds, ended.ru_utime + ended.ru_stime
    whole = own + theirs
    print(
        f"{verdict.count.examples:,} worlds, {verdict.count.steps:,} events, {whole:.1f} s of processor time, "
        f"{verdict.seconds:.1f} s by the clock, {verdict.count.steps / verdict.seconds:,.0f}/s"
    )
    parts = {"the implementation": theirs, "its pipe": pipe, "Hypothesis": hypothesis}
    for name, seconds in {**parts, "ours": own - pipe - hypothesis}.items():
        print(f"  {name:<18} {seconds:5.1f} s  {seconds / whole:4.0%}")

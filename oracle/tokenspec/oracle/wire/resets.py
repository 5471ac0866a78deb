"""Resets: each job comes as a written event (`explicit`), or runs by itself the instant it falls due (`implied`).

One word says it for all clocks. Where they differ, those that are implied are named, as `daily=implied`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import product
from typing import Any

from tokenspec.machine.lang.declaration import Event
from tokenspec.machine.lang.expr import reads
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.nearest import did_you_mean, no_such
from tokenspec.oracle.base.specification import account
from tokenspec.oracle.base.text import as_text
from tokenspec.oracle.wire.protocol import JOBS
from tokenspec.oracle.wire.settings import RESETS

EXPLICIT, IMPLIED = RESETS
CLOCKS = tuple(clock.name for clock in account().clocks)


def resets_from(written: Any) -> str:
    """Returns the resets of a word, an object by clock, or our text; a clock left out is explicit. Raises `BadSetting`."""
    if isinstance(written, str) and written in RESETS:
        return written
    if isinstance(written, str) and all(part.endswith(f"={IMPLIED}") for part in written.split(",")):
        written = dict(part.split("=", 1) for part in written.split(","))
    if not isinstance(written, Mapping):
        rule = f"it is {' or '.join(RESETS)}, or an object of them by clock, found {as_text(written)}"
        raise BadSetting("resets", rule + did_you_mean(written, RESETS))
    for clock, word in written.items():
        if clock not in CLOCKS:
            raise BadSetting(f"resets.{clock}", no_such("clock", clock, CLOCKS))
        if word not in RESETS:
            raise BadSetting(f"resets.{clock}", f"it is {' or '.join(RESETS)}, found {as_text(word)}{did_you_mean(word, RESETS)}")
    return _resets_of(clock for clock in CLOCKS if written.get(clock) == IMPLIED)


def resets_from_options(options: Iterable[str]) -> str:
    """Returns the resets that options say: one word, or CLOCK=WORD for clocks that differ from it. Raises `WrongUsage`."""
    whole, by_clock = "", dict[str, str]()
    for option in options:
        clock, equals, word = option.partition("=")
        if not option:
            raise WrongUsage("--resets", f"its value is empty; it is {' or '.join(RESETS)}, or CLOCK={IMPLIED}")
        if not equals and whole not in ("", option):
            raise WrongUsage(f"--resets {option}", f"it is given twice, as {whole} and as {option}")
        if equals and by_clock.setdefault(clock, word) != word:
            raise WrongUsage(f"--resets {option}", f"{clock} is given twice, as {by_clock[clock]} and as {word}")
        whole = whole if equals else option
    try:
        return resets_from({**dict.fromkeys(CLOCKS, whole or EXPLICIT), **by_clock} if by_clock else whole or EXPLICIT)
    except BadSetting as fault:
        raise WrongUsage(fault.key.replace("resets", "--resets", 1), fault.rule) from None


def resets_on_the_wire(resets: str) -> str | dict[str, str]:
    """Returns the word, or the object by clock where they differ."""
    if resets in RESETS:
        return resets
    return {clock: IMPLIED if runs_by_itself(resets, clock) else EXPLICIT for clock in CLOCKS}


@cache
def runs_by_itself(resets: str, clock: str) -> bool:
    """Returns whether the job of `clock` runs by itself when it falls due."""
    return resets == IMPLIED or f"{clock}=implied" in resets.split(",")


def other_resets(resets: str) -> list[str]:
    """Returns all other resets, those of one word first."""
    by_clock = (_resets_of(c for c, word in zip(CLOCKS, words, strict=True) if word == IMPLIED) for words in _WAYS)
    return sorted(set(by_clock) - {resets}, key=lambda other: (other not in RESETS, other))


_WAYS = tuple(product(RESETS, repeat=len(CLOCKS)))


@cache
def unwritten(resets: str) -> frozenset[str]:
    """Returns the jobs that are never written as events, since what they are about happens by itself."""
    return frozenset(job for job in JOBS if (clock := _clock_of(job)) and runs_by_itself(resets, clock))


@cache
def clock_jobs() -> frozenset[str]:
    """Returns the jobs that settle a clock; the others say what became of a payment."""
    return frozenset(clock.job for clock in account().clocks)


def _resets_of(implied: Iterable[str]) -> str:
    named = list(implied)
    return EXPLICIT if not named else IMPLIED if len(named) == len(CLOCKS) else ",".join(f"{clock}=implied" for clock in named)


@cache
def _clock_of(job: str) -> str:
    """Returns the clock that a job serves, empty for none: it is the clock's own, or touches what is set where that falls due."""
    machine = account()
    for clock in machine.clocks:
        if clock.job == job:
            return clock.name
    event = machine.event_named[job]
    touched = _written(event) | frozenset(reads(event))
    return next((c.name for c in machine.clocks if _written(machine.event_named[c.falls_due]) & touched), "")


def _written(event: Event) -> frozenset[str]:
    return frozenset(effect.name for rule in event.rules for effect in rule.effect)

"""Errors in input. Each message names the place, the value and the rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class BadRecord(Exception):
    """A record that is not well formed, or out of order in time: `field`, `rule`, and the `value` where there is one.

    `account` is the record's account, where that can be read. `happened` is the record without its observation, where only
    the observation is wrong: the event did happen. `others` are what else is wrong in it.
    """

    def __init__(self, field: str, rule: str, value: str | None = None) -> None:
        self.field, self.rule, self.value = field, rule, value
        self.account: str | None = None
        self.happened: Any = None
        self.others: tuple[BadRecord, ...] = ()
        # What an exception is given here is what it is made from again when it is unpickled.
        super().__init__(field, rule, value)

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}" + (f" (found {self.value})" if self.value is not None else "")


def first_of(faults: Sequence[BadRecord]) -> BadRecord:
    """Returns the first of some faults of one record, with the others."""
    first, *others = faults
    first.others = tuple(others)
    return first


class WentBack(BadRecord):
    """A record that is older than the one before it of the same account."""

    @classmethod
    def of(cls, account: str, at: str, before: str) -> WentBack:
        """Returns the fault of a record of `account` at the instant `at`, after another one at `before`."""
        back = cls("at", f"time never goes back within an account, and {before} came before", f'"{at}"')
        back.account = account
        return back


class BadSetting(Exception):
    """A policy, a catalogue or a saved state that does not exist or cannot be: `key` and the `rule` it breaks.

    `faults` are all that is wrong, where there may be several; each is told on a line of its own.
    """

    def __init__(self, key: str, rule: str, faults: Iterable[object] = ()) -> None:
        self.key, self.rule, self.faults = key, rule, tuple(map(str, faults))
        super().__init__(key, rule, self.faults)

    def __str__(self) -> str:
        return "\n".join([f"{self.key}: {self.rule}", *self.faults])


class WrongUsage(BadSetting):
    """A faulty option or argument of a command line, rather than a fault in a file that it names."""


NO_ADDRESS = "it is a command line, http://HOST:PORT, or python:package.module:factory, and it is empty"
"""The fault of an empty address of an implementation."""


class Terminated(KeyboardInterrupt):
    """SIGTERM was received. It ends a run as Ctrl-C does, with another message and exit code."""

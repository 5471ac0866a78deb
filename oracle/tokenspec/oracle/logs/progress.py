"""A replay that is saved on its way: every so many lines its state is kept, and a killed one goes on from there.

The lines behind a saved state are not judged again. They are read, so that another log in their place is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, get_type_hints

import msgspec

from tokenspec.oracle.base.errors import BadRecord, BadSetting, WrongUsage
from tokenspec.oracle.base.text import path_text
from tokenspec.oracle.logs.reading import Bad
from tokenspec.oracle.logs.replay import Divergence, Progress, Sum
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import save
from tokenspec.oracle.wire.log_files import Line

_COUNTED = ("records", "compared", "not_compared", "repeated", "same", "another", "first_of_another", "unknown_fields")
_SUM = (*_COUNTED, "identical", "lost", "uses")
"""The parts of a sum that are saved as they are."""


class _Bad(msgspec.Struct):
    line: Line
    field: str
    rule: str
    value: str | None
    account: str | None
    happened: bool


class _Progress(msgspec.Struct):
    files: list[str]
    """The names of the logs."""
    read: str
    """BLAKE2b of the lines behind the state."""
    late: float | None
    """The window of lateness, in seconds, which is part of the order of lines."""
    is_from_the_start: bool
    """False where the replay began from a saved state."""
    lines: int
    line_before: Line | None
    skipped: dict[str, list[Line]]
    known: dict[str, list[tuple[str, int | str]]]
    followed_no_more: list[str]
    sum: dict[str, Any]
    bad: list[_Bad]
    divergences: list[Divergence]
    rules: dict[str, int]
    refusals: list[tuple[str, str, int]]


_sum_types = get_type_hints(Sum)


class SavedOnTheWay:
    """The lines of a replay, with its progress. Behind each `every` lines the state as a file is given to `keep`.

    A line is asked for when the one before has been judged, so that the state is whole then.
    """

    lines: Iterable[Line] = ()
    every: int | None = None
    """The number of lines between two states; None where none is kept on the way."""
    keep: Callable[[bytes], None]

    def __init__(self, names: list[str], late: float | None, oracle: Oracle, is_from_the_start: bool) -> None:
        self._names, self._late = names, late
        self._oracle, self.progress, self.is_from_the_start = oracle, Progress.of(oracle), is_from_the_start
        self._file = self._expected = ""

    def go_on_from(self, kept: dict[str, Any], file: str) -> None:
        """Goes on from what a state `file` holds of a replay. Raises `BadSetting`, `WrongUsage` where it is of other logs."""
        try:
            saved = msgspec.convert(kept, _Progress)
            given = {name: msgspec.convert(saved.sum[name], _sum_types[name]) for name in _SUM}
        except (msgspec.ValidationError, KeyError) as fault:
            raise BadSetting(file, f"it is not a saved state: {fault}") from None
        if saved.files != self._names or saved.late != self._late:
            logs = [*map(path_text, saved.files), *([] if saved.late is None else [f"--late {saved.late:g}"])]
            rule = f"it is of a replay that has not come to its end; give it the same logs again: {' '.join(logs)}"
            raise WrongUsage(f"--load-state {file}", rule)
        self._file, self._expected, self.is_from_the_start = file, saved.read, saved.is_from_the_start
        progress, report = self.progress, self.progress.report
        for name, value in given.items():
            setattr(report, name, value)
        report.bad, report.divergences = list(map(_bad_of, saved.bad)), saved.divergences
        report.coverage.rules.update(saved.rules)
        report.coverage.refusals.update({(event, code): hits for event, code, hits in saved.refusals})
        progress.lines, progress.line_before, progress.skipped = saved.lines, saved.line_before, saved.skipped
        progress.known = {name: set(known) for name, known in saved.known.items()}
        progress.followed_no_more = set(saved.followed_no_more)

    @property
    def observes_answers(self) -> Mapping[str, bool] | None:
        """By file, true where its first record says so for all; None where the lines are in the order of their files."""
        return getattr(self.lines, "observes_answers", None)

    def __iter__(self) -> Iterator[Line]:
        """Yields the lines. Raises `BadSetting` where those behind the loaded state are others than they were."""
        if self.every is None and not self._expected:
            yield from self.lines
            return
        start, read, number = self.progress.lines, blake2b(digest_size=16), 0
        for line in self.lines:
            if number == start:
                self._check(read.hexdigest())
            if self.every is not None and number > start and number % self.every == 0:
                self.progress.lines = number
                self.keep(self._state(read.hexdigest()))
            read.update(b"%d %s\n" % (line.number, line.content))
            number += 1
            yield line
        if number <= start:
            self._check(read.hexdigest())

    def _check(self, read: str) -> None:
        if self._expected and read != self._expected:
            lines = self.progress.lines
            raise BadSetting(
                self._file, f"the first {lines} lines of the logs are not those that it was saved behind; replay anew"
            )

    def _state(self, read: str) -> bytes:
        progress, report = self.progress, self.progress.report
        saved = _Progress(
            self._names,
            read,
            self._late,
            self.is_from_the_start,
            progress.lines,
            progress.line_before,
            progress.skipped,
            {name: sorted(known, key=repr) for name, known in progress.known.items()},
            sorted(progress.followed_no_more),
            {name: getattr(report, name) for name in _SUM},
            [_saved_bad(bad) for bad in report.bad],
            report.divergences,
            dict(report.coverage.rules),
            [(event, code, hits) for (event, code), hits in report.coverage.refusals.items()],
        )
        return save(self._oracle, msgspec.to_builtins(saved))


def _saved_bad(bad: Bad) -> _Bad:
    fault = bad.fault
    return _Bad(bad.line, fault.field, fault.rule, fault.value, fault.account, fault.happened is not None)


def _bad_of(saved: _Bad) -> Bad:
    fault = BadRecord(saved.field, saved.rule, saved.value)
    fault.account, fault.happened = saved.account, True if saved.happened else None
    return Bad(saved.line, fault)

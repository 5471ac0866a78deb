"""A replay that is saved on its way: every so many lines its state is kept, and a killed one goes on from there.

The lines behind a saved state are not judged again. They are read, so that another log in their place is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import blake2b
from typing import Any, BinaryIO, NoReturn, get_type_hints

import msgspec

from tokenspec.oracle.base.errors import BadRecord, BadSetting, WrongUsage
from tokenspec.oracle.base.text import path_text
from tokenspec.oracle.logs.replay import Progress, Report
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import write_state
from tokenspec.oracle.wire.log_files import Line

_PARTS = {name: kind for name, kind in get_type_hints(Report).items() if name not in ("accounts", "coverage", "rows")}
"""The parts of a report that are saved as they are, with their types."""


WritesState = Callable[[BinaryIO], None]
"""Writes a state to a file, before anything else happens."""


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
    report: dict[str, Any]
    rules: dict[str, int]
    refusals: list[tuple[str, str, int]]
    kernel: dict[str, Any] | None = None
    """The point of a run that the kernel judges; the rest is then of the accounts that are left to the oracle."""


class SavedOnTheWay:
    """The lines of a replay, with its progress. Behind each `every` lines what writes the state to a file is given to `keep`.

    A line is asked for when the one before has been judged, so that the state is whole then.
    """

    lines: Iterable[Line] = ()
    every: int | None = None
    """The number of lines between two states; None where none is kept on the way."""
    keep: Callable[[WritesState], None]

    def __init__(self, names: list[str], late: float | None, oracle: Oracle, is_from_the_start: bool) -> None:
        self._names, self._late = names, late
        self._oracle, self.progress, self.is_from_the_start = oracle, Progress.of(oracle), is_from_the_start
        self.file = self.expected = ""
        """The state that it goes on from, and the digest of the lines behind that."""
        self.of_kernel: dict[str, Any] | None = None
        """The point of the kernel in that state; then the progress is from the start, unless the kernel goes on."""
        self._saved: _Progress | None = None

    def go_on_from(self, kept: dict[str, Any], file: str) -> None:
        """Goes on from what a state `file` holds of a replay. Raises `BadSetting`, `WrongUsage` where it is of other logs."""
        try:
            saved = msgspec.convert(kept, _Progress)
            self._saved = saved
            progress = self.progress_then(self._oracle)
        except (msgspec.ValidationError, KeyError) as fault:
            raise BadSetting(file, f"it is not a saved state: {fault}") from None
        if saved.files != self._names or saved.late != self._late:
            logs = [*map(path_text, saved.files), *([] if saved.late is None else [f"--late {saved.late:g}"])]
            rule = f"it is of a replay that has not come to its end; give it the same logs again: {' '.join(logs)}"
            raise WrongUsage(f"--load-state {file}", rule)
        self.file, self.expected, self.is_from_the_start = file, saved.read, saved.is_from_the_start
        self.of_kernel = saved.kernel
        if self.of_kernel is None:
            self.progress = progress

    def progress_then(self, oracle: Oracle) -> Progress:
        """Returns the progress in the state that it goes on from."""
        assert self._saved is not None, "it goes on from a state"
        saved, progress = self._saved, Progress.of(oracle)
        report = progress.report
        for name, kind in _PARTS.items():
            setattr(report, name, msgspec.convert(saved.report[name], kind, dec_hook=_from_data))
        report.coverage.rules.update(saved.rules)
        report.coverage.refusals.update({(event, code): hits for event, code, hits in saved.refusals})
        progress.lines, progress.line_before, progress.skipped = saved.lines, saved.line_before, saved.skipped
        progress.known = {name: set(known) for name, known in saved.known.items()}
        progress.followed_no_more = set(saved.followed_no_more)
        return progress

    @property
    def observes_answers(self) -> Mapping[str, bool] | None:
        """By file, true where its first record says so for all; None where the lines are in the order of their files."""
        return getattr(self.lines, "observes_answers", None)

    def __iter__(self) -> Iterator[Line]:
        """Yields the lines. Raises `BadSetting` where those behind the loaded state are others than they were."""
        expected = "" if self.of_kernel is not None else self.expected
        if self.every is None and not expected:
            yield from self.lines
            return
        start, read, number = self.progress.lines, blake2b(digest_size=16), 0
        for line in self.lines:
            if number == start:
                self._check(read.hexdigest())
            if self.every is not None and number > start and number % self.every == 0:
                self.progress.lines = number
                self.keep(self.state(self._oracle, self.progress, read.hexdigest()))
            read.update(b"%d %s\n" % (line.number, line.content))
            number += 1
            yield line
        if number <= start:
            self._check(read.hexdigest())

    def _check(self, read: str) -> None:
        if self.expected and self.of_kernel is None and read != self.expected:
            self.is_of_another_log(self.progress.lines)

    def is_of_another_log(self, lines: int) -> NoReturn:
        """Raises `BadSetting`: the lines behind the loaded state are others than they were."""
        raise BadSetting(self.file, f"the first {lines} lines of the logs are not those that it was saved behind; replay anew")

    def state(self, oracle: Oracle, progress: Progress, read: str, kernel: dict[str, Any] | None = None) -> WritesState:
        """Returns what writes the state behind the lines whose digest is `read`."""
        report = progress.report
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
            {name: getattr(report, name) for name in _PARTS},
            dict(report.coverage.rules),
            [(event, code, hits) for (event, code), hits in report.coverage.refusals.items()],
            kernel,
        )
        progress_kept = msgspec.to_builtins(saved, enc_hook=_as_data)
        return partial(write_state, oracle=oracle, accounts=oracle.accounts.items(), progress=progress_kept)


def _as_data(fault: Any) -> list[Any]:
    assert isinstance(fault, BadRecord), f"{type(fault).__name__} is no part of a report"
    return [fault.field, fault.rule, fault.value, fault.account, fault.happened is not None, *map(_as_data, fault.others)]


def _from_data(kind: Any, data: Any) -> Any:
    field, rule, value, account, happened, *others = data
    fault = BadRecord(field, rule, value)
    fault.account, fault.happened, fault.others = account, happened or None, tuple(_from_data(kind, each) for each in others)
    return fault

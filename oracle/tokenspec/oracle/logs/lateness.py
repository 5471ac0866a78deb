"""Lines that come too late: each account's are put in the order of their instants, within a window of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, NamedTuple

import msgspec

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.observations import instant_of
from tokenspec.oracle.wire.records import Reader


class Late(NamedTuple):
    """A line that came later than the window allows: its account, and by how many milliseconds behind the newest before it."""

    line: Line
    account: str
    behind: int


class _Place(msgspec.Struct):
    account: str
    at: int | str


class InOrder:
    """Lines in the order of each account's instants; equal instants keep the order of the log.

    A line waits until its account has one that is `window` milliseconds newer. Of an account with a later line than that all
    lines wait, until the log ends: it runs from its first record in the right order. The lines are read twice.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        names: list[str],
        size: int | None,
        reader: Reader,
        window: int,
        on_line: Callable[[int], None] | None = None,
    ) -> None:
        self._lines, self._window = lines, window
        self.names, self.size = names, size
        self._decode = msgspec.json.Decoder(_Place).decode
        self.late: list[Late] = []
        """The late lines, without their content."""
        self.observes_answers: dict[str, bool] = {}
        """By file, true where its first record says so for all of them."""
        newest: dict[str, int] = {}
        self.row_count = 0
        for line in lines:
            self.row_count += 1
            if on_line is not None:
                on_line(len(line.content) + 1)
            if line.file not in self.observes_answers:
                self._note_form(line, reader)
            place = self._place(line)
            if place is None:
                continue
            account, at = place
            before = newest.setdefault(account, at)
            if at < before - window:
                self.late.append(Late(line._replace(content=b""), account, before - at))
            newest[account] = max(before, at)
        self.whole = {late.account for late in self.late}
        """The accounts that run again from their first record."""

    def _note_form(self, line: Line, reader: Reader) -> None:
        try:
            record: Any = reader.decode(line.content)
        except BadRecord as fault:
            record = fault.happened
        if record is not None:
            self.observes_answers[line.file] = record.observed_as is not None

    def _place(self, line: Line) -> tuple[str, int] | None:
        """Returns the account and the instant; None for a line that holds no record, and has no place in time."""
        try:
            found = self._decode(line.content)
            return found.account, instant_of(found.at)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
            return None

    def __iter__(self) -> Iterator[Line]:
        """Yields the lines."""
        waiting: dict[str, list[tuple[int, int, Line]]] = {}
        newest: dict[str, int] = {}
        for number, line in enumerate(self._lines):
            place = self._place(line)
            if place is None:
                yield line
                continue
            account, at = place
            lines = waiting.setdefault(account, [])
            heappush(lines, (at, number, line))
            if account in self.whole:
                continue
            newest[account] = max(newest.get(account, at), at)
            while lines and lines[0][0] <= newest[account] - self._window:
                yield heappop(lines)[2]
        for lines in waiting.values():
            while lines:
                yield heappop(lines)[2]

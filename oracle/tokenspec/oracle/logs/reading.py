"""Reads logs record by record for every verb that takes one: the error of a line, and the event that happened all the same.

Where the records are those of a table, its rows are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.specification import IDS
from tokenspec.oracle.runtime.journal import Account, knows_entry, knows_id, may_have_more
from tokenspec.oracle.runtime.memory import KEY, NOT_NEW, refers
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Reader, Record, at_of, event_of


@dataclass(frozen=True)
class Bad:
    """A line that holds no good record. Its place is kept, not its content, which may be a whole file."""

    line: Line
    fault: BadRecord

    @classmethod
    def of(cls, line: Line, fault: BadRecord) -> Bad:
        """Returns the line without its content."""
        return cls(line._replace(content=b""), fault)


Read = tuple[Line, Record | None, BadRecord | None, list[str]]
"""A line, the event that happened, the error of the line, and its unknown names.

A record that is bad in its observation alone did happen, and is given without the observation.
"""


def read(lines: Iterable[Line], reader: Reader, on_line: Callable[[int], None] | None = None, skip: int = 0) -> Iterator[Read]:
    """Yields every line with its record, but for the first `skip`. A log whose first record says so observes whole answers.

    Lines that are not in the order of their files know that of each file beforehand, as `observes_answers`.
    """
    return (found for _, found in read_numbered(lines, reader, on_line, skip))


def read_numbered(
    lines: Iterable[Line], reader: Reader, on_line: Callable[[int], None] | None = None, skip: int = 0
) -> Iterator[tuple[int, Read]]:
    """Yields the same with the position of each line, from 0. Lines among which others are left out know it, as `numbered`."""
    file, as_answer, is_first = None, False, False
    beforehand: Mapping[str, bool] | None = getattr(lines, "observes_answers", None)
    numbered: Callable[[], Iterable[tuple[int, Line]]] | None = getattr(lines, "numbered", None)
    for position, line in enumerate(lines) if numbered is None else numbered():
        if on_line is not None:
            on_line(len(line.content) + 1)
        if line.file != file:
            file, as_answer, is_first = line.file, False, True
            if beforehand is not None:
                as_answer, is_first = beforehand.get(file, False), False
        if position < skip and not is_first:
            continue
        record: Record | None
        fault: BadRecord | None = None
        unknown: list[str] = []
        try:
            if line.other_form:
                raise BadRecord("line", line.other_form)
            if line.fault is not None:
                raise line.fault
            record, unknown = reader.read(line.content, as_answer)
        except BadRecord as wrong:
            record, fault = wrong.happened, wrong
        if position >= skip:
            yield position, (line, record, fault, unknown)
        if is_first and record is not None:
            as_answer, is_first = record.observed_as is not None, False


@dataclass
class RowsRead:
    """The count of rows, each once: in a record, or else ignored, or else unmapped, or else bad."""

    read: int = 0
    in_records: int = 0
    ignored: int = 0
    bad: int = 0
    unmapped: dict[str, tuple[int, Line]] = field(default_factory=dict)
    """By kind that no rule of the map takes, the number of rows, and the first of them."""

    def note_unmapped(self, kind: str, line: Line) -> None:
        """Counts a row whose kind no rule of the map takes."""
        times, first = self.unmapped.get(kind, (0, line))
        self.unmapped[kind] = times + 1, first

    @property
    def all_unmapped(self) -> int:
        """The number of rows that no rule of the map takes."""
        return sum(times for times, _ in self.unmapped.values())

    def as_data(self) -> dict[str, Any]:
        """Returns the count as JSON."""
        unmapped = [
            {"kind": kind, "rows": times, "file": line.file, "line": line.number, "key": line.key or None}
            for kind, (times, line) in self.unmapped.items()
        ]
        counts = {"read": self.read, "in_records": self.in_records, "ignored": self.ignored}
        return {**counts, "unmapped": self.all_unmapped, "bad": self.bad, "unmapped_kinds": unmapped}


def is_before_the_log(accounts: Iterable[Account], record: Record, remember: int | None = None) -> bool:
    """Returns true if the remembered name or the id of `record` may have been used before the log, or before all that is known.

    `accounts` are all that the one it happens to may be; they remember for `remember` milliseconds.
    """
    at = at_of(record)
    known = [account for account in accounts if may_have_more(account, at, remember)]
    if not known or any(knows_id(account, record.id, at, remember) for account in known):
        return False
    observed, key = record.observed or {}, getattr(record, KEY, None)
    if record.id is not None and (observed.get("duplicate") is True or (IDS is not None and observed.get("reason") == IDS.code)):
        return True
    if key is None or any(knows_entry(account, key, at, remember) for account in known):
        return False
    return refers(event_of(record)) or observed.get("reason") in NOT_NEW


def may_have_changed(record: Record) -> bool:
    """Returns true if such a record may have moved tokens: one that refers to an entry, unless its observation excludes it."""
    observed = record.observed or {}
    is_none = observed.get("outcome") == "refused" or "reason" in observed or observed.get("duplicate") is True
    return refers(event_of(record)) and not is_none and observed.get("delta") != 0

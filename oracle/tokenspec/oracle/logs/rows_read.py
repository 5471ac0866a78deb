"""The count of a table's rows: in records, ignored, unmapped, or bad."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tokenspec.oracle.wire.log_files import Line


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

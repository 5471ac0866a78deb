"""The sum of an audit in parts: every record counts once, in whichever part it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tokenspec.oracle.logs.reading import RowsRead
from tokenspec.oracle.logs.replay import REASONS, Comparisons, Report


class AuditSum(msgspec.Struct, Comparisons):
    """Counts of records and of rows. It may be large where the lists of what is counted are not in this process."""

    records: int = 0
    accounts: int = 0
    bad: int = 0
    compared: int = 0
    not_compared: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    repeated: dict[str, int] = msgspec.field(default_factory=lambda: {"compared": 0, "not_compared": 0})
    same: int = 0
    another: int = 0
    identical: int = 0
    unknown_fields: dict[str, int] = msgspec.field(default_factory=dict)
    divergences: int = 0
    divergent_accounts: int = 0
    rows: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(("read", "in_records", "ignored", "bad"), 0))
    unmapped: dict[str, int] = msgspec.field(default_factory=dict)
    """By kind that no rule of the map takes, the number of rows."""

    @classmethod
    def of(cls, report: Report) -> AuditSum:
        """Returns the sum of one replay."""
        rows, own = report.rows or RowsRead(), cls()
        for name in set(cls.__struct_fields__) - {"rows", "unmapped"}:
            setattr(own, name, _count(getattr(report, name)))
        own.rows, own.unmapped = {name: getattr(rows, name) for name in own.rows}, _count(rows.unmapped)
        return own

    @classmethod
    def together(cls, parts: Iterable[AuditSum]) -> AuditSum:
        """Returns the sum of disjoint parts, with names in their order."""
        whole = cls()
        for part in parts:
            for name in cls.__struct_fields__:
                setattr(whole, name, _added(getattr(whole, name), getattr(part, name)))
        whole.unknown_fields = dict(sorted(whole.unknown_fields.items()))
        whole.unmapped = dict(sorted(whole.unmapped.items()))
        return whole

    @property
    def is_bad(self) -> bool:
        """True where the data are bad: bad records, unmapped rows, or no record at all."""
        return bool(self.bad or not self.records or self.unmapped)


def _count(of: Any) -> Any:
    """Returns a count as it is, the length of a list, and by name the counts of what is kept with them."""
    if isinstance(of, dict):
        return {name: each[0] if isinstance(each, tuple) else each for name, each in of.items()}
    return len(of) if isinstance(of, list) else of


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, int):
        return one + other
    return one | {key: one.get(key, 0) + times for key, times in other.items()}

"""Shrinks a failing list of records: fewer events and accounts, smaller amounts, plainer instants.

Hypothesis shrinks its own draws; people read records, so the last steps shrink records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tokenspec.spec.system import system

Record = dict[str, Any]
Fails = Callable[[list[Record]], bool]


@cache
def _optional() -> frozenset[str]:
    """Returns the fields that a record may leave out."""
    events = [event for machine in system().machines for event in machine.events]
    return frozenset({"id", *(key.name for event in events for key in event.keys if key.optional)})


def shrink(records: list[Record], fails: Fails, tries: int = 1500) -> list[Record]:
    """Returns the plainest list found that still fails, after at most `tries` attempts. `records` has to fail."""
    budget = iter(range(tries))

    def still(candidate: list[Record]) -> bool:
        return next(budget, None) is not None and fails(candidate)

    before: list[Record] = []
    while before != records:
        before = records
        records = _fewer(records, still)
        records = _plainer(records, still)
    return records


def _fewer(records: list[Record], still: Fails) -> list[Record]:
    size = len(records)
    while size >= 1:
        start = len(records) - size
        while start > -size:
            low = max(start, 0)
            candidate = records[:low] + records[low + size :]
            if len(candidate) < len(records) and candidate and still(candidate):
                records = candidate
            start -= size
        size //= 2
    return records


def _plainer(records: list[Record], still: Fails) -> list[Record]:
    for index in range(len(records)):
        while (change := _accepted(records, index, still)) is not None:
            records = [*records[:index], change, *records[index + 1 :]]
    return records


def _accepted(records: list[Record], index: int, still: Fails) -> Record | None:
    """Returns the first plainer form of one record with which the list still fails."""
    for change in _changes(records, index):
        if change != records[index] and still([*records[:index], change, *records[index + 1 :]]):
            return change
    return None


def _changes(records: list[Record], index: int) -> Iterator[Record]:
    record = records[index]
    for left_out in sorted(_optional() & record.keys()):
        yield {key: value for key, value in record.items() if key != left_out}
    if index:
        yield record | {"at": records[index - 1]["at"]}
    if record["account"] != "a":
        yield record | {"account": "a"}
    for key, value in record.items():
        if isinstance(value, int):
            yield from (
                record | {key: smaller}
                for smaller in (1, 0, value // 1000, value // 10, value // 2, value - value // 8, value - value // 99, value - 1)
                if abs(smaller) < abs(value)
            )
        if isinstance(value, dict) and key != "observed" and len(value) > 1:
            yield from (record | {key: {pool: tokens}} for pool, tokens in value.items())

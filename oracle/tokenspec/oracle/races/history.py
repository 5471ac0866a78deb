"""Histories: requests with the order in which they were sent and answered, by several clients at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tokenspec.oracle.sut.client import Failed, Message


@dataclass(frozen=True, eq=False)
class Call:
    """A request of one client; `sent` and `answered` are numbers in one order of all that was sent and answered."""

    client: int
    record: dict[str, Any]
    sent: int
    answered: int | None = None
    """None where no answer came: it happened, or not."""
    got: Message | None = None
    failed: Failed | None = None
    """The reason that there is no answer, unless the implementation was killed meanwhile."""

    def overlaps(self, other: Call) -> bool:
        """Returns whether neither was answered before the other was sent."""
        return (other.answered is None or self.sent < other.answered) and (self.answered is None or other.sent < self.answered)


def overlapping(calls: Sequence[Call]) -> Iterator[tuple[Call, Call]]:
    """The pairs of `calls` that overlap and are about one account."""
    for one, other in combinations(calls, 2):
        if one.record["account"] == other.record["account"] and one.overlaps(other):
            yield one, other

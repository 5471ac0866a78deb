"""A part of a run, so that several runners share it: `i/n`, the i-th of n."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import one_line


class Slice(NamedTuple):
    """The `number`-th of `parts`, from 1."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"

    def share(self, examples: int) -> int:
        """Returns this part's share of so many examples: equal for all parts but for a difference of one, and at least one."""
        return max(1, examples // self.parts + (self.number <= examples % self.parts))

    def seed(self, seed: int) -> int:
        """Returns the seed of this part, derived from `seed`; a run in one part keeps `seed`."""
        if self.parts == 1:
            return seed
        return int.from_bytes(hashlib.sha256(f"{seed} {self.number}/{self.parts}".encode()).digest()[:6])


WHOLE = Slice(1, 1)


def slice_of(part: str | None) -> Slice:
    """Returns the slice that is written `i/n`; the whole run for None. Raises `WrongUsage`."""
    if part is None:
        return WHOLE
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", part)
    number, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= parts:
        raise WrongUsage("--slice", f"it is i/n with i from 1 to n, found {one_line(part)!r}")
    return Slice(number, parts)

"""States that a replay keeps on its way, in the place of a file."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from tokenspec.oracle.logs.progress import WritesState


def kept_by(take: Callable[[bytes], object]) -> Callable[[WritesState], None]:
    """Keeps states by giving the bytes of each to `take`."""

    def keep(write: WritesState) -> None:
        file = BytesIO()
        write(file)
        take(file.getvalue())

    return keep

"""Logs: JSON Lines files of records, read in one pass, each line with the place it came from."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One line of a log: its file, its number (from 1), the byte it starts at, and its bytes."""

    file: str
    number: int
    offset: int
    content: bytes


class Logs:
    """The logs at `paths`, `-` for standard input. They can be gone through more than once.

    Raises `OSError` at once where one of them cannot be read, so that a mistyped path never looks like an empty log.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._kept: IO[bytes] | None = None
        for path in self._paths:
            if path != "-":
                with Path(path).open("rb"):
                    pass

    def __iter__(self) -> Iterator[Line]:
        for path in self._paths:
            if path == "-":
                yield from _lines("-", self._standard_input())
            else:
                with Path(path).open("rb") as file:
                    yield from _lines(path, file)

    def _standard_input(self) -> IO[bytes]:
        if self._kept is None:
            # Explaining a divergence takes a second look, which a pipe does not allow.
            self._kept = SpooledTemporaryFile(max_size=64 * 2**20)
            while block := sys.stdin.buffer.read(2**20):
                self._kept.write(block)
        self._kept.seek(0)
        return self._kept


def _lines(name: str, file: IO[bytes]) -> Iterator[Line]:
    offset = 0
    for number, content in enumerate(file, 1):
        start, size = offset, len(content)
        offset += size
        if number == 1 and content.startswith(_BOM):
            content = content[len(_BOM) :]
        content = content.strip(b" \t\r\n")
        # An empty line holds no record, and nothing that could have been one.
        if content:
            yield Line(name, number, start, content)

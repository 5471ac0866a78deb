"""The files of a command line: what is read, what is written, and that the one is not the other."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.report.output import cannot_be_written, discard_standard_output, named

_Identity = tuple[int, int] | str


def check_files(inputs: Sequence[str], outputs: Mapping[str, str | None], result: str | None = None) -> None:
    """Nothing is read or written yet. Raises `WrongUsage` where an output is an input, or another output, or cannot be.

    `outputs` are the files written, by the option that names them; `result` is where the result goes (-o).
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    given["-o" if result is not None else "the result"] = result or "-"
    read = {identity: path for path in inputs if (identity := _identity(path, 0)) is not None}
    written: dict[_Identity, str] = {}
    for option, path in given.items():
        if path == "-":
            identity = _identity(path, 1) or "standard output"
        else:
            _check_can_be_written(option, path)
            identity = _identity(path, 1)
        if identity is None:
            continue
        if identity in read:
            raise WrongUsage(option, f"{named(path)} is also read, and would be overwritten")
        if identity in written:
            raise WrongUsage(option, f"{named(path)} is written by {written[identity]} already; each needs a file of its own")
        written[identity] = option


def _identity(path: str, standard: int) -> _Identity | None:
    """What two paths to one file have in common; None for what can be opened any number of times, such as /dev/null."""
    try:
        status = os.fstat(standard) if path == "-" else os.stat(path)
    except OSError:
        return None if path == "-" else os.path.realpath(path)
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _check_can_be_written(option: str, path: str) -> None:
    try:
        if Path(path).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        present = os.path.lexists(path)
        folder = os.path.dirname(os.path.realpath(path))
        if not present and not Path(folder).is_dir():
            raise FileNotFoundError(errno.ENOENT, "there is no such folder")
        if not os.access(path if present and Path(path).exists() else folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as fault:
        raise cannot_be_written(option, path, fault) from None


@contextmanager
def lines_to(option: str, path: str | None) -> Iterator[Callable[[bytes], None] | None]:
    """A call that writes one line to the file, or to standard output; None where there is no path."""
    if path is None:
        yield None
        return
    lines = _Lines(option, path)
    try:
        yield lines.write
    finally:
        lines.finish()


class _Lines:
    """Lines to a stream whose reader may leave: the run goes on all the same, for the sake of its exit code."""

    def __init__(self, option: str, path: str) -> None:
        self._option, self._path = option, path
        self._is_left = False
        try:
            self._to: IO[bytes] = sys.stdout.buffer if path == "-" else Path(path).open("wb")
        except OSError as fault:
            raise cannot_be_written(option, path, fault) from None

    def write(self, line: bytes) -> None:
        if not self._is_left:
            self._guarded(lambda: self._to.write(line + b"\n"))

    def finish(self) -> None:
        if not self._is_left:
            self._guarded(self._to.flush if self._path == "-" else self._to.close)

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except OSError as fault:
            self._is_left = True
            if self._path == "-":
                discard_standard_output()
            if not isinstance(fault, BrokenPipeError):
                raise cannot_be_written(self._option, self._path, fault) from None


def write_file(option: str, path: str, content: bytes) -> None:
    """Writes a whole file. Raises `WrongUsage` where that fails."""
    try:
        Path(path).write_bytes(content)
    except OSError as fault:
        raise cannot_be_written(option, path, fault) from None

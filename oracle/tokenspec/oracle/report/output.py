"""Opens the file, or standard output, for a result."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.whole_files import cannot_be_written, written


@contextmanager
def output(path: str | None, option: str = "-o") -> Iterator[IO[str]]:
    """Opens the file that `option` names, or standard output. Raises `WrongUsage` where that fails.

    A reader of standard output that closes it early is not a failure.
    """
    try:
        if path is None or path == "-":
            yield sys.stdout
            sys.stdout.flush()
        else:
            with written(option, path) as file:
                text = TextIOWrapper(file, "utf-8", "backslashreplace")
                yield text
                text.detach()
    except OSError as fault:
        if path is None or path == "-":
            discard_standard_output()
        if isinstance(fault, BrokenPipeError):
            return
        raise cannot_be_written(option, path or "-", fault) from None


@contextmanager
def noted(faults: list[WrongUsage]) -> Iterator[None]:
    """Adds to `faults` where an output cannot be written, so that the others are written all the same."""
    try:
        yield
    except WrongUsage as fault:
        faults.append(fault)


def raise_all(faults: Sequence[WrongUsage]) -> None:
    """Raises one `WrongUsage` that names each of the outputs, if there is one."""
    if faults:
        raise WrongUsage(faults[0].key, "; ".join([faults[0].rule, *map(str, faults[1:])]))


def discard_standard_output() -> None:
    """Discards further output; Python would otherwise report the closed stream once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

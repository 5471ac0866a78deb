"""Checks the input and output files of a command line: none is written that is also an input."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tokenspec.oracle.base.errors import NO_ADDRESS, WrongUsage
from tokenspec.oracle.base.whole_files import cannot_be_written, named, written
from tokenspec.oracle.report.output import discard_standard_output, raise_all

EMPTY = "a file is named, and this name is empty; name one, or leave it out"
"""The fault of an empty name of a file."""


class Implementation(click.types.StringParamType):
    """The address of an implementation, or the command that starts one. An empty one is refused."""

    name = "sut"

    def __init__(self, empty: str = NO_ADDRESS) -> None:
        self._empty = empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the address. Raises `WrongUsage` where it is empty."""
        if not value.strip():
            raise WrongUsage(param.opts[0] if param is not None else self.name, self._empty)
        return super().convert(value, param, ctx)


class _ListedWord(click.Choice[Any]):
    """A word of a list. The error for another word names the nearest."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Returns the message, with the nearest word."""
        from tokenspec.oracle.base.nearest import did_you_mean

        return f"{super().get_invalid_choice_message(value, ctx).rstrip('.')}{did_you_mean(str(value), self.choices) or '.'}"


class _FileName(click.Path):
    """The name of a file. An empty name is refused: mostly it is a variable that was not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the name. Raises `WrongUsage` where it is empty, or cannot be the name of a file."""
        name = os.fspath(value)
        if not name or "\0" in name:
            option = (
                param.opts[0] if isinstance(param, click.Option) else param.human_readable_name if param is not None else "FILE"
            )
            raise WrongUsage(option, EMPTY if not name else "no name of a file holds a NUL")
        return super().convert(value, param, ctx)


def check_names(command: click.Command) -> None:
    """Makes the verb's arguments and options refuse empty names, and tell the nearest of their choices."""
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            parameter.type = _FileName()
        elif isinstance(parameter.type, click.Choice):
            parameter.type = _ListedWord(parameter.type.choices)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            check_names(each)


def check_files(inputs: Sequence[str | None], outputs: Mapping[str, str | None], result: str | None = None) -> None:
    """Raises `WrongUsage` where an output is an input, another output, or impossible, before anything is read or written.

    `outputs` are the written files, by the option that names them; `result` is the file of the result (-o). For an input
    that is a folder, every file counts as read.
    """
    given = {**outputs, "-o" if result is not None else "the result": result or "-"}
    named_inputs = [path for path in inputs if path is not None]
    read, written = {_identity(path, 0) for path in named_inputs}, dict[object, str]()
    folders = [Path(os.path.realpath(path)) for path in named_inputs if os.path.isdir(path)]
    for option, path in given.items():
        if path is None:
            continue
        if path != "-":
            _check_can_be_written(option, path)
        identity = _identity(path, 1) or ("standard output" if path == "-" else None)
        if identity is None:
            continue
        within = path != "-" and os.path.isfile(path) and any(map(Path(os.path.realpath(path)).is_relative_to, folders))
        if identity in read or within:
            raise WrongUsage(option, f"{named(path)} is also read, and would be overwritten")
        if written.setdefault(identity, option) != option:
            raise WrongUsage(option, f"{named(path)} is written by {written[identity]} already; each needs a file of its own")


def programs(sut: str | None) -> list[str]:
    """Returns the files that an implementation is run from, as far as its address names them."""
    if sut is None or sut.startswith(("http://", "https://")):
        return []
    if sut.startswith("python:"):
        module = sut.split(":")[1].replace(".", os.sep)
        places = [os.path.join(folder, f"{module}{end}") for folder in ("", *sys.path) for end in (".py", f"{os.sep}__init__.py")]
        return [place for place in places if os.path.isfile(place)][:1]
    from tokenspec.oracle.sut.programs import words_of

    try:
        words = words_of(sut)
    except WrongUsage:
        # Unmatched quotation marks are reported when it is started.
        return []
    found = [shutil.which(word) if number == 0 and not os.path.exists(word) else word for number, word in enumerate(words)]
    return [word for word in found if word is not None and os.path.isfile(word)]


def _identity(path: str, standard: int) -> tuple[int, int] | str | None:
    """Returns a key that is equal for two paths to one file; None for files that may be opened repeatedly, like /dev/null."""
    try:
        status = os.fstat(standard) if path == "-" else os.stat(path)
    except OSError:
        return None if path == "-" else os.path.realpath(path)
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _check_can_be_written(option: str, path: str) -> None:
    try:
        folder = os.path.dirname(os.path.realpath(path))
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.path.lexists(path) and not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, "there is no such folder")
        if not os.access(path if os.path.exists(path) else folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as fault:
        raise cannot_be_written(option, path, fault) from None


@contextmanager
def lines_to(option: str, path: str | None, failed: list[WrongUsage]) -> Iterator[Callable[[bytes], None] | None]:
    """Yields a function that writes one line to the file, or to standard output; None where there is no path.

    If the reader of the stream closes it, or the disk is full, the run continues, for the sake of its result.
    An error of writing is added to `failed`, and the old file stays.
    """
    if path is None:
        yield None
        return
    is_left, is_over = False, False
    lost: list[WrongUsage] = []

    def guarded(call: Callable[..., object], *line: bytes) -> None:
        nonlocal is_left
        try:
            if not is_left:
                call(*line)
        except OSError as fault:
            is_left = True
            if path == "-":
                discard_standard_output()
            if not isinstance(fault, BrokenPipeError):
                lost.append(cannot_be_written(option, path, fault))

    if path == "-":
        try:
            yield lambda line: guarded(sys.stdout.buffer.write, line + b"\n")
        finally:
            guarded(sys.stdout.buffer.flush)
            failed += lost
        return
    try:
        with written(option, path) as file:
            yield lambda line: guarded(file.write, line + b"\n")
            is_over = True
            raise_all(lost)
    except WrongUsage as fault:
        if not is_over:
            raise
        failed.append(fault)

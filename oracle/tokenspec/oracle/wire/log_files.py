"""Logs: JSON Lines files of records, read in one pass, each line with the place it came from."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain, islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

import msgspec

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.text import one_line, path_text

_BLANK_MAX = 1024
"""The largest number of blank bytes in a file that counts as empty."""
BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One line of a log: its file, its number (from 1), the byte it starts at (-1 for a row of a table), and its bytes."""

    file: str
    number: int
    offset: int
    content: bytes
    other_form: str = ""
    """The kind of the file, where it is not a log: then this is its only line."""
    key: str = ""
    """The key of a row of a database, which has no number of its own."""
    fault: BadRecord | None = None
    """The fault of a row of which no record could be made."""


def place_of(line: Line) -> str:
    """Returns the file and the number of a line, or the key of a row, as shown."""
    return f"{path_text(line.file)}:{one_line(line.key) if line.key else line.number}"


class Logs:
    """The logs at `paths`, `-` for standard input. They can be read more than once.

    Raises `OSError` at once where one of them cannot be read, so that a mistyped path never looks like an empty log.
    A source that can be read only once (a pipe, a device) is copied when it is first read.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._kept: dict[int, IO[bytes]] = {}
        self.names = [path.encode(errors="backslashreplace").decode() for path in paths]
        """The names of the files, as in the places of their lines."""
        self.size: int | None = 0
        """Size in bytes of all files, where known beforehand."""
        for path in self._paths:
            size = _readable(path)
            self.size = None if size is None or self.size is None else self.size + size

    def __iter__(self) -> Iterator[Line]:
        for name, file in self.files():
            yield from _lines(name, file)

    @property
    def empty(self) -> list[str]:
        """The names of the files that hold nothing, or blank lines alone."""
        files = [(Path(path), name) for path, name in zip(self._paths, self.names, strict=True) if path != "-"]
        small = [(path, name) for path, name in files if path.is_file() and path.stat().st_size <= _BLANK_MAX]
        return [name for path, name in small if not path.read_bytes().strip()]

    def files(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Yields the name of each file, and the file, open at its start."""
        for index, (path, name) in enumerate(zip(self._paths, self.names, strict=True)):
            if path != "-" and stat.S_ISREG(os.stat(path).st_mode):
                with Path(path).open("rb") as file:
                    yield name, file
            else:
                yield name, self._once(index, path)

    def _once(self, index: int, path: str) -> IO[bytes]:
        if index not in self._kept:
            # Explaining a divergence takes a second look, which a pipe does not allow.
            kept = self._kept[index] = SpooledTemporaryFile(max_size=64 * 2**20)
            with nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as source:
                while block := source.read(2**20):
                    kept.write(block)
        self._kept[index].seek(0)
        return self._kept[index]


def _readable(path: str) -> int | None:
    """Returns the size of the file at `path`, None where it is not a regular file. Raises `OSError` where it cannot be read."""
    if path == "-":
        # Python has no stream for a standard input that is closed.
        if sys.stdin is None or sys.stdin.closed:
            raise OSError(errno.EBADF, "the stream is closed", "standard input")
        return None
    status = os.stat(path)
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        with Path(path).open("rb"):
            return status.st_size
    # Opening a pipe and closing it again would end it for its writer.
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return None


def _lines(name: str, file: IO[bytes]) -> Iterator[Line]:
    head = list(islice(file, 3))
    form = other_form(head)
    if form:
        yield Line(name, 1, 0, head[0][:_SHOWN], form)
        return
    offset = 0
    for number, content in enumerate(chain(head, file), 1):
        start, size = offset, len(content)
        offset += size
        if number == 1 and content.startswith(BOM):
            content = content[len(BOM) :]
        content = content.strip(b" \t\r\n")
        # An empty line holds no record, and none was lost in it.
        if content:
            yield Line(name, number, start, content)


PARQUET = b"PAR1"
"""The first bytes of a file of Parquet."""


def is_parquet(path: str) -> bool:
    """Returns true if there is a file at `path` that begins as one of Parquet does. Raises `OSError`."""
    if path == "-" or not Path(path).is_file():
        return False
    with Path(path).open("rb") as file:
        return file.read(len(PARQUET)) == PARQUET


_SHOWN = 200
_UNPACK = "unpack it and give it to the command as standard input, such as `{} FILE | tokenspec replay -`"
_EXPORT = "read it through a map: `tokenspec map FILE` writes a first one for --map (docs/maps.md)"
_BY_COLUMNS = f"one with columns account, at and event is read by its name, with the extra `audit`; else {_EXPORT}"
_RECODE = "write it as UTF-8, such as by `iconv -f UTF-16 -t UTF-8 FILE`"
_FIRST_BYTES = (
    (b"\x1f\x8b", "a gzip file", _UNPACK.format("zcat")),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", _UNPACK.format("zstdcat")),
    (b"BZh", "a bzip2 file", _UNPACK.format("bzcat")),
    (b"\xfd7zXZ\x00", "an xz file", _UNPACK.format("xzcat")),
    (PARQUET, "a Parquet file", _BY_COLUMNS),
    (b"ARROW1", "an Arrow file", _EXPORT),
    (b"Obj\x01", "an Avro file", _EXPORT),
    (b"SQLite format 3\x00", "a SQLite database", _EXPORT),
    (b"PK\x03\x04", "an XLSX or ZIP file", _EXPORT),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", _EXPORT),
    (b"\xff\xfe", "UTF-16 text", _RECODE),
    (b"\xfe\xff", "UTF-16 text", _RECODE),
    (b"%PDF-", "a PDF", _EXPORT),
    (b"---", "YAML", _EXPORT),
    (b"<", "XML or HTML", _EXPORT),
)
_YAML = re.compile(rb"- +[\w-]+:|[\w-]+:(\s|$)")
"""The beginning of a YAML list or object."""
_ARRAY = re.compile(rb"\[\s*([{\[\"\]]|$)")
"""The beginning of a JSON array of records; other logs have instants in square brackets."""
_CELL = re.compile(r"[\w .#/()%-]*[^\W\d][\w .#/()%-]*")


def other_form(head: Sequence[bytes]) -> str:
    """Names the format of a file that begins with the lines `head`, and the remedy; an empty text where it may be a log."""
    if not head:
        return ""
    found = next(((what, remedy) for first, what, remedy in _FIRST_BYTES if head[0].startswith(first)), None)
    first, *others = (line.removeprefix(BOM).strip() for line in head)
    if found is None and len(head) == 1 and first.startswith(b"{") and (around := _around(first)) is not None:
        found = "a JSON object around the records", f"write one record a line, such as by `jq -c '.{around}[]' FILE`"
    if found is None and _ARRAY.match(first) and not (first.endswith(b"]") and others):
        found = "a JSON array", "write one record a line, such as by `jq -c '.[]' FILE`"
    if found is None and first == b"{" and others and not others[0].startswith(b"{"):
        found = "a JSON object written over several lines", "write one record a line, such as by `jq -c . FILE`"
    if found is None and not any(line.startswith(b"{") for line in (first, *others)):
        delimiter = _delimiter(first)
        if _YAML.match(first):
            found = "YAML", _EXPORT
        elif delimiter:
            kind = "tab-separated values" if delimiter == "\t" else "CSV"
            found = (kind, _EXPORT)
    return "" if found is None else f"this looks like {found[0]}, and a log is one JSON object a line; {found[1]}"


def _around(line: bytes) -> str | None:
    """Returns the name under which an object that is no record holds a list of objects, or None."""
    try:
        whole = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    lists = [name for name, value in whole.items() if isinstance(value, list) and any(isinstance(each, dict) for each in value)]
    return one_line(lists[0]) if "event" not in whole and "account" not in whole and len(lists) == 1 else None


def _delimiter(heading: bytes) -> str:
    """Returns the delimiter between the headings of columns; an empty text where the line holds no headings."""
    text = heading.decode(errors="replace")
    for delimiter in (",", ";", "\t", "|"):
        cells = [cell.strip().strip('"') for cell in text.split(delimiter)]
        if len(cells) > 1 and all(_CELL.fullmatch(cell) for cell in cells):
            return delimiter
    return ""

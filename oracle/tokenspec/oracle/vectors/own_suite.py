"""User suites: vectors that were found and are kept, in the form of every suite."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from tokenspec.oracle.base.provenance import declaration, own_version
from tokenspec.oracle.base.specification import DEFAULTS
from tokenspec.oracle.base.text import in_our_words
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.base.whole_files import cannot_be_written, write_file
from tokenspec.oracle.vectors.from_counterexample import case_of
from tokenspec.oracle.vectors.suite import (
    INDEX,
    VECTORS,
    BadSuite,
    Case,
    Index,
    Vector,
    checked_answers,
    laid_out,
    read_suite,
    vector_of,
)


def add(directory: Path, files: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Adds the vectors in `files` to the suite in `directory`, which is made if there is none.

    Returns the ids of new vectors, and of those already present. An id never changes its meaning: a vector with the id
    of another one is refused, as is one whose answers are not those of this declaration, in a file or in the suite. Several
    processes may add at once. Raises `BadSuite`, `OSError`; then nothing was written.
    """
    found = {file: _case(file) for file in files}
    with _locked(directory):
        return _added(directory, found)


def _added(directory: Path, found: dict[Path, tuple[Case, dict[str, Any]]]) -> tuple[list[str], list[str]]:
    if (directory / INDEX).exists():
        suite = read_suite(directory)
        index = suite.index
        for entry in index.vectors:
            suite.case(entry)
    else:
        index = Index(1, "", "", [])
    entries = {entry.id: entry for entry in index.vectors}
    new, known = dict[str, bytes](), list[str]()
    for file, (case, written) in found.items():
        content = laid_out(written, "steps")
        entry = msgspec.structs.replace(case.entry, sha256=hashlib.sha256(content).hexdigest())
        present = entries.setdefault(entry.id, entry)
        if present.sha256 != entry.sha256:
            raise BadSuite(str(file), f"{entry.id} is another vector in {directory}, and an id never changes its meaning")
        if present is entry:
            new[entry.id] = content
        elif entry.id not in new:
            known.append(entry.id)
    if new:
        vectors = list(entries.values())
        _write(directory, new, msgspec.structs.replace(index, version=own_version(), digest=declaration(), vectors=vectors))
    return list(new), known


def _case(file: Path) -> tuple[Case, dict[str, Any]]:
    """Returns the vector in a file, and its members as they are to be written.

    A vector made before there was some policy has the others at their default, and is completed.
    """
    content = file.read_bytes()
    try:
        written = decode(content, dict)
        policy = written.get("policy")
        if is_older := isinstance(policy, dict) and policy.keys() < DEFAULTS.keys():
            made = checked_answers(file, vector_of(written | {"policy": DEFAULTS | policy}), is_older)
            written = msgspec.to_builtins(made)
        case = case_of(written)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadSuite(str(file), in_our_words(str(fault))) from None
    except BadSuite as fault:
        raise BadSuite(str(file), str(fault).removeprefix("vector: ").removeprefix(f"{file}: ")) from None
    checked_answers(file, case.vector)
    return case, {name: written[name] for name in Vector.__struct_fields__}


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Makes the directory, and locks it against others. A directory that stays empty is removed again."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise cannot_be_written("DIR", str(directory), fault) from None
    # On Windows a directory cannot be locked.
    held = None if sys.platform == "win32" else os.open(directory, os.O_RDONLY)
    try:
        if held is not None:
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            directory.rmdir()
        if held is not None:
            os.close(held)


def _write(directory: Path, new: dict[str, bytes], index: Index) -> None:
    (directory / VECTORS).mkdir(parents=True, exist_ok=True)
    for name, content in new.items():
        write_file("DIR", directory / VECTORS / f"{name}.json", content)
    write_file("DIR", directory / INDEX, msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n")

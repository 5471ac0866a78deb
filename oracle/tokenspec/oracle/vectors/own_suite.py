"""User suites: vectors that were found and are kept, in the form of every suite."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tokenspec.oracle.base.provenance import declaration, own_version
from tokenspec.oracle.base.specification import DEFAULTS
from tokenspec.oracle.base.whole_files import locked_directory, write_file
from tokenspec.oracle.logs.branches import Worlds
from tokenspec.oracle.logs.policies_tried import needed
from tokenspec.oracle.vectors.suite import (
    INDEX,
    VECTORS,
    BadSuite,
    Case,
    Entry,
    Index,
    Vector,
    checked_answers,
    decoded,
    laid_out,
    read_suite,
    record_of,
    vector_of,
)
from tokenspec.oracle.wire.resets import resets_from
from tokenspec.oracle.wire.settings import catalogue_from


def add(directory: Path, files: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Adds the vectors in `files` to the suite in `directory`, which is made if there is none.

    Returns the ids of new vectors, and of those already present. An id never changes its meaning: a vector with the id
    of another one is refused, as is one whose answers are not those of this declaration, in a file or in the suite. Several
    processes may add at once. Raises `BadSuite`, `OSError`; then nothing was written.
    """
    found = {file: _case(file) for file in files}
    with locked_directory("DIR", directory):
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
        index = msgspec.structs.replace(index, version=own_version(), digest=declaration(), vectors=vectors)
        (directory / VECTORS).mkdir(parents=True, exist_ok=True)
        for name, content in new.items():
            write_file("DIR", directory / VECTORS / f"{name}.json", content)
        write_file("DIR", directory / INDEX, msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n")
    return list(new), known


def _case(file: Path) -> tuple[Case, dict[str, Any]]:
    """Returns the vector in a file, and its members as they are to be written.

    A vector made before there was some policy has the others at their default, and is completed.
    """
    try:
        written = decoded(file, file.read_bytes(), dict)
        policy = written.get("policy")
        if is_older := isinstance(policy, dict) and policy.keys() < DEFAULTS.keys():
            made = checked_answers(file, vector_of(written | {"policy": DEFAULTS | policy}), is_older)
            written = msgspec.to_builtins(made)
        case = case_of(written)
    except BadSuite as fault:
        raise BadSuite(str(file), str(fault).removeprefix("vector: ").removeprefix(f"{file}: ")) from None
    checked_answers(file, case.vector)
    return case, {name: written[name] for name in Vector.__struct_fields__}


def case_of(vector: Mapping[str, Any]) -> Case:
    """Returns a vector outside any suite, with the settings that its answers depend on. Raises `BadSuite`."""
    found = vector_of(vector)
    worlds = Worlds(catalogue_from(found.catalogue), resets_from(found.resets))
    turned_on = needed(worlds, [record_of(step) for step in found.steps], [step.expect for step in found.steps], found.policy)
    return Case(Entry(found.id, found.title, found.clauses, found.resets, turned_on, [], ""), found)

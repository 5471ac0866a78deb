"""A built suite as files: the index, the vectors, and the JSON Schemas of both."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tokenspec.machine.fuzzing.reachability import outcomes
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.provenance import declaration, stamp
from tokenspec.oracle.base.specification import DEFAULT, POLICIES, account, machines, system
from tokenspec.oracle.base.whole_files import cannot_be_written, locked_directory, write_file
from tokenspec.oracle.check.mutants.campaign import seeded
from tokenspec.oracle.check.mutants.recorded import EQUIVALENT, recorded
from tokenspec.oracle.vectors.build.faulty_oracle import shows_nothing
from tokenspec.oracle.vectors.build.layer_faults import layer_faults
from tokenspec.oracle.vectors.build.set_cover import only_by
from tokenspec.oracle.vectors.build.suite import Part
from tokenspec.oracle.vectors.build.target import BuildTarget, outcome_name
from tokenspec.oracle.vectors.suite import FORMAT, INDEX, VECTORS, Index, Vector, laid_out, reader

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCHEMAS = {"schemas/index.schema.json": Index, "schemas/vector.schema.json": Vector}


def files_of(parts: Sequence[Part], target: BuildTarget | None = None) -> dict[str, bytes]:
    """Returns the content of each file of the suite, by its path; `target` is what it was built for, if not for all."""
    vectors = [chosen.vector for part in parts for chosen in part.chosen]
    found = {f"{VECTORS}/{vector['id']}.json": laid_out(vector, "steps") for vector in vectors}
    found |= {path: _pretty(_schema(kind)) for path, kind in _SCHEMAS.items()}
    return {INDEX: _index(parts, found, target), **found}


def differing(files: Mapping[str, bytes], at: Path) -> list[str]:
    """Returns the paths at `at` that differ from the suite, missing files and foreign vectors among them."""
    present = {str(path.relative_to(at)) for path in _own(at)}
    return sorted(
        {name for name, content in files.items() if not (path := at / name).is_file() or path.read_bytes() != content}
        | (present - files.keys())
    )


def check_place(at: Path) -> None:
    """Raises `WrongUsage` where `at` is a file, holds files and is not a suite, or cannot be made or written."""
    if at.exists() and (not at.is_dir() or (not (at / INDEX).exists() and any(at.iterdir()))):
        raise WrongUsage("--out", f"{at} holds something else: a suite has a directory of its own, new or with an {INDEX}")
    there = next(place for place in (at, *at.absolute().parents) if place.exists())
    for is_so, why in ((there.is_dir(), errno.ENOTDIR), (os.access(there, os.W_OK), errno.EACCES)):
        if not is_so:
            raise cannot_be_written("--out", str(at), OSError(why, os.strerror(why), str(there)))


def write(files: Mapping[str, bytes], at: Path) -> None:
    """Writes the suite; vectors of an older one that are no longer in it are deleted. Raises `OSError`.

    Several processes may write one suite: the last one counts.
    """
    with locked_directory("--out", at):
        if not (at / INDEX).exists():
            # By its index the next build knows a directory of its own, where this one is ended on the way.
            write_file("--out", at / INDEX, laid_out({"format": FORMAT, **stamp(), "vectors": []}, "vectors"))
        # The full index comes last: until then the old one and its vectors are there.
        for name, content in sorted(files.items(), key=lambda file: file[0] == INDEX):
            path = at / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file("--out", path, content)
        for path in _own(at):
            if str(path.relative_to(at)) not in files:
                path.unlink()


def _own(at: Path) -> list[Path]:
    return sorted((at / VECTORS).glob("*.json"))


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _index(parts: Sequence[Part], files: Mapping[str, bytes], target: BuildTarget | None) -> bytes:
    entries = dict[int, list[dict[str, Any]]]()
    for part in parts:
        alone = only_by({chosen.vector["id"]: chosen.finds for chosen in part.chosen})
        for chosen in part.chosen:
            vector, name = chosen.vector, chosen.vector["id"]
            of_vector = {key: vector[key] for key in ("id", "title", "clauses", "resets")}
            of_run = {"policies": chosen.policies, "edges": chosen.edges, "finds": len(chosen.finds), "mutants": alone[name]}
            content = files[f"{VECTORS}/{name}.json"]
            # Runs by lists come last, later lists after earlier ones: slices of the others stay as they are.
            of_group = entries.setdefault(chosen.group, [])
            of_group.append({**of_vector, **of_run, "sha256": hashlib.sha256(content).hexdigest()})
    coverage = _coverage(parts)
    if target is None:
        coverage["faults"] = _faults(parts)
    else:
        found = {name for part in parts for chosen in part.chosen for name in chosen.finds}
        not_found = sum(len(part.not_found) for part in parts)
        coverage |= target.about() | {"faults": {"found": len(found), "no_run_shows": not_found}}
    in_order = [entry for _, of_group in sorted(entries.items()) for entry in of_group]
    return laid_out({"format": FORMAT, **stamp(), "coverage": coverage, "vectors": in_order}, "vectors")


def _coverage(parts: Sequence[Part]) -> dict[str, Any]:
    """Returns the figures of the index: everything covered, everything not covered with the reason, and lower bounds."""
    edges = {edge for part in parts for chosen in part.chosen for edge in chosen.edges}
    turned = {(name, choice) for part in parts for chosen in part.chosen for name, choice in chosen.policies.items()}
    met, every = {edge.partition(": ")[2] for edge in edges}, list(_declared())
    answers = [(p.name, answer) for p in POLICIES for answer, _ in p.answers]
    return {
        "parts": [
            {
                "resets": part.resets,
                "vectors": len(part.chosen),
                "listed": sum(chosen.group > 0 for chosen in part.chosen),
                "events": sum(len(chosen.vector["steps"]) for chosen in part.chosen),
                "goals": part.goals,
                "candidates": part.candidates,
                "least_of_candidates": part.least,
            }
            for part in parts
        ],
        "outcomes": {"all": len(every), "not_met": [name for name in every if name not in met]},
        "pairs": sum(", then " in edge for edge in edges),
        "policy_answers": {"all": len(answers), "not_met": [f"{k}={a}" for k, a in answers if (k, a) not in turned]},
    }


def _declared() -> Iterator[str]:
    by_links = {link.then for link in system().links}
    for machine in machines():
        for event, what in sorted(outcomes(machine)):
            if f"{machine.name}.{event}" not in by_links:
                yield outcome_name(event, what)


def _faults(parts: Sequence[Part]) -> dict[str, Any]:
    every, original = seeded(DEFAULT), account(DEFAULT)
    found = {name for part in parts for chosen in part.chosen for name in chosen.finds}
    last = recorded()
    equal = {fate.id for fate in last.fates if fate.verdict == EQUIVALENT} if last.digest == declaration() else set()
    left = {name: fault for name, fault in every.items() if name not in found}
    ledger = {name for name, fault in left.items() if shows_nothing(original, fault.machine)}
    counts: dict[str, list[str]] = {"refused": [], "equivalent": [], "no_run_shows": []}
    for name in (name for name in left if name not in ledger):
        counts["refused" if left[name].refused else "equivalent" if name in equal else "no_run_shows"].append(name)
    beside = [fault.id for fault in layer_faults()]
    implied = {name for part in parts if part.resets == "implied" for chosen in part.chosen for name in chosen.finds}
    return {
        "all": len(every),
        "found": len(found & every.keys()),
        "ledger_alone": len(ledger),
        "implied_found": len(implied & every.keys()),
        **counts,
        "beside": {"all": len(beside), "no_run_shows": [name for name in beside if name not in found]},
    }


def _schema(kind: Any) -> dict[str, Any]:
    """Returns the JSON Schema of a file, derived from the types that read it."""
    schema: dict[str, Any] = msgspec.json.schema(kind, ref_template="#/$defs/{name}")
    if kind is Vector:
        event = msgspec.json.schema(reader().union, ref_template="#/$defs/{name}")
        schema["$defs"] |= event.pop("$defs")
        # A hint for tools that show a union by its tag; validators ignore it.
        event.pop("discriminator", None)
        apply = {"required": ["op", "at"], "properties": {"op": {"const": "apply"}, "at": {"type": "string"}}}
        schema["$defs"]["Step"]["properties"]["request"] = {"type": "object", "allOf": [apply, event]}
    return {"$schema": _DIALECT, **schema}

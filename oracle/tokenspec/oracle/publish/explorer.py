"""The explorer: one HTML file in which the declared account runs, to be tried out by hand.

The page loads nothing. It contains the modules that `export wasm` writes, the files of `examples/wasm-host` that run them, the
picture of the lifecycle, and the declaration's texts; the files in `page/` name no event, field, refusal or policy.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tokenspec.diagrams.graph import Style
from tokenspec.diagrams.lifecycle import lifecycle
from tokenspec.diagrams.picture import svg
from tokenspec.machine.lang.claims import Claim, StatePart, StepPart
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Var, children
from tokenspec.machine.lang.surroundings import surroundings
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.provenance import line, stamp
from tokenspec.oracle.base.specification import CLAUSES, DEFAULT, POOLS, SPEC, AnyCatalogue, claims, machines, system
from tokenspec.oracle.publish.wasm_module import module_of
from tokenspec.oracle.wire.observations import Observations
from tokenspec.oracle.wire.records import RENAMED
from tokenspec.oracle.wire.settings import catalogue_on_the_wire, policy_from

HOST = ("machine.js", "catalogue.js", "world.js")
"""The host of the modules, from `examples/wasm-host`; a wheel includes these files."""

PAGE = (
    "dom.js",
    "observed.js",
    "records.js",
    "run.js",
    "link.js",
    "plot.js",
    "events.js",
    "account.js",
    "history.js",
    "policies.js",
    "main.js",
)
"""The files of the page. A file may import from those before it."""


def build(
    records: Iterable[Mapping[str, Any]] = (),
    policy: Mapping[str, str] | None = None,
    catalogue: AnyCatalogue = DEFAULT,
    log: str = "",
) -> str:
    """Returns the page as HTML, the same text each time.

    The page begins with `records`, good ones of a log called `log`, under `policy`. Raises `BadSetting`.
    """
    for name, fact in surroundings(SPEC, system(catalogue))["facts"].items():
        if fact is None:
            rule = "a function of the specification works it out, which no page can call"
            raise BadSetting(f"{SPEC.name}: facts.{name}", f"{rule}; declare it by Listed, LookedUp, Named or OfVariant")
    account, *others = machines(catalogue)
    settings = policy_from(policy)
    data = {
        **stamp(),
        "catalogue": catalogue_on_the_wire(catalogue),
        "aliases": dict(catalogue.aliases),
        "renamed": RENAMED,
        "policy": settings,
        "clauses": CLAUSES,
        "observed": Observations([event for machine in (account, *others) for event in machine.events]).forms(),
        "pools": POOLS,
        "ceilings": ceilings(account, claims(catalogue)),
        "log": log,
        "records": list(records),
        "modules": {
            machine.name: base64.b64encode(module_of(machine, catalogue, settings)).decode() for machine in (account, *others)
        },
    }
    script = "\n".join(_inlined(_host_file(name)) for name in HOST) + "\n".join(_inlined(_page_file(name)) for name in PAGE)
    # Without conditions and clauses the picture is small enough to be shown beside the rest.
    names_alone = lifecycle(account, name="lifecycle").with_lines(
        lambda lines: tuple(line for line in lines if line.style is Style.STRONG)
    )
    parts = {
        "style": _page_file("explorer.css"),
        # Within a script only its end tag has a meaning in HTML.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "stamp": line(),
        "lifecycle": svg(names_alone),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: parts[slot[1]], _page_file("explorer.html"))


def ceilings(machine: Machine, every: Sequence[Claim]) -> dict[str, str]:
    """Returns, by pool, the definition or parameter that a claim names as its upper bound; a pool without one has no ceiling."""
    named = {d.name for d in machine.definitions} | {p.name for p in machine.parameters}
    parts = [p for c in every for p in c.parts if isinstance(p, StatePart | StepPart) and p.machine == machine.name]
    found: dict[str, str] = {}
    for part in parts:
        for pool, most in _bounds(part.holds):
            if pool in machine.pools and most in named:
                found.setdefault(pool, most)
    return found


def _bounds(expr: Expr) -> Iterator[tuple[str, str]]:
    """Yields pairs of names of which the first is at most the second, before an event or after it."""
    match expr:
        case Binary(BinaryOp.LE, Var(left), Var(right)):
            yield left.removeprefix("new."), right.removeprefix("new.")
    for part in children(expr):
        yield from _bounds(part)


def _page_file(name: str) -> str:
    return (files("tokenspec.oracle.publish") / "page" / name).read_text(encoding="utf-8")


def _host_file(name: str) -> str:
    installed = files("tokenspec.oracle.publish") / "page" / "host" / name
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    return (Path(__file__).parents[4] / "examples" / "wasm-host" / name).read_text(encoding="utf-8")


def _inlined(text: str) -> str:
    """Returns a file of JavaScript as part of one script, in which its imports are present already."""
    return re.sub(r"^export ", "", re.sub(r"^import [^;]*;\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)

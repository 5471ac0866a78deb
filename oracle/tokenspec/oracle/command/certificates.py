"""`tokenspec check --certificate` and `--verify`: what a check leaves behind, and how somebody else re-checks it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import IO

import msgspec
import z3

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.machine.exporters.smtlib import Script, scripts
from tokenspec.machine.lang.digest import digest
from tokenspec.oracle.certificate import certificate
from tokenspec.oracle.command.exits import BAD_DATA, HOLDS
from tokenspec.oracle.command.options import progress
from tokenspec.oracle.discharge import Verdict
from tokenspec.oracle.evidence import Evidence
from tokenspec.oracle.verify import read, verify
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system


def certified(found: list[Verdict], evidence: Evidence) -> bytes:
    """The certificate of a check that came to its end."""
    first = evidence.searches[0]
    layout = first.scoped.layout
    data = certificate(
        digest(system()),
        version("tokenspec"),
        first.scope,
        {**DEFAULTS, **evidence.settings.policy},
        [(v.claim, v.verdict, v.method) for v in found],
        lemmas(),
        [(each.name, each.most + 1) for each in layout.digits],
        first.ranks,
    )
    return msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n"


def re_check(path: str, to: IO[str], quiet: bool) -> int:
    """Re-checks a certificate and tells what came of it. Raises `BadSetting`, `OSError`."""
    found = read(Path(path).read_bytes(), path)
    with progress("verifying", None) as tick:
        checked = verify(found, _solved, tick)
    if not quiet:
        to.write(
            f"scope {found.scope}: {checked.states:,} states, closed under {checked.steps:,} events tried, every claim about states "
            f"and events on each; {checked.obligations:,} obligations put to a second solver; {checked.claims} claims\n"
        )
    for fault in checked.faults:
        to.write(f"rejected: {path}: {fault}\n")
    if not checked.faults:
        to.write("verified\n")
    return BAD_DATA if checked.faults else HOLDS

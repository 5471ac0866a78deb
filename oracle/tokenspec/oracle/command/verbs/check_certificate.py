"""`tokenspec check --certificate` and `--verify`: the certificate of a check, and its re-check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

import msgspec
import z3

from tokenspec.machine.checkers.prover.induction import Induction
from tokenspec.machine.exporters.smtlib import scripts
from tokenspec.oracle.base.provenance import declaration, own_version
from tokenspec.oracle.base.specification import (
    DEFAULTS,
    AnyCatalogue,
    about_account,
    account,
    claimed_machines,
    claims,
    lemmas,
    system,
)
from tokenspec.oracle.check.certificate import FORMAT, Certificate, ReachableStates, certified_claim, fingerprints, packed
from tokenspec.oracle.check.evidence import Evidence
from tokenspec.oracle.check.verdicts import Cases, ClaimVerdict, discharged
from tokenspec.oracle.check.verify import Shown, ShownObligation, verify
from tokenspec.oracle.command.options import progress
from tokenspec.oracle.report.exits import BAD_DATA, HOLDS
from tokenspec.oracle.report.model import Check, Notes, RunReport
from tokenspec.oracle.wire.settings import catalogue_on_the_wire


def certified(found: Sequence[ClaimVerdict], evidence: Evidence) -> bytes:
    """Returns the certificate of a complete check."""
    first, settings, met = evidence.searches[0], evidence.settings, Cases(evidence)
    engines = discharged(evidence)
    digits = [(each.name, each.most + 1) for each in first.scoped.layout.digits]
    data = Certificate(
        FORMAT,
        declaration(),
        own_version(),
        first.scope.name,
        dict(settings.policy),
        None if settings.catalogue is None else catalogue_on_the_wire(settings.catalogue),
        {**DEFAULTS, **settings.policy},
        [
            certified_claim(v.claim, v.verdict, engines, [p.name for p in v.claim.parts if not met.arises(v.claim, p)])
            for v in found
        ],
        fingerprints(lemmas()),
        ReachableStates(digits, packed(sorted(first.ranks))),
    )
    return msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n"


def verified(found: Certificate, name: str) -> RunReport:
    """Returns the report of a re-check of a certificate, read from the file `name`."""
    solver, solve = ("cvc5", _by_cvc5) if find_spec("cvc5") else ("z3", _by_z3)
    with progress("verifying", None) as tick:
        checked = verify(found, lambda own: _shown(solve, own), tick)
    rejected = [f"rejected: {name}: {fault}" for fault in checked.faults]
    amounts = {"states": checked.states, "steps": checked.steps, "obligations": checked.obligations, "events": checked.events}
    told = [
        f"scope {found.scope}: {checked.states:,} states, closed under {checked.steps:,} events tried, every claim about "
        "states and events on each",
        f"{checked.obligations:,} obligations read as SMT-LIB text by {solver}, at least one for each part and rule",
        f"{checked.events:,} events of random runs, seed {checked.seed}",
    ]
    return RunReport(
        verb="check",
        code=BAD_DATA if rejected else HOLDS,
        verdict="" if rejected else f"verified: {checked.told()}",
        made={"scope": found.scope, "seed": checked.seed},
        body=lambda: [Notes(told), Notes(rejected, essential=True)],
        data=lambda: {
            "certificate": name,
            "scope": found.scope,
            "seed": checked.seed,
            **amounts,
            "trusted": checked.trusted,
            "faults": checked.faults,
        },
        checks=lambda: [Check("certificate", name, "failure" if rejected else "", rejected)],
        kinds={"failure": "rejected"},
    )


def _shown(solve: Callable[[str], str], own: AnyCatalogue | None) -> Shown:
    """Yields every obligation, solved as text by an independent exporter, not as the prover's terms."""
    runs = [(machine, claims(), False) for machine in claimed_machines(system())]
    if own is not None and account(own) not in system().machines:
        runs += [(machine, claims(own), True) for machine in about_account(system(own))]
    for machine, every, is_own in runs:
        for script in scripts(machine, every, lemmas(), Induction(machine, every, lemmas()).proves):
            # With its own plans and packs some rule may never apply.
            if not is_own or script.status == "unsat":
                holds = solve(script.text) == script.status and script.bound is None
                yield ShownObligation(machine.name, script.claim, script.part, script.about, holds)


def _by_z3(text: str) -> str:
    solver = z3.Solver()
    solver.from_string(text)
    return str(solver.check())


def _by_cvc5(text: str) -> str:
    import cvc5

    solver = cvc5.Solver(cvc5.TermManager())
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "obligation")
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said = command.invoke(solver, parser.getSymbolManager()).strip() or said
    return said

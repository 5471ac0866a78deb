"""`tokenspec export`: the declared account as text for other tools."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.prover.induction import Induction
from tokenspec.machine.exporters.bounded_model import BoundedModel
from tokenspec.machine.exporters.document import document
from tokenspec.machine.exporters.promela import promela
from tokenspec.machine.exporters.smtlib import smtlib
from tokenspec.machine.exporters.tla import is_module_name, tla
from tokenspec.machine.interpreters.embedded.manual import page
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.surroundings import surroundings
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.provenance import line, stamp
from tokenspec.oracle.base.specification import (
    CLAUSES,
    SCOPES,
    SPEC,
    USUAL_SCOPE,
    AnyCatalogue,
    claimed_machines,
    claims,
    lemmas,
    system,
)
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.base.whole_files import with_ending, write_file
from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.options import settings_options
from tokenspec.oracle.publish.wasm_module import module_of
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.forms import as_json
from tokenspec.oracle.report.output import output
from tokenspec.oracle.wire.settings import catalogue_on_the_wire, changed


@dataclass(frozen=True)
class _Asked:
    """The options of the command line: the scope and the machine by name, where given."""

    scope: str | None
    settings: Settings
    output_file: str | None
    machine: str | None


_Files = dict[str | None, str | bytes]
"""The contents of the written files by path; None is standard output."""


def _tla(asked: _Asked) -> _Files:
    if asked.output_file is None:
        module = tla(_world(asked), "Account")
        return {None: f"{module.text}\n(*\n{module.configuration}*)\n"}
    path = Path(asked.output_file)
    if path.suffix != ".tla" or not is_module_name(path.stem):
        letters = re.sub(r"[^A-Za-z0-9_]", "_", path.stem)
        better = letters if is_module_name(letters) else "Account"
        rule = "a TLA+ module is called like its file: letters, digits, underscores, no word of TLA+, then .tla"
        raise WrongUsage("-o", f"{path}: {rule}; try {path.with_name(better + '.tla')}")
    module = tla(_world(asked), path.stem)
    return {asked.output_file: module.text, with_ending(asked.output_file, ".cfg"): module.configuration}


def _world(asked: _Asked) -> BoundedModel:
    if asked.settings.catalogue_file is not None:
        rule = (
            "the states of a real catalogue are too many to visit: tla and promela take the figures of a --scope, json takes this"
        )
        raise WrongUsage("--catalogue", rule)
    scope = SCOPES[asked.scope or USUAL_SCOPE]
    machine = _machine(asked, scope.catalogue)
    policy = asked.settings.policy
    head = [line(), f"scope {scope.name}, policies {', '.join(changed(policy)) or 'at their defaults'}"]
    known = {**scope.catalogue.parameters(), **policy}
    parameters = {p.name: known[p.name] for p in machine.all_parameters}
    most = {v.name: scope.most[v.name] for v in machine.variables if v.name in scope.most}
    return BoundedModel(machine, parameters, instances(machine, scope.values), most, claims(scope.catalogue), head)


def _machine(asked: _Asked, catalogue: AnyCatalogue) -> Machine:
    machines = system(catalogue).machines
    return next((m for m in machines if m.name == asked.machine), machines[0])


def _json(asked: _Asked) -> _Files:
    if asked.scope is not None and asked.settings.catalogue_file is not None:
        raise WrongUsage("--catalogue", "a scope has a catalogue of its own: give one of the two")
    scope = SCOPES[asked.scope] if asked.scope else None
    catalogue = scope.catalogue if scope else asked.settings.catalogue
    whole = system(catalogue)
    figures = {**catalogue.parameters(), **asked.settings.policy}
    report = {
        **stamp(),
        "policy": asked.settings.policy,
        "fixed": {},
        "catalogue": catalogue_on_the_wire(catalogue),
        "scope": {"name": scope.name, "values": scope.values, "most": scope.most} if scope else None,
        **document(whole, figures, claims(catalogue), claimed_machines(whole)),
        "around": surroundings(SPEC, whole),
        "clauses": [{"id": clause, "says": says} for clause, says in CLAUSES.items()],
    }
    return {asked.output_file: as_json(report)}


def _smtlib(asked: _Asked) -> _Files:
    settings = asked.settings
    for option, given in (("--scope", asked.scope), ("--catalogue", settings.catalogue_file), ("--policy", settings.named)):
        if given:
            raise WrongUsage(option, "every figure and every policy stays open in what has to be proved: leave it out")
    every = claims()
    texts = [smtlib(m, every, lemmas(), Induction(m, every, lemmas()).proves) for m in claimed_machines(system())]
    # One machine after the other in one script, each from a clean start.
    return {
        asked.output_file: "\n".join([f"; {line()}", *(text.replace("(exit)\n", "(reset)\n") for text in texts[:-1]), texts[-1]])
    }


def _wasm(asked: _Asked) -> _Files:
    if asked.scope is not None:
        raise WrongUsage("--scope", "a module takes any figures: those of a --catalogue to begin with, others while it runs")
    if asked.output_file is None or Path(asked.output_file).suffix != ".wasm":
        raise WrongUsage("-o", "a module is not text, and its page lies beside it: give a file that ends in .wasm")
    path = Path(asked.output_file)
    catalogue = asked.settings.catalogue
    module = module_of(_machine(asked, catalogue), catalogue, asked.settings.policy)
    return {asked.output_file: module, with_ending(asked.output_file, ".md"): page(module, path.name)}


_WRITERS: dict[str, Callable[[_Asked], _Files]] = {
    "tla": _tla,
    "promela": lambda asked: {asked.output_file: promela(_world(asked))},
    "smtlib": _smtlib,
    "json": _json,
    "wasm": _wasm,
}
_BESIDE = {"tla": {"the configuration": ".cfg"}, "wasm": {"the page": ".md"}}


@click.command()
@click.argument("form", metavar="FORMAT", type=click.Choice(list(_WRITERS)))
@click.option("--scope", type=click.Choice(list(SCOPES)), help="The small world that is written.  [tla, promela: small]")
@click.option(
    "--machine",
    type=click.Choice([m.name for m in system().machines]),
    help="Which machine is written.  [tla, promela, wasm: the account]",
)
@settings_options
@click.option("-o", "--output", "output_file", metavar="FILE", type=click.Path(), help="Its file; default: standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Does not list the written files.")
def command(form: str, scope: str | None, machine: str | None, settings: Settings, output_file: str | None, quiet: bool) -> int:
    """Writes the declared account for another tool: tla, promela, smtlib, json or wasm.

    tla and promela are the account in a small world, for the model checkers TLC and Spin: every event with every value
    that a field takes there, under one answer to each open question, with the claims about states and about steps (and,
    with --machine, what the fairness of a job promises). Their counts of states equal ours. A module of TLA+ is
    named after its file, and a configuration for TLC is written beside it.

    smtlib is all proof obligations, with every figure and policy open, for solvers such as cvc5 and z3: before each
    check there is the expected answer.

    json is the whole declaration with all claims, expressions both as text and as trees: by default with the
    figures that are declared, with --catalogue or --scope with others.

    wasm is the account as one small WebAssembly module without imports, for every language with a runtime, and a page beside
    it that documents its functions. --catalogue gives the names in it; figures and policies can be set while it runs.

    \b
    tokenspec export promela -o account.pml
    tokenspec export tla -o Account.tla --scope tiny --policy refund=none
    tokenspec export smtlib -o obligations.smt2 && cvc5 --incremental obligations.smt2
    tokenspec export json --catalogue mine.toml
    tokenspec export wasm -o account.wasm
    """
    to_file = None if output_file == "-" else output_file
    asked = _Asked(scope, settings, to_file, machine)
    if machine is not None and form in ("json", "smtlib"):
        raise WrongUsage("--machine", f"{form} is always written of the whole")
    others = {says: with_ending(to_file, end) for says, end in _BESIDE.get(form, {}).items() if to_file}
    check_files([settings.catalogue_file], others, to_file)
    files = _WRITERS[form](asked)
    for path, content in files.items():
        if isinstance(content, bytes):
            write_file("-o", str(path), content)
            continue
        with output(path) as to:
            to.write(content)
    written = [path for path in files if path is not None]
    if written and not quiet:
        sys.stderr.write(f"written: {one_line(', '.join(written), 2_000)}\n")
    return 0

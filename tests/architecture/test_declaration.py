"""The declaration is whole: well typed, every clause cited, every claim with its witness, every refusal code declared."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from catalogues import catalogue, plan
from tokenspec.invariants.claims import claims
from tokenspec.machine.lang.claims import ONE_OUTCOME, LayerPart, RefusalPart
from tokenspec.machine.lang.digest import digest
from tokenspec.machine.lang.validate import check_clauses, citations, validate
from tokenspec.machine.lang.validate_claims import validate_claims
from tokenspec.oracle.base.specification import claimed_machines
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.policies import POLICIES
from tokenspec.spec.system import system

ROOT = Path(__file__).parents[2]


ACCOUNT = system().machines[0]


def test_every_machine_is_well_formed() -> None:
    for machine in system().machines:
        validate(machine)  # raises if not


def test_every_claim_is_well_formed_and_numbered_once() -> None:
    declared = claims(DEFAULT.ranking)
    validate_claims(declared, claimed_machines(system()))
    numbers = [c.number for c in declared]
    assert numbers[0] == 1
    assert len(set(numbers)) == len(numbers)


def test_the_claim_that_every_checker_looks_after_is_declared() -> None:
    assert ONE_OUTCOME in {(c.id, p.name) for c in claims(DEFAULT.ranking) for p in c.parts if isinstance(p, LayerPart)}


def test_the_refusals_of_every_event_of_the_account_are_restated() -> None:
    restated = [
        p.event for c in claims(DEFAULT.ranking) for p in c.parts if isinstance(p, RefusalPart) and p.machine == ACCOUNT.name
    ]
    assert restated == [event.name for event in ACCOUNT.events]


def test_every_clause_is_cited_and_every_cited_clause_is_registered() -> None:
    cited = {f"claim {c.id}": c.clauses for c in claims(DEFAULT.ranking)}
    for machine in system().machines:
        cited |= citations(machine)
    check_clauses(CLAUSES, cited)  # raises if not


def test_every_policy_has_its_default_first_and_another_choice() -> None:
    assert POLICIES
    assert all(p.parameter.default == p.answers[0][0] and len(p.answers) >= 2 for p in POLICIES)


def test_the_digest_names_the_declaration_and_nothing_else() -> None:
    other = catalogue(1, 1, {"free": plan(0), "gold": plan(5)}, {"box": 2})
    figures = catalogue(9, 1, DEFAULT.plans, DEFAULT.packs)
    assert digest(system()) == digest(system(figures))
    assert digest(system()) != digest(system(other))


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/tokenspec/**/*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_short_enough_to_read_in_one_go(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and "spec/tokenspec/spec" not in str(path) and "/invariants/" not in str(path):
            assert (node.end_lineno or 0) - node.lineno <= 70, f"{node.name} is too long"


def test_the_reference_reader_stays_small() -> None:
    assert len((ROOT / "machine/tokenspec/machine/interpreters/reference.py").read_text().splitlines()) < 200

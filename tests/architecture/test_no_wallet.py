"""oracle/ and diagrams/ know no wallet: nothing there names a part of the shipped account, but for the package of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tokenspec.machine.lang.types import Enum
from tokenspec.spec.catalogue import DEFAULT, FORM
from tokenspec.spec.system import system

ROOT = Path(__file__).parents[2]
OWN = ROOT / "oracle/tokenspec/oracle/account"
"""What is peculiar to the shipped account, which its specification names as hints."""
ENGLISH = {"first", "to", "action", "model", "kept", "absent", "full", "none", "always", "status", "runs", "essential"}
"""Words of the shipped account that mean something else elsewhere: in an export, an option, a message, a column."""
OF_RECORDS = {"id", "account", "session", "shown", "api", "job", "aliases", "refused", "repeated_id", "cost", "amount"}
"""Words of records, catalogues and layer claims that any account may have; a job is what runs, too."""
OF_STATES = {"waiting", "due", "late", "overdue", "current", "stale", "impossible", "verdict", "account_exists"}
"""Words for the jobs and the sessions of any account."""
GENERAL = ENGLISH | OF_RECORDS | OF_STATES


def words() -> set[str]:
    """The names of events, pools, states, clocks, policies with their choices, plans, and the keys of records and answers."""
    found: set[str] = {*DEFAULT.ranking, *DEFAULT.packs, *FORM}
    for machine in system().machines:
        found |= {*machine.pools, *machine.states, *(c.name for c in machine.clocks), *(v.name for v in machine.variables)}
        for policy in machine.policies:
            found |= {policy.name, *(answer for answer, _ in policy.answers)}
        for event in machine.events:
            found |= {event.name, *(f.key for f in event.fields), *(k.name for k in event.keys), *event.answers}
            found |= {rule.name for rule in event.rules} | {need.code for need in event.requires}
            found |= {m for f in event.fields if isinstance(f.type, Enum) for m in f.type.members}
    return found - GENERAL


def named(path: Path, known: set[str]) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known and id(node) not in documented:
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.value}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("tokenspec.spec", "tokenspec.invariants")):
            yield f"{path.relative_to(ROOT)}:{node.lineno} imports {node.module}"


def test_nothing_in_oracle_and_diagrams_names_a_part_of_the_account() -> None:
    known = words()
    assert len(known) > 200
    paths = [p for room in ("oracle", "diagrams") for p in (ROOT / room).rglob("*.py") if OWN not in p.parents]
    assert len(paths) > 100
    assert [line for path in sorted(paths) for line in named(path, known)] == []


def test_what_is_the_accounts_own_would_be_found() -> None:
    known = words()
    assert sum(1 for path in OWN.glob("*.py") if any(named(path, known))) > 8

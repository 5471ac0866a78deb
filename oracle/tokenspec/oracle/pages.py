"""The generated tables in the READMEs: written by `python -m tokenspec.oracle.pages`, verified with `--check`.

A block stands between `<!-- generated: NAME -->` and `<!-- end -->`; what is between them is replaced.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tokenspec.diagrams import tables
from tokenspec.invariants.claims import claims
from tokenspec.machine.lang.claims import (
    Claim,
    LayerPart,
    LeadsToPart,
    LivenessPart,
    PairPart,
    Part,
    RefusalPart,
    StatePart,
    StepPart,
    TwoRunPart,
)
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.validate import citations
from tokenspec.oracle.command.exits import COVERAGE, HOLDS
from tokenspec.oracle.discharge import ENGINES
from tokenspec.oracle.fates import ENGINES as FATE_ENGINES
from tokenspec.oracle.fates import EQUIVALENT, KILLED, SURVIVED, by_operator, recorded
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.system import system

PAGES = ("spec/README.md", "invariants/README.md")
_BLOCK = re.compile(r"<!-- generated: ([\w-]+) -->\n.*?<!-- end -->", re.DOTALL)
_EXAMPLE = re.compile(r"^\| `(\d\d)-[\w-]+\.jsonl` \| .* \| ([FA]\d\d(?:, [FA]\d\d)*) \|$", re.MULTILINE)
_CLAUSE_TEST = re.compile(r"^def (test_([fa]\d\d)_\w+)", re.MULTILINE)


def blocks(root: Path) -> Mapping[str, Callable[[], str]]:
    """Every generated block by name. `root` is the checkout, whose tests are read for the clauses they exercise."""
    machines = {m.name: m for m in system().machines}
    found: dict[str, Callable[[], str]] = {
        "plans": _plans,
        "policies": lambda: tables.policies(machines["account"]),
        "claims": lambda: _claims(claims(DEFAULT.ranking)),
        "formulas": lambda: _formulas(claims(DEFAULT.ranking)),
        "clauses": lambda: tables.traceability(CLAUSES, _cited(), _tests(root), _examples(root)),
        "mutants": lambda: tables.markdown(
            ("operator", "faults", *FATE_ENGINES, EQUIVALENT, SURVIVED), by_operator(recorded().fates)
        ),
        "mutants-left": _left,
        "definitions": lambda: tables.definitions(machines["account"]),
    }
    drawn = {
        "variables": tables.variables,
        "events": tables.events,
        "events-by-state": tables.events_by_state,
        "transitions": tables.transitions,
        "refusals": tables.refusals,
        "rules": tables.rules,
    }
    for name, machine in machines.items():
        for what, draw in drawn.items():
            found[f"{name.replace('_', '-')}-{what}"] = lambda draw=draw, machine=machine: draw(machine)  # type: ignore[misc]
    return found


def filled(text: str, named: Mapping[str, Callable[[], str]]) -> str:
    """`text` with every block anew. Raises `KeyError` for a block of an unknown name."""
    return _BLOCK.sub(lambda m: f"<!-- generated: {m[1]} -->\n\n{named[m[1]]()}\n\n<!-- end -->", text)


def stale(root: Path) -> list[str]:
    """The pages of the checkout at `root` whose blocks are out of date."""
    named = blocks(root)
    return [page for page in PAGES if (text := (root / page).read_text(encoding="utf-8")) != filled(text, named)]


def _plans() -> str:
    rows = [
        (
            name,
            f"{plan.allowance:,}",
            f"{plan.allowance * DEFAULT.bank_months:,}",
            ", ".join(plan.relaxed) or "-",
            f"{plan.api:,}",
        )
        for name, plan in DEFAULT.plans.items()
    ]
    return tables.markdown(("plan", "fast tokens a month", "the bank holds", "unlimited", "API tokens a month"), rows)


def _cited() -> dict[str, tuple[str, ...]]:
    cited: dict[str, tuple[str, ...]] = {}
    for machine in system().machines:
        cited |= citations(machine)
    return cited | {f"claim {c.number}": c.clauses for c in claims(DEFAULT.ranking)}


def _tests(root: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((root / "tests" / "clauses").glob("test_*.py")):
        for name, clause in _CLAUSE_TEST.findall(path.read_text(encoding="utf-8")):
            found.setdefault(clause.upper(), []).append(name)
    return found


def _examples(root: Path) -> dict[str, list[str]]:
    """The example logs that show each clause, from the table in their README."""
    found: dict[str, list[str]] = {}
    for number, ids in _EXAMPLE.findall((root / "examples" / "README.md").read_text(encoding="utf-8")):
        for clause in ids.split(", "):
            found.setdefault(clause, []).append(number)
    return found


def _claims(all_claims: tuple[Claim, ...]) -> str:
    rows = []
    for c in all_claims:
        kinds = dict.fromkeys(_kind(part) for part in c.parts)
        engines = dict.fromkeys(engine for part in c.parts for engine in ENGINES[type(part)])
        rows.append((str(c.number), f"`{c.id}`", c.sentence, " ".join(c.clauses), ", ".join(kinds), ", ".join(engines)))
    return tables.markdown(("no", "claim", "what it says", "clauses", "kinds of its parts", "discharged by"), rows)


def _formulas(all_claims: tuple[Claim, ...]) -> str:
    rows = [(f"`{c.id}`", f"`{p.name}`", _kind(p), *_texts(p)) for c in all_claims for p in c.parts]
    return tables.markdown(("claim", "part", "kind", "holds", "twin: the case that must occur"), rows)


def _mutants() -> str:
    return tables.markdown(("operator", "faults", *FATE_ENGINES, EQUIVALENT, SURVIVED), by_operator(recorded().fates))


def _left() -> str:
    """The faults that nothing kills: those that make no difference, and any that survived."""
    rows = [(f"`{f.id}`", f.fault, f.verdict) for f in recorded().fates if f.verdict != KILLED]
    return tables.markdown(("fault", "what it changes", "verdict"), rows)


def _kind(part: Part) -> str:
    names = {StatePart: "state", StepPart: "step", TwoRunPart: "two runs", LayerPart: "layer"}
    names |= {LivenessPart: "liveness", LeadsToPart: "leads to", RefusalPart: "refusal", PairPart: "pair"}
    return names[type(part)]


def _texts(part: Part) -> tuple[str, str]:
    match part:
        case StatePart():
            return f"`{show(part.holds)}`", f"`{show(part.twin)}`"
        case StepPart():
            of = f" (of {', '.join(part.events)})" if part.events else ""
            return f"`{show(part.holds)}`{of}", f"`{show(part.twin)}`"
        case TwoRunPart():
            runs = f"{' then '.join(part.left)} = {' then '.join(part.right)}"
            return f"{runs} on {', '.join(part.agree)}, unless `{show(part.unless)}`", f"`{show(part.assume)}`"
        case LivenessPart():
            return f"`{part.goal}` stays possible by {', '.join(part.events)}", f"`{part.goal}` is refused somewhere"
        case LeadsToPart():
            comes = f"`{show(part.premise)}` leads to `{show(part.goal)}`, fair in {', '.join(part.fair)}"
            return comes, f"`{show(part.premise)}`, but not `{show(part.goal)}`"
        case PairPart():
            return f"`{show(part.holds)}`, for an event of one of two copies", f"`{show(part.twin)}`"
        case RefusalPart():
            codes = "; ".join(f"{code}: `{show(holds)}`" for code, holds in part.refusals)
            return f"`{part.event}` is refused by the first of these that is false: {codes}", "every code is met"
        case LayerPart():
            return part.says, "checked around every record of a run"


def main(arguments: list[str]) -> int:
    """Writes the pages of the checkout in the present folder, or with `--check` only says which are out of date."""
    root = Path.cwd()
    if arguments == ["--check"]:
        pages = stale(root)
        for page in pages:
            print(f"{page} is out of date: python -m tokenspec.oracle.pages", file=sys.stderr)  # noqa: T201
        return COVERAGE if pages else HOLDS
    named = blocks(root)
    for page in PAGES:
        path = root / page
        path.write_text(filled(path.read_text(encoding="utf-8"), named), encoding="utf-8")
    return HOLDS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

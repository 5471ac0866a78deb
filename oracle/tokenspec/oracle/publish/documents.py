"""Contents for documents about the declared account, by name: tables, pictures, and all pictures as a gallery.

Blocks of documents are filled with these (`tokenspec docs sync`), and so are pages of Sphinx and MkDocs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from tokenspec.diagrams import tables
from tokenspec.diagrams.blocks import BadBlock, Find
from tokenspec.diagrams.graph import Graph
from tokenspec.diagrams.markup import Content, Gallery
from tokenspec.diagrams.tables import Table, table
from tokenspec.machine.lang.claims import (
    CalendarPart,
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
from tokenspec.machine.lang.declaration import Actor, Machine
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.validate import citations
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import CLAUSES, DEFAULT, DEFAULTS, AnyCatalogue, claims, hint, system
from tokenspec.oracle.publish.gallery import pictures, sequence_of
from tokenspec.oracle.publish.language import GROUPS, codes, hints, language
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.settings import catalogue_from_file, policy_from, settings_named

T = TypeVar("T")

DIAGRAM = "diagram"
"""The prefix of the name of a picture."""
_OPTIONS = ("svg", "of", "log", "tests", "examples", "catalogue", "policy")
_EXAMPLE = re.compile(r"^\| `(\d\d)-[\w-]+\.jsonl` \| .* \| ([FA]\d\d(?:, [FA]\d\d)*) \|$", re.MULTILINE)
_CLAUSE_TEST = re.compile(r"^def (test_([fa]\d\d)_\w+)", re.MULTILINE)
_OF_A_MACHINE: dict[str, tuple[str, Callable[[Machine], Table]]] = {
    "variables": ("every variable, its type and what it holds", tables.variables),
    "events": ("every event, its fields and what happens", tables.events),
    "events-by-state": ("which rules can accept an event in which state", tables.events_by_state),
    "transitions": ("what leads from one state to another", tables.transitions),
    "refusals": ("every refusal in its order, and why", tables.refusals),
    "rules": ("every rule, its states and its condition", tables.rules),
}


def contents(
    folder: Path, catalogue: AnyCatalogue = DEFAULT, policy: Mapping[str, str] = DEFAULTS
) -> dict[str, tuple[str, Callable[[Mapping[str, str]], Content]]]:
    """Returns everything a block can show, by name: a description, and a function that makes it from the block's options.

    `folder` is that of the document, to which paths among the options are relative.
    """
    machines = {m.name: m for m in system(catalogue).machines}
    account, stated = next(iter(machines.values())), claims(catalogue)
    found: dict[str, tuple[str, Callable[[Mapping[str, str]], Content]]] = {
        **{name: (says, lambda _, make=make: make(catalogue)) for name, (says, make) in (hint("tables") or {}).items()},  # type: ignore[misc]
        "policies": ("every open question with its answers", lambda _: tables.policies(account)),
        "claims": ("what must always hold, and how it is shown", lambda _: _claims(stated)),
        "formulas": (
            "the claims as formulas",
            lambda _: table(
                ("claim", "part", "kind", "holds", "witness: the case that must occur"),
                [(f"`{c.id}`", f"`{p.name}`", *_formula(p)) for c in stated for p in c.parts],
            ),
        ),
        "clauses": (
            "what the documents say, and what rests on it; tests=FOLDER and examples=FILE add who shows it",
            lambda options: tables.traceability(CLAUSES, _cited(), _tests(folder, options), _examples(folder, options)),
        ),
        "mutants": ("what the systematic faults came to, by kind", lambda _: _mutants()),
        "mutants-left": ("the faults that nothing kills", lambda _: _left()),
        "clause-texts": (
            "what the documents say, in the clauses of=ID,ID,...",
            lambda options: tables.clause_texts(_asked(options, CLAUSES)),
        ),
        "answers": (
            "the answers to the open questions of=POLICY,..., and why they are open",
            lambda options: tables.answers(tuple(_asked(options, {p.name: p for p in account.policies}).values())),
        ),
        "language": (
            "the words of the declaration language, of=GROUP,...: signature, meaning, a use, the codes of faults",
            lambda options: language(_asked(options, GROUPS)),
        ),
        "fault-codes": ("the codes of faulty declarations", lambda _: codes()),
        "hints": ("the kinds of hints that a specification may give", lambda _: hints()),
        "definitions": ("every expression that has a name", lambda _: tables.definitions(account)),
    }
    for name, machine in machines.items():
        comes_in_records = any(event.actor is Actor.USER for event in machine.events)
        of_ids = partial(tables.refusals, ids=system(catalogue).ids if comes_in_records else None)
        for what, (says, draw) in (_OF_A_MACHINE | {"refusals": (_OF_A_MACHINE["refusals"][0], of_ids)}).items():
            of = f"{says}, of the {name.replace('_', ' ')}"
            found[f"{name.replace('_', '-')}-{what}"] = (of, lambda _, draw=draw, machine=machine: draw(machine))  # type: ignore[misc]
    drawn = pictures(catalogue, policy)
    found["gallery"] = (
        "all pictures; svg=FOLDER links them as images",
        lambda _: Gallery(
            tuple(
                (name, picture.draw(False), f"{picture.says[:1].upper()}{picture.says[1:]}.") for name, picture in drawn.items()
            )
        ),
    )
    found[f"{DIAGRAM} sequence"] = (
        "what happened in a log, log=FILE; svg=FILE links it as an image",
        lambda options: _sequence(folder, options, Oracle(policy, catalogue)),
    )
    for name, picture in drawn.items():
        says = f"{picture.says}; svg=FILE links it as an image"
        found[f"{DIAGRAM} {name}"] = (says, lambda _, picture=picture: picture.draw(False))  # type: ignore[misc]
    return found


def finder(folder: Path, catalogue: AnyCatalogue = DEFAULT, policy: Mapping[str, str] = DEFAULTS) -> Find:
    """Returns a finder of contents for blocks of a document in `folder`. A block's own settings override those given."""
    usual = contents(folder, catalogue, policy)

    @cache
    def under(file: str | None, settings: str) -> dict[str, tuple[str, Callable[[Mapping[str, str]], Content]]]:
        own = catalogue if file is None else catalogue_from_file(folder / file)
        named = settings_named(settings.split(",")) if settings else {}
        return contents(folder, own, policy_from({**policy, **named}))

    def find(name: str, options: Mapping[str, str]) -> Content:
        try:
            is_usual = not {"catalogue", "policy"} & options.keys()
            known = usual if is_usual else under(options.get("catalogue"), options.get("policy", ""))
        except BadSetting as fault:
            raise BadBlock(str(fault)) from None
        if name not in known:
            raise BadBlock(f"there is nothing called {name!r}; `tokenspec docs list` lists the names{did_you_mean(name, known)}")
        unknown = options.keys() - set(_OPTIONS)
        if unknown:
            near = did_you_mean(min(unknown), _OPTIONS)
            raise BadBlock(f"there is no option {min(unknown)!r}; there are {', '.join(_OPTIONS)}{near}")
        return known[name][1](options)

    return find


def site_finder(folder: Path, base: Path, catalogue: str | None, policy: Mapping[str, str]) -> Find:
    """Returns a finder under the settings of a site, whose configuration is in `base`. Raises `BadSetting`, `OSError`."""
    own = DEFAULT if catalogue is None else catalogue_from_file(base / catalogue)
    return finder(folder, own, policy_from(policy))


def _sequence(folder: Path, options: Mapping[str, str], oracle: Oracle) -> Graph:
    if "log" not in options:
        raise BadBlock("a sequence is of a log: name it, as log=FILE")
    # Named as in the document: the picture is the same wherever the command is run from.
    return replace(sequence_of(str(folder / options["log"]), None, oracle), title=f"What happened in {options['log']}")


def _asked(options: Mapping[str, str], known: Mapping[str, T]) -> dict[str, T]:
    """Returns the entries of `known` that the option `of` names, in its order; all where it is absent."""
    asked = options["of"].split(",") if "of" in options else list(known)
    for name in asked:
        if name not in known:
            raise BadBlock(f"of={options['of']}: there is no {name!r} among {', '.join(known)}{did_you_mean(name, known)}")
    return {name: known[name] for name in asked}


def _cited() -> dict[str, tuple[str, ...]]:
    cited: dict[str, tuple[str, ...]] = {}
    for machine in system().machines:
        cited |= citations(machine)
    return cited | {f"claim {c.number}": c.clauses for c in claims()}


def _tests(folder: Path, options: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns the tests of each clause in the folder that the options name, found by the names of the tests."""
    found: dict[str, list[str]] = {}
    if "tests" in options:
        for path in sorted((folder / options["tests"]).glob("test_*.py")):
            for name, clause in _CLAUSE_TEST.findall(path.read_text(encoding="utf-8")):
                found.setdefault(clause.upper(), []).append(name)
    return found


def _examples(folder: Path, options: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns the example logs that show each clause, from the table in the file that the options name."""
    found: dict[str, list[str]] = {}
    if "examples" in options:
        for number, ids in _EXAMPLE.findall((folder / options["examples"]).read_text(encoding="utf-8")):
            for clause in ids.split(", "):
                found.setdefault(clause, []).append(number)
    return found


def _claims(all_claims: tuple[Claim, ...]) -> Table:
    # The engines are heavy, and only this table names them.
    from tokenspec.oracle.check.verdicts import engines_of

    rows = []
    for c in all_claims:
        kinds = dict.fromkeys(_formula(part)[0] for part in c.parts)
        engines = dict.fromkeys(engine for part in c.parts for engine in engines_of(part))
        rows.append((str(c.number), f"`{c.id}`", c.sentence, " ".join(c.clauses), ", ".join(kinds), ", ".join(engines)))
    return table(("no", "claim", "what it says", "clauses", "kinds of its parts", "discharged by"), rows)


def _mutants() -> Table:
    from tokenspec.oracle.check.mutants.recorded import ENGINES, EQUIVALENT, SURVIVED, by_operator, recorded

    return table(("operator", "faults", *ENGINES, EQUIVALENT, SURVIVED), by_operator(recorded().fates))


def _left() -> Table:
    """Returns the faults that nothing kills: equivalent ones, and any that survived."""
    from tokenspec.oracle.check.mutants.recorded import KILLED, recorded

    rows = [(f"`{f.id}`", f.fault, f.verdict) for f in recorded().fates if f.verdict != KILLED]
    return table(("fault", "what it changes", "verdict"), rows)


def _formula(part: Part) -> tuple[str, str, str]:
    """Returns the kind of a part, its statement, and its witness."""
    match part:
        case StatePart():
            return "state", f"`{show(part.holds)}`", f"`{show(part.witness)}`"
        case StepPart():
            of = f" (of {', '.join(part.events)})" if part.events else ""
            return "step", f"`{show(part.holds)}`{of}", f"`{show(part.witness)}`"
        case TwoRunPart():
            runs = f"{' then '.join(part.left)} = {' then '.join(part.right)}"
            return "two runs", f"{runs} on {', '.join(part.agree)}, unless `{show(part.unless)}`", f"`{show(part.assume)}`"
        case LivenessPart():
            return "liveness", f"`{part.goal}` stays possible by {', '.join(part.events)}", f"`{part.goal}` is refused somewhere"
        case LeadsToPart():
            comes = f"`{show(part.premise)}` leads to `{show(part.goal)}`, fair in {', '.join(part.fair)}"
            return "leads to", comes, f"`{show(part.premise)}`, but not `{show(part.goal)}`"
        case PairPart():
            return "pair", f"`{show(part.holds)}`, for an event of one of two copies", f"`{show(part.witness)}`"
        case RefusalPart():
            codes = "; ".join(f"{code}: `{show(holds)}`" for code, holds in part.refusals)
            return "refusal", f"`{part.event}` is refused by the first of these that is false: {codes}", "every code is met"
        case CalendarPart():
            return (
                "calendar",
                f"the instants of `{part.clock}` are {part.law.value}, from every start",
                "checked by exhaustion or proof",
            )
        case LayerPart():
            return "layer", part.says, "checked around every record of a run"

"""Re-checks a certificate by other means than those that made it: a small program, to be read before it is believed.

The reachable states are taken from the certificate and never searched for: the first state has to be among them, and each
event must lead from each of them to one of them. The events are run by the compiled reader, which the native search does
not use. What is said to be proved is put, as SMT-LIB text, to a solver that reads nothing else; it knows nothing of the
terms that the prover builds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import msgspec

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.scopes import SCOPES
from tokenspec.machine.checkers.monitor import Monitor, Violation, Watch
from tokenspec.machine.checkers.search.reference import instances
from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.machine.lang.claims import Claim
from tokenspec.machine.lang.types import Enum, Tokens, Value
from tokenspec.machine.proofs.obligations import LEMMA
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.provenance import declaration
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.check.certificate import FORMAT, Certificate, fingerprint, fingerprints, state_of, unpacked
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS


@dataclass
class Checked:
    """The result of a re-check: `faults` are sentences, none where the certificate is good."""

    states: int = 0
    steps: int = 0
    obligations: int = 0
    claims: int = 0
    faults: list[str] = field(default_factory=list)


def read(content: bytes, name: str) -> Certificate:
    """The certificate in a file. Raises `BadSetting` where it is none."""
    try:
        found = decode(content, Certificate)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadSetting(name, f"it is not a certificate: {fault}") from None
    if found.format != FORMAT:
        raise BadSetting(f"{name}: format", f"it is {found.format!r}, and this program reads {FORMAT!r}")
    if found.scope not in SCOPES:
        raise BadSetting(f"{name}: scope", f"{found.scope!r} is none of {', '.join(SCOPES)}")
    return found


Shown: TypeAlias = Iterator[tuple[str, str, bool]]
"""Claim and part of an obligation, and whether a solver shows it."""


def verify(found: Certificate, solve: Callable[[], Shown], tick: Callable[[int], None]) -> Checked:
    """Everything that can be said against a certificate. `solve` puts every obligation to a solver."""
    checked = Checked(claims=len(found.claims))
    checked.faults += _identity(found)
    if not checked.faults:
        # The states of another declaration would not be worth a look.
        checked.faults += _closure(found, checked, tick)
    if not checked.faults:
        checked.faults += _proofs(found, checked, solve)
    return checked


def _proofs(found: Certificate, checked: Checked, solve: Callable[[], Shown]) -> Iterator[str]:
    """Returns whether each claim that is said to be proved is, part by part, with the lemmas that all proofs rest on."""
    shown: dict[tuple[str, str], bool] = {}
    for claim, part, holds in solve():
        checked.obligations += 1
        shown[claim, part] = shown.get((claim, part), True) and holds
    wanted = [(LEMMA, name) for name in found.lemmas]
    proved = {each.id for each in found.claims if each.verdict == "proved"}
    wanted += [(c.id, p.name) for c in claims(DEFAULT.ranking) if c.id in proved for p in c.parts]
    for claim, part in wanted:
        if not shown.get((claim, part)):
            yield f"{claim}, part {part}: it is said to be proved, and a second solver does not show it"


def _identity(found: Certificate) -> Iterator[str]:
    """Returns whether the certificate speaks of the declaration and the claims that are here."""
    here = declaration()
    if found.digest != here:
        yield f"it is of another declaration: its digest is {found.digest}, the one here is {here}"
    declared = {c.id: c for c in claims(DEFAULT.ranking)}
    for name in declared.keys() - {each.id for each in found.claims}:
        yield f"claim {name} is missing"
    for each in found.claims:
        if each.id not in declared:
            yield f"claim {each.id} is not one of ours"
        elif (each.sentence, each.formulas) != (declared[each.id].sentence, fingerprint(declared[each.id].parts)):
            yield f"claim {each.id} says something else here"
        if each.verdict not in ("proved", "holds"):
            yield f"claim {each.id} is certified as {each.verdict}"
    if found.lemmas != fingerprints(lemmas()):
        yield "its lemmas are not the ones here"
    answers = {p.name: [answer for answer, _ in p.answers] for p in account().policies}
    if found.policy.keys() != answers.keys() or any(value not in answers[name] for name, value in found.policy.items()):
        yield "its policies are not the ones here"


def _closure(found: Certificate, checked: Checked, tick: Callable[[int], None]) -> Iterator[str]:
    """Returns whether the set holds the first state, is closed under every event, and every claim holds of every member."""
    scope = SCOPES[found.scope]
    machine = account(scope.catalogue)
    reader = Compiled(machine, {**scope.catalogue.parameters(), **DEFAULTS, **found.policy})
    digits = [(v.name, _values(v.type, scope.most.get(v.name))) for v in machine.variables]
    if found.reachable.digits != [(name, len(values)) for name, values in digits]:
        yield "its states are numbered in another way"
        return
    try:
        rows = {tuple(state_of(rank, digits).values()) for rank in unpacked(found.reachable.ranks)}
    except ValueError as fault:
        yield f"its states cannot be read: {fault}"
        return
    checked.states = len(rows)
    if reader.initial not in rows:
        yield "the first state is missing"
    monitor = Watch(machine, [_without_ghosts(c) for c in claims(scope.catalogue.ranking)]).monitor(reader)
    events = [(name, fields, reader.steps[name]) for name, fields in instances(machine, scope.values)]
    bounds = [(i, scope.most[v.name]) for i, v in enumerate(machine.variables) if v.name in scope.most]
    for row in rows:
        for name, fields, step in events:
            outcome = step(row, fields)
            checked.steps += 1
            broken = _broken(monitor, name, fields, row, outcome)
            after: Sequence[Any] = outcome[1]
            if not broken and outcome[0] >= 0 and after not in rows and all(0 <= after[i] <= most for i, most in bounds):
                broken = f"{name} {fields} leads from {row} to {after}, which is missing"
            if broken:
                yield broken
                return
        tick(1)


def _broken(monitor: Monitor, name: str, fields: Row, row: Row, outcome: Any) -> str:
    try:
        monitor.observe(name, fields, row, outcome, monitor.initial_ghosts)
    except Violation as violation:
        return str(violation)
    return ""


def _without_ghosts(claim: Claim) -> Claim:
    """A part that needs ghosts speaks of runs, not of states and steps; it is shown by induction alone."""
    return replace(claim, parts=tuple(p for p in claim.parts if not getattr(p, "ghosts", ())))


def _values(kind: object, most: int | None) -> Sequence[Value]:
    """The values of a variable within the scope, as they are numbered."""
    if isinstance(kind, Enum):
        return kind.order[: max(kind.order.index(member) for member in kind.members) + 1]
    if isinstance(kind, Tokens):
        assert most is not None, "every number has a bound in a scope"
        return range(most + 1)
    return (False, True)

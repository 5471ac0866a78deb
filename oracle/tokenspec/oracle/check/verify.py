"""Re-checks a certificate by other means than those that made it: a small program, short enough to be reviewed.

The reachable states are read from the certificate and never searched: the first state has to be among them, and each
event must lead from each of them to one of them. The compiled reader runs the events; the native search does not use it.
Obligations of proved claims go, as SMT-LIB text, to a solver that reads nothing else and none of the
terms that the prover builds. The required obligations, one for each part and rule, are derived here. Claims
about clocks and journal are checked by random runs again, with a seed derived from the certificate. Verdict, method and
version are derived, and must equal those of the certificate; whatever could not be checked again counts as taken on trust.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import msgspec

from tokenspec.machine.checkers.calendars import calendar_findings
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.graph.graph import StateGraph
from tokenspec.machine.checkers.graph.liveness import liveness
from tokenspec.machine.checkers.monitor import Monitor, Tally, Violation, Watch
from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.machine.lang import claims as c
from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.types import Enum, Tokens, Value
from tokenspec.machine.proofs.contexts import FIRST_STATE, LEMMA, TWO_RUNS
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.provenance import declaration, own_version
from tokenspec.oracle.base.specification import (
    DEFAULT,
    DEFAULTS,
    SCOPES,
    AnyCatalogue,
    account,
    claimed_machines,
    claims,
    lemmas,
    system,
)
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.check.arising import absences, cases
from tokenspec.oracle.check.certificate import FORMAT, Certificate, certified_claim, fingerprint, fingerprints, state_of, unpacked
from tokenspec.oracle.check.from_every_state import from_every_state
from tokenspec.oracle.check.verdicts import Key, held
from tokenspec.oracle.fuzz.campaign import run
from tokenspec.oracle.wire.settings import catalogue_from, policy_from

_EXAMPLES = 60
"""The number of random runs, of either kind, in a re-check."""


@dataclass
class Checked:
    """The result of a re-check: `faults` are sentences, none where the certificate is good."""

    states: int = 0
    steps: int = 0
    obligations: int = 0
    events: int = 0
    seed: int = 0
    claims: int = 0
    faults: list[str] = field(default_factory=list)
    engines: dict[str, set[Key]] = field(
        default_factory=lambda: {"prove": set(), "calendar": set(), "explore": set(), "states": set(), "fuzz": set()}
    )
    """The parts that were checked again, by engine."""
    trusted: dict[str, list[str]] = field(default_factory=dict)
    """The claims that were not fully checked again, with the parts left."""

    def told(self) -> str:
        """Returns the number of claims checked again, and those taken on trust."""
        trusted = "; ".join(f"{claim} ({', '.join(what)})" for claim, what in self.trusted.items())
        again = f"{counted(self.claims - len(self.trusted), 'claim')} checked again, {len(self.trusted)} taken on trust"
        return again + (f": {trusted}" if trusted else "")


def read(content: bytes, name: str) -> Certificate:
    """Returns the certificate in a file. Raises `BadSetting` where the file is not one."""
    try:
        found = decode(content, Certificate)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadSetting(name, f"it is not a certificate: {fault}") from None
    if found.format != FORMAT:
        raise BadSetting(f"{name}: format", f"it is {found.format!r}, and this program reads {FORMAT!r}")
    if found.scope not in SCOPES:
        raise BadSetting(f"{name}: scope", f"{found.scope!r} is none of {', '.join(SCOPES)}")
    try:
        _own(found)
        policy_from(found.settings)
    except BadSetting as fault:
        raise BadSetting(f"{name}: {fault.key}", fault.rule) from None
    return found


@dataclass(frozen=True)
class ShownObligation:
    """An obligation of a machine, by claim, part and subject; `holds` if a solver shows it without any bound."""

    machine: str
    claim: str
    part: str
    about: str
    holds: bool


Shown: TypeAlias = Iterator[ShownObligation]
Solve: TypeAlias = Callable[["AnyCatalogue | None"], Shown]
"""A function that solves every obligation of the declared machines, and of the account of a user's catalogue."""
Tick: TypeAlias = Callable[[int], None]


def verify(found: Certificate, solve: Solve, tick: Tick) -> Checked:
    """Re-checks a certificate. `solve` gives every obligation to a solver."""
    checked = Checked(claims=len(found.claims))
    for stage in (_identity, _closure, _proofs, _derived, _runs):
        # The states of another declaration would mean nothing.
        if not checked.faults:
            checked.faults += stage(found, checked, solve, tick)
    return checked


def _own(found: Certificate) -> AnyCatalogue | None:
    return None if found.catalogue is None else catalogue_from(found.catalogue)


def _proofs(found: Certificate, checked: Checked, solve: Solve, _: Tick) -> Iterator[str]:
    """Checks the parts whose required obligations a solver shows, and the facts that all proofs rest on; yields faults."""
    shown: dict[tuple[str, str, str, str], bool] = {}
    for o in solve(_own(found)):
        checked.obligations += 1
        key = o.machine, o.claim, o.part, o.about
        shown[key] = shown.get(key, True) and o.holds
    open_parts: dict[Key, str] = {}
    parts = set[Key]()
    for machine in claimed_machines(system()):
        names = {n for m, claim, n, _ in shown if (m, claim) == (machine.name, LEMMA)} | {
            x.name for x in lemmas() if x.machine == machine.name
        }
        for claim, part, about in wanted(machine, sorted(names)):
            parts.add((claim, part))
            if not shown.get((machine.name, claim, part, about)):
                open_parts.setdefault((claim, part), f"{about} of the machine {machine.name}")
    # Further obligations that a solver was given have to be shown as well.
    open_parts |= {
        (claim, n): about for (_, claim, n, about), holds in shown.items() if not holds and (claim, n) not in open_parts
    }
    granted = {(claim.id, p.name) for claim in claims() for p in claim.parts if isinstance(p, c.StatePart)}
    for (claim, part), about in open_parts.items():
        if claim == LEMMA or (claim, part) in granted:
            yield f"{claim}, part {part}: every proof rests on it, and a second solver does not show it at {about}"
    checked.engines["prove"] = parts - open_parts.keys()
    checked.engines["states"] = from_every_state({**DEFAULTS, **found.settings}).held
    checked.engines["calendar"] = held(list(calendar_findings(account(), claims())))
    proved = {each.id for each in found.claims if each.verdict == "proved"}
    for (claim, part), about in open_parts.items():
        if claim in proved and (claim, part) not in granted:
            yield f"{claim}, part {part}: it is said to be proved, and a second solver does not show it at {about}"


def wanted(machine: Machine, lemma_names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yields claim, part and subject of every obligation that the proof of a part about `machine` needs."""
    rules = [rule.name for event in machine.events for rule in event.rules]
    yield from ((*c.ONE_OUTCOME, event.name) for event in machine.events)
    yield from ((LEMMA, name, about) for name in lemma_names for about in (FIRST_STATE, *rules))
    for claim in claims():
        for part in claim.parts:
            if getattr(part, "machine", None) == machine.name:
                yield from ((claim.id, part.name, about) for about in _abouts(machine, part, rules))


def _abouts(machine: Machine, part: c.Part, rules: Sequence[str]) -> Iterator[str]:
    if isinstance(part, c.StatePart) or (isinstance(part, c.StepPart) and part.ghosts):
        yield FIRST_STATE
    if isinstance(part, c.StepPart):
        concerned = {e.name for e in machine.events if part.ghosts or not part.events or e.name in part.events}
        yield from (r.name for e in machine.events if e.name in concerned for r in e.rules)
    elif isinstance(part, c.StatePart | c.PairPart):
        yield from rules
    elif isinstance(part, c.RefusalPart):
        yield part.event
    elif isinstance(part, c.TwoRunPart):
        yield TWO_RUNS


def _derived(found: Certificate, checked: Checked, *_: object) -> Iterator[str]:
    """Compares each certified verdict and method with the derived one; random runs for layer parts follow later."""
    absent: dict[Key, set[str]] = {}
    for absence in absences(Tally(), found.settings, _own(found), ""):
        absent.setdefault((absence.case[0], absence.case[1]), set()).add(absence.case[2])
    declared = {claim.id: claim for claim in claims(_own(found) or DEFAULT)}
    engines = {
        **checked.engines,
        "fuzz": {(claim.id, p.name) for claim in declared.values() for p in claim.parts if isinstance(p, c.LayerPart)},
    }
    for each in found.claims:
        claim = declared[each.id]
        impossible = [p.name for p in claim.parts if {a for _, _, a in cases(claim, p)} <= absent.get((claim.id, p.name), set())]
        if other := [name for name in each.does_not_arise if name not in impossible]:
            yield f"claim {each.id}: it is said that {', '.join(other)} cannot arise, and nothing shows it"
        parts = [part.name for part in claim.parts if part.name not in each.does_not_arise]
        shown = engines["prove"] | engines["calendar"]
        verdict = "proved" if all((claim.id, name) in shown for name in parts) else "holds"
        derived = certified_claim(claim, verdict if parts else "does_not_arise", engines, each.does_not_arise)
        if derived.verdict != each.verdict:
            yield f"claim {each.id}: it is certified as {each.verdict}, and what was checked again makes it {derived.verdict}"
        if derived.method != each.method:
            yield f"claim {each.id}: its method is said to be {each.method!r}, and what was checked again is {derived.method!r}"


def _runs(found: Certificate, checked: Checked, _: Solve, tick: Tick) -> Iterator[str]:
    """Runs random runs of the same settings, with a seed derived from the certificate; yields their violations."""
    checked.seed = int(hashlib.sha256(msgspec.json.encode(found)).hexdigest()[:6], 16)
    result = run(_EXAMPLES, seed_number=checked.seed, progress=tick, policy=found.settings, catalogue=_own(found), shorten=False)
    checked.events = result.count.steps
    if result.failure is not None:
        yield f"random runs, seed {checked.seed}: {result.failure.error}"
    checked.engines["fuzz"] = {key for key, times in result.tally.checked.items() if times and result.tally.witnesses[key]}
    said = {each.id: each.does_not_arise for each in found.claims}
    for claim in claims():
        # Cases that no run met again are taken on trust.
        layers = {(claim.id, part.name) for part in claim.parts if isinstance(part, c.LayerPart)}
        layers -= checked.engines["prove"] | checked.engines["states"]
        if unseen := [name for _, name in sorted(layers - checked.engines["fuzz"]) if name not in said[claim.id]]:
            checked.trusted[claim.id] = unseen


def _identity(found: Certificate, *_: object) -> Iterator[str]:
    """Yields faults of identity: another declaration or version, and claims missing, unknown or repeated."""
    here = declaration()
    if found.digest != here:
        yield f"it is of another declaration: its digest is {found.digest}, the one here is {here}"
    if found.version != own_version():
        yield f"it says that version {found.version!r} made it, and this is {own_version()}, which can speak for itself alone"
    declared = {claim.id: claim for claim in claims(_own(found) or DEFAULT)}
    for name, times in Counter(each.id for each in found.claims).items():
        if times > 1:
            yield f"claim {name} occurs in it {times} times"
    for name in declared.keys() - {each.id for each in found.claims}:
        yield f"claim {name} is missing"
    for each in found.claims:
        if each.id not in declared:
            yield f"claim {each.id} is not one of ours"
        elif (each.sentence, each.formulas) != (declared[each.id].sentence, fingerprint(declared[each.id].parts)):
            yield f"claim {each.id} says something else here"
        if each.verdict not in ("proved", "holds", "does_not_arise"):
            yield f"claim {each.id} is certified as {each.verdict}"
    if found.lemmas != fingerprints(lemmas()):
        yield "its lemmas are not the ones here"
    answers = {p.name: [answer for answer, _ in p.answers] for p in account().policies}
    if found.policy.keys() != answers.keys() or any(value not in answers[name] for name, value in found.policy.items()):
        yield "its policies are not the ones here"
    elif found.policy != {**DEFAULTS, **found.settings}:
        yield "its states are not of the settings that it says were fixed"


def _closure(found: Certificate, checked: Checked, _: Solve, tick: Tick) -> Iterator[str]:
    """Yields faults of the states: the first one missing, an event that leaves the set, or a claim broken by a member."""
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
    tally = Tally()
    monitor = Watch(machine, [_without_ghosts(claim) for claim in claims(scope.catalogue)]).monitor(reader, tally)
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
    for other in system().machines[1:]:
        graph = StateGraph(Compiled(other, {}), instances(other, {}), {})
        yield from (f"{each.claim.id}: it does not hold" for each in liveness(graph, claims(), tally) if each.broken)
    checked.engines["explore"] = {key for key, times in tally.checked.items() if times}


def _broken(monitor: Monitor, name: str, fields: Row, row: Row, outcome: Any) -> str:
    try:
        monitor.observe(name, fields, row, outcome, monitor.initial_ghosts)
    except Violation as violation:
        return str(violation)
    return ""


def _without_ghosts(claim: c.Claim) -> c.Claim:
    """Returns the claim without parts that need ghosts: these concern runs, and are shown by induction alone."""
    return replace(claim, parts=tuple(p for p in claim.parts if not getattr(p, "ghosts", ())))


def _values(kind: object, most: int | None) -> Sequence[Value]:
    """Returns the values of a variable within the scope, in the order of their numbers."""
    if isinstance(kind, Enum):
        return kind.order[: max(kind.order.index(member) for member in kind.members) + 1]
    if isinstance(kind, Tokens):
        assert most is not None, "every number has a bound in a scope"
        return range(most + 1)
    return (False, True)

"""Everything that has to be shown for the claims about a machine to be proved.

State parts and lemmas are shown together, by induction: they hold in the first state, and every rule leads from a state
in which all of them hold to one in which each of them holds. One lemma stands for every machine: that each variable
stays within its type. The other parts are shown of every state in which all of these hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tokenspec.machine.lang.build import Term, all_of, any_of, eq, exactly_one, negation
from tokenspec.machine.lang.claims import (
    ONE_OUTCOME,
    Claim,
    PairPart,
    RefusalPart,
    StatePart,
    StepPart,
    TwoRunPart,
    parts_of,
    rule_constants,
    within_types,
)
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Lit, Not, Var, substitute
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.proofs.contexts import (
    FIRST_STATE,
    LEMMA,
    NEW,
    WITNESS,
    Condition,
    Possibility,
    ProofContext,
    ProofContexts,
    Proves,
    folded,
)
from tokenspec.machine.proofs.of_repeated_jobs import TwoRuns


def conditions(
    machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], proves: Proves
) -> Iterator[Condition | Possibility]:
    """All that is to be shown of `machine`. `proves` is asked which facts two-run parts can be shown by (`runs`)."""
    return iter(_Proof(machine, claims, lemmas, proves))


def witnesses(machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart]) -> Iterator[Possibility]:
    """The interesting case of each part, to be possible in a state in which every invariant holds."""
    return _Proof(machine, claims, lemmas, lambda setting, goals: ()).witnesses()


def invariants(machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart]) -> list[tuple[str, StatePart]]:
    """The parts that are proved together of every state, each with the claim it belongs to."""
    own = [lemma for lemma in (within_types(machine), *lemmas) if lemma.machine in (machine.name, machine.of)]
    inherited = [(c.id, p) for c in claims for p in c.parts if isinstance(p, StatePart) and p.machine == machine.of]
    own += [replace(p, name=f"{claim}.{p.name}") for claim, p in inherited]
    return [*((LEMMA, lemma) for lemma in own), *((c.id, part) for c, part in parts_of(claims, machine, StatePart))]


class _Proof:
    def __init__(self, machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], proves: Proves) -> None:
        self._machine, self._proves = machine, proves
        self._steps = [(c.id, p) for c, p in parts_of(claims, machine, StepPart)]
        self._pairs = [(c.id, p) for c, p in parts_of(claims, machine, PairPart)]
        self._two_runs = [(c.id, p) for c, p in parts_of(claims, machine, TwoRunPart)]
        self._refusals = [(c.id, p) for c, p in parts_of(claims, machine, RefusalPart)]
        self._states = [(c.id, p) for c, p in parts_of(claims, machine, StatePart)]
        self._invariants = invariants(machine, claims, lemmas)
        self._settings = ProofContexts(machine, tuple(p.holds for _, p in self._invariants))
        self._after = [(c, p, self._settings.over(NEW, p.holds)) for c, p in self._invariants]
        self._known_of_rules: dict[str, dict[str, Expr]] = {}
        self._with_ghosts: dict[tuple[str, str], ProofContext] = {}

    def _constants(self, event: Event, rule: Rule) -> dict[str, Expr]:
        if rule.name not in self._known_of_rules:
            self._known_of_rules[rule.name] = rule_constants(self._machine, event, rule)
        return self._known_of_rules[rule.name]

    def __iter__(self) -> Iterator[Condition | Possibility]:
        yield from self._first_state()
        for event in self._machine.events:
            one = exactly_one(map(self._settings.applies, event.rules))
            yield Condition(*ONE_OUTCOME, event.name, self._settings.event(event), one.expr, event=event)
            for rule in event.rules:
                yield from self._rule(event, rule)
        for event in self._machine.events:
            for rule in event.rules:
                for claim, pair in self._pairs:
                    goal = folded(substitute(pair.holds, self._constants(event, rule)))
                    yield Condition(claim, pair.name, rule.name, self._settings.pair(event, rule), goal, of=pair, event=event)
        for claim, refusal in self._refusals:
            event = self._machine.event_named[refusal.event]
            alike = refused_alike([(n.code, n.holds) for n in event.requires], refusal.refusals)
            yield Condition(claim, refusal.name, event.name, self._settings.asked(event), alike, of=refusal, event=event)
        yield from self._witnesses()
        found = TwoRuns(self._settings, self._proves)
        for claim, part in self._two_runs:
            yield from found.conditions(claim, part)

    def _first_state(self) -> Iterator[Condition]:
        first = self._settings.first
        for claim, part in self._invariants:
            yield Condition(claim, part.name, FIRST_STATE, first, part.holds, of=part)
        for claim, step in self._steps:
            if step.ghosts:
                types = {g.name: g.type for g in step.ghosts}
                begun = ProofContext("with ghosts", types, {g.name: g.initial for g in step.ghosts}, (), first)
                yield Condition(claim, step.name, FIRST_STATE, begun, step.keeps, of=step)

    def _rule(self, event: Event, rule: Rule) -> Iterator[Condition | Possibility]:
        setting = self._settings.rule(event, rule)
        # Whatever follows would be proved of nothing.
        yield Possibility(*ONE_OUTCOME, rule.name, ((setting, TRUE),))
        for claim, part, after in self._after:
            yield Condition(claim, part.name, rule.name, setting, after, of=part, event=event)
        constants = self._constants(event, rule)
        for claim, step in self._steps:
            if not (step.ghosts or _concerns(step, event)):
                continue
            # What is kept true of ghosts has to outlast every event, those that the part says nothing about among them.
            goal = folded(substitute(step.holds, constants)) if _concerns(step, event) else TRUE
            if step.ghosts:
                later: dict[str, Expr] = {g.name: Var(NEW + g.name) for g in step.ghosts}
                goal = all_of(Term(goal), Term(self._settings.over(NEW, substitute(step.keeps, later)))).expr
            yield Condition(claim, step.name, rule.name, self._setting(step, event, rule), goal, of=step, event=event)

    def _setting(self, part: StepPart | PairPart, event: Event, rule: Rule) -> ProofContext:
        if isinstance(part, PairPart):
            return self._settings.pair(event, rule)
        setting = self._settings.rule(event, rule)
        if not part.ghosts:
            return setting
        if (part.name, rule.name) not in self._with_ghosts:
            constants = self._constants(event, rule)
            types = {name: g.type for g in part.ghosts for name in (g.name, NEW + g.name)}
            after = {NEW + g.name: folded(substitute(g.after, constants)) for g in part.ghosts}
            self._with_ghosts[part.name, rule.name] = ProofContext("with ghosts", types, after, (part.keeps,), setting)
        return self._with_ghosts[part.name, rule.name]

    def witnesses(self) -> Iterator[Possibility]:
        """The witnesses of all parts, those of two-run parts among them, which are part of their proofs otherwise."""
        yield from self._witnesses()
        for claim, part in self._two_runs:
            differs = all_of(Term(part.assume), negation(Term(part.unless))).expr
            yield Possibility(claim, part.name, WITNESS, ((self._settings.state, differs),))

    def _witnesses(self) -> Iterator[Possibility]:
        for claim, part in self._states:
            for about, some in _cases(part):
                yield Possibility(claim, part.name, about, tuple((self._settings.state, each) for each in some))
        steps: list[tuple[str, StepPart | PairPart]] = [*self._steps, *self._pairs]
        for claim, step in steps:
            for about, some in _cases(step):
                cases = []
                for event in self._machine.events:
                    for rule in event.rules if _concerns(step, event) else ():
                        met = [folded(substitute(each, self._constants(event, rule))) for each in some]
                        cases += [(self._setting(step, event, rule), each) for each in met if each != Lit(False)]
                yield Possibility(claim, step.name, about, tuple(cases))
        for claim, refusal in self._refusals:
            setting = self._settings.asked(self._machine.event_named[refusal.event])
            for code, _ in refusal.refusals:
                yield Possibility(claim, refusal.name, f"{WITNESS} {code}", ((setting, _refused(refusal.refusals, code).expr),))


def _cases(part: StatePart | StepPart | PairPart) -> Iterator[tuple[str, tuple[Expr, ...]]]:
    """The cases that have to be possible: a part's witness, and one of its premises where its formula has nothing but such."""
    yield WITNESS, (part.witness,)
    conjuncts, premises = [part.holds], dict[Expr, None]()
    while conjuncts:
        match conjuncts.pop(0):
            case Binary(BinaryOp.AND, left, right):
                conjuncts += [left, right]
            case Binary(BinaryOp.OR, Not(premise), conclusion) if conclusion != Lit(False):
                premises[premise] = None
            case _:
                return
    if part.witness not in premises:
        yield f"{WITNESS} of the premise {' or '.join(map(show, premises))}", tuple(premises)


def _concerns(part: StepPart | PairPart, event: Event) -> bool:
    return isinstance(part, PairPart) or not part.events or event.name in part.events


def _refused(needs: Iterable[tuple[str, Expr]], code: str) -> Term:
    """Returns the formula that the first of `needs` that fails has `code`."""
    met: list[Term] = []
    cases: list[Term] = []
    for each, holds in needs:
        if each == code:
            cases.append(all_of(*met, negation(Term(holds))))
        met.append(Term(holds))
    return any_of(*cases)


def refused_alike(one: Sequence[tuple[str, Expr]], other: Sequence[tuple[str, Expr]]) -> Expr:
    """Returns the formula that two lists of requirements refuse with the same codes."""
    codes = dict.fromkeys(code for code, _ in (*one, *other))
    return all_of(*(eq(_refused(one, code), _refused(other, code)) for code in codes)).expr

"""The conditions of two-run parts, for any number of runs of a job that repeats.

A job that repeats is run until it is refused. Where it can be shown to be refused after a few runs, these are written
out. Otherwise the loop is summarised: it ends, because some number that is never negative falls with every run; and it
ends in some state in which every invariant holds and the job is refused. Of that state more is known: facts that hold
when the loop begins and that every run keeps. Where both sides run the same job, the two loops may be in step: what is
equal when they begin, and what every run of both keeps equal, is equal when they end.

The facts are found by trying candidates together and dropping those that are not kept, until all are. Whatever is used is
a condition in its own right. Where no summary will do, the part is shown with a bound: the job is run RUNS times, and taken
to be refused after that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tokenspec.machine.lang.build import Term, all_of, any_of, eq, ne, var
from tokenspec.machine.lang.claims import TwoRunPart
from tokenspec.machine.lang.declaration import Event
from tokenspec.machine.lang.expr import TRUE, Expr, Not
from tokenspec.machine.lang.types import Tokens
from tokenspec.machine.proofs.contexts import (
    NEW,
    OTHER,
    TWO_RUNS,
    Condition,
    Possibility,
    ProofContext,
    ProofContexts,
    Proves,
    conjuncts,
    folded,
)

T = TypeVar("T")

RUNS = 2
"""The largest number of runs of a job that repeats that are written out."""

_NEXT = "next."
"""The prefix of the names of the state after one more run, where two loops are compared."""


class TwoRuns:
    """The conditions of two-run parts of one machine; `proves` is asked which facts can be used."""

    def __init__(self, settings: ProofContexts, proves: Proves) -> None:
        self.settings, self.proves = settings, proves
        self._measures: dict[str, Expr | None] = {}
        self._unchanged: dict[str, tuple[str, ...]] = {}

    def conditions(self, claim: str, part: TwoRunPart) -> list[Condition | Possibility]:
        """The conditions of `part`."""
        try:
            return _Attempt(self, claim, part).conditions()
        except _NoSummaryError:
            return _Attempt(self, claim, part, bound=RUNS).conditions()

    def runs(self, event: Event, *known: Expr) -> list[ProofContext]:
        """One run by each rule, in a state of which more is known."""
        return [self.settings.rule(event, rule).within(f"{event.name} again", *known) for rule in event.rules]

    def measure(self, event: Event) -> Expr | None:
        """Returns the formula that some number is never negative and falls with every run; None where none is found."""
        if event.name not in self._measures:
            numbers = [v.name for v in self.settings.machine.variables if isinstance(v.type, Tokens)]
            falls = {all_of(var(n) >= 0, var(NEW + n) < var(n)).expr: n for n in numbers}
            self._measures[event.name] = next(iter(self.always(self.runs(event), falls)), None)
        return self._measures[event.name]

    def unchanged(self, event: Event) -> tuple[str, ...]:
        """The variables that no run changes."""
        if event.name not in self._unchanged:
            goals = {self.settings.same("", NEW, (v.name,)): v.name for v in self.settings.machine.variables}
            self._unchanged[event.name] = tuple(self.always(self.runs(event), goals).values())
        return self._unchanged[event.name]

    def always(self, settings: Sequence[ProofContext], goals: Mapping[Expr, T]) -> dict[Expr, T]:
        """Those of `goals` that follow from each of `settings`, with what they stand for."""
        left = list(goals)
        for setting in settings:
            left = list(self.proves(setting, left))
        return {goal: goals[goal] for goal in left}


class _NoSummaryError(Exception):
    """Nothing was found by which a loop could be summarised, or what was found does not suffice."""


@dataclass
class _Loop:
    """A job that is run until it is refused: the names of the states before and after, and what holds in all between."""

    event: Event
    start: str
    end: str
    facts: tuple[Expr, ...]


class _Attempt:
    """One way to show a part: with whatever facts can be found, or with a bound."""

    def __init__(self, found: TwoRuns, claim: str, part: TwoRunPart, bound: int | None = None) -> None:
        self._found, self._claim, self._part, self._bound = found, claim, part, bound
        self._settings = found.settings
        self._variables = tuple(v.name for v in self._settings.machine.variables)
        self._assumed = tuple(c for e in (part.assume, Not(part.unless)) for c in conjuncts(folded(e)) if c != TRUE)
        self._here = self._settings.state.within(f"what {part.name} assumes", *self._assumed)
        self._used: list[Condition] = []
        self._loops: list[_Loop] = []
        self._limited = False

    def conditions(self) -> list[Condition | Possibility]:
        ends = []
        for side, events in (("left", self._part.left), ("right", self._part.right)):
            state = ""
            for number, name in enumerate(events, 1):
                state = self._happens(self._settings.machine.event_named[name], state, f"{side}{number}.")
            ends.append(state)
        goal = self._settings.same(ends[0], ends[1], self._part.agree)
        if self._loops and not self._proves(self._here, goal):
            raise _NoSummaryError
        bound = self._bound if self._limited else None
        names = self._claim, self._part.name, TWO_RUNS
        possible = Possibility(*names, ((self._here, TRUE),), bound)
        return [possible, *self._used, Condition(*names, self._here, goal, bound, of=self._part)]

    def _happens(self, event: Event, start: str, end: str) -> str:
        """Goes on by `event`, and says what stands before the names of the state after it."""
        if not event.repeats:
            self._here = self._settings.step(self._here, event, start, end)
            return end
        if self._bound is None:
            for loop in self._loops:
                if loop.event is event and loop.start == start:
                    # What begins in the same state ends in the same state.
                    return loop.end
            after = self._written_out(event, start, end)
            return self._summary(event, start, end) if after is None else after
        for run in range(1, self._bound + 1):
            self._here = self._settings.step(self._here, event, start, f"{end}{run}.")
            start = f"{end}{run}."
        self._here = self._here.within(f"{event.name} is refused from then on", Not(self._accepted(event, start)))
        self._limited = True
        return start

    def _proves(self, setting: ProofContext, goal: Expr) -> bool:
        return bool(self._found.proves(setting, [goal]))

    def _accepted(self, event: Event, state: str) -> Expr:
        return self._settings.over(state, self._settings.accepted(event).expr)

    def _use(self, about: str, setting: ProofContext, goal: Expr) -> None:
        condition = Condition(self._claim, self._part.name, about, setting, goal)
        self._used += [condition] * (condition not in self._used)

    def _written_out(self, event: Event, start: str, end: str) -> str | None:
        here = self._here
        for run in range(RUNS + 1):
            refused = Not(self._accepted(event, start))
            # Where it is refused earlier, the runs after that change nothing.
            if run in (0, RUNS) and self._proves(here, refused):
                self._use(f"{event.name} is refused after {run} runs", here, refused)
                self._here = here
                return start
            here = self._settings.step(here, event, start, f"{end}{run + 1}.")
            start = f"{end}{run + 1}."
        return None

    def _summary(self, event: Event, start: str, end: str) -> str:
        falls = self._found.measure(event)
        if falls is None:
            raise _NoSummaryError
        for rule in event.rules:
            self._use(f"{event.name} ends, by {rule.name}", self._settings.rule(event, rule), falls)
        facts = self._kept(event, start)
        unchanged = self._found.unchanged(event)
        loop = _Loop(event, start, end, facts)
        earlier = [other for other in self._loops if other.event is event]
        equal = [self._settings.same(other.end, end, self._in_step(other, loop)) for other in earlier]
        nothing_done = self._settings.same(start, end, self._variables)
        self._here = self._settings.copy(
            self._here,
            end,
            f"{event.name} has been run until it is refused",
            Not(self._accepted(event, end)),
            any_of(Term(self._accepted(event, start)), Term(nothing_done)).expr,
            self._settings.same(start, end, unchanged),
            *(self._settings.over(end, fact) for fact in facts),
            *equal,
        )
        self._loops.append(loop)
        return end

    def _kept(self, event: Event, start: str) -> tuple[Expr, ...]:
        """Returns the condition that holds when the job is first run and is kept by every run."""
        control, settings = var(self._settings.machine.control), self._settings
        candidates = dict.fromkeys((*self._assumed, *(ne(control, member).expr for member in settings.machine.states)))
        facts = tuple(self._found.always([self._here], {settings.over(start, c): c for c in candidates}).values())
        while True:
            runs = self._found.runs(event, *facts)
            left = tuple(self._found.always(runs, {settings.over(NEW, fact): fact for fact in facts}).values())
            if left == facts:
                break
            facts = left
        begins, goes_on = (all_of(*(Term(settings.over(p, fact)) for fact in facts)) for p in (start, NEW))
        unchanged = Term(settings.same("", NEW, self._found.unchanged(event)))
        self._use(f"{event.name} begins", self._here, begins.expr)
        for rule, run in zip(event.rules, runs, strict=True):
            self._use(f"{event.name} goes on, by {rule.name}", run, all_of(goes_on, unchanged).expr)
        return facts

    def _in_step(self, one: _Loop, other: _Loop) -> tuple[str, ...]:
        """The variables that two loops of one job keep equal, run by run; none where they do not end together."""
        event, settings = one.event, self._settings
        equal = self._equal(self._here, one.start, other.start, self._variables)
        while True:
            known = [*one.facts, *(settings.over(OTHER, fact) for fact in other.facts), settings.same("", OTHER, equal)]
            two = settings.copy(settings.state, OTHER, f"two runs of {event.name}", *known)
            both = two.within("both are accepted", self._accepted(event, ""), self._accepted(event, OTHER))
            after = settings.step(settings.step(both, event, "", _NEXT), event, OTHER, _NEXT + OTHER)
            left = self._equal(after, _NEXT, _NEXT + OTHER, equal)
            if left == equal:
                break
            equal = left
        together = eq(Term(self._accepted(event, "")), Term(self._accepted(event, OTHER))).expr
        if not self._proves(two, together):
            return ()
        self._use(f"{event.name} begins alike", self._here, settings.same(one.start, other.start, equal))
        self._use(f"{event.name} ends together", two, together)
        self._use(f"{event.name} goes on alike", after, settings.same(_NEXT, _NEXT + OTHER, equal))
        return equal

    def _equal(self, setting: ProofContext, left: str, right: str, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names` that are equal in two states."""
        goals = {self._settings.same(left, right, (name,)): name for name in names}
        return tuple(self._found.always([setting], goals).values())

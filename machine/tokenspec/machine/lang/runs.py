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

from dataclasses import dataclass

from tokenspec.machine.lang.build import Term, all_of, any_of, eq, ne, var
from tokenspec.machine.lang.claims import TwoRunPart
from tokenspec.machine.lang.conditions import TWO_RUNS, Condition, Possibility, Proves
from tokenspec.machine.lang.declaration import Event
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Not
from tokenspec.machine.lang.settings import NEW, OTHER, Setting, Settings, folded
from tokenspec.machine.lang.types import Tokens

RUNS = 2
"""How many runs of a job that repeats are written out, at the most."""

_NEXT = "next."
"""What stands before the names of the state after one more run, where two loops are compared."""


@dataclass(frozen=True)
class _Kept:
    """What every run of a job keeps, if it holds when the job is first run, and the variables that no such run changes.

    `runs` are the settings of one such run, by each rule.
    """

    runs: tuple[Setting, ...]
    facts: tuple[Expr, ...]
    unchanged: tuple[str, ...]


class TwoRuns:
    """The conditions of two-run parts of one machine; `proves` is asked which facts can be used."""

    def __init__(self, settings: Settings, proves: Proves) -> None:
        self.settings, self.proves = settings, proves
        self._measures: dict[str, Expr | None] = {}
        self._kept: dict[tuple[str, tuple[Expr, ...]], _Kept] = {}

    def conditions(self, claim: str, part: TwoRunPart) -> list[Condition | Possibility]:
        """The conditions of `part`."""
        try:
            return _Attempt(self, claim, part).conditions()
        except _NoSummaryError:
            return _Attempt(self, claim, part, bound=RUNS).conditions()

    def measure(self, event: Event) -> Expr | None:
        """That some number is never negative and falls with every run; None where none is found."""
        if event.name not in self._measures:
            runs = [self.settings.rule(event, rule) for rule in event.rules]
            numbers = [v.name for v in self.settings.machine.variables if isinstance(v.type, Tokens)]
            found = (all_of(var(n) >= 0, var(NEW + n) < var(n)).expr for n in numbers)
            self._measures[event.name] = next((f for f in found if all(self.proves(run, f) for run in runs)), None)
        return self._measures[event.name]

    def kept(self, event: Event, candidates: tuple[Expr, ...]) -> _Kept:
        """The most of `candidates` that runs of `event` keep together."""
        if (event.name, candidates) not in self._kept:
            facts = candidates
            while True:
                runs = tuple(self.settings.rule(event, rule).within(f"{event.name} again", *facts) for rule in event.rules)
                left = tuple(f for f in facts if all(self.proves(run, self.settings.over(NEW, f)) for run in runs))
                if left == facts:
                    break
                facts = left
            names = [v.name for v in self.settings.machine.variables]
            unchanged = tuple(n for n in names if all(self.proves(run, self.settings.same("", NEW, (n,))) for run in runs))
            self._kept[event.name, candidates] = _Kept(runs, facts, unchanged)
        return self._kept[event.name, candidates]


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
        self._settings, self._proves = found.settings, found.proves
        self._variables = tuple(v.name for v in self._settings.machine.variables)
        self._assumed = tuple(c for e in (part.assume, Not(part.unless)) for c in _conjuncts(folded(e)) if c != TRUE)
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

    def _accepted(self, event: Event, state: str) -> Expr:
        return self._settings.over(state, self._settings.accepted(event).expr)

    def _use(self, about: str, setting: Setting, goal: Expr) -> None:
        condition = Condition(self._claim, self._part.name, about, setting, goal)
        self._used += [condition] * (condition not in self._used)

    def _written_out(self, event: Event, start: str, end: str) -> str | None:
        here = self._here
        for run in range(RUNS + 1):
            refused = Not(self._accepted(event, start))
            if self._proves(here, refused):
                self._use(f"{event.name} is refused after {run} {'run' if run == 1 else 'runs'}", here, refused)
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
        kept = self._kept(event, start)
        loop = _Loop(event, start, end, kept.facts)
        earlier = [other for other in self._loops if other.event is event]
        equal = [self._settings.same(other.end, end, self._in_step(other, loop)) for other in earlier]
        nothing_done = self._settings.same(start, end, self._variables)
        self._here = self._settings.copy(
            self._here,
            end,
            f"{event.name} has been run until it is refused",
            Not(self._accepted(event, end)),
            any_of(Term(self._accepted(event, start)), Term(nothing_done)).expr,
            self._settings.same(start, end, kept.unchanged),
            *(self._settings.over(end, fact) for fact in kept.facts),
            *equal,
        )
        self._loops.append(loop)
        return end

    def _kept(self, event: Event, start: str) -> _Kept:
        """What holds when the job is first run and is kept by every run."""
        control = var(self._settings.machine.control)
        candidates = [*self._assumed, *(ne(control, member).expr for member in self._settings.machine.states)]
        kept = self._found.kept(event, tuple(c for c in candidates if self._proves(self._here, self._settings.over(start, c))))
        begins, goes_on = (all_of(*(Term(self._settings.over(p, fact)) for fact in kept.facts)) for p in (start, NEW))
        self._use(f"{event.name} begins", self._here, begins.expr)
        for rule, run in zip(event.rules, kept.runs, strict=True):
            goal = all_of(goes_on, Term(self._settings.same("", NEW, kept.unchanged))).expr
            self._use(f"{event.name} goes on, by {rule.name}", run, goal)
        return kept

    def _in_step(self, one: _Loop, other: _Loop) -> tuple[str, ...]:
        """The variables that two loops of one job keep equal, run by run; none where they do not end together."""
        event, settings = one.event, self._settings
        equal = tuple(v for v in self._variables if self._proves(self._here, settings.same(one.start, other.start, (v,))))
        while True:
            known = [*one.facts, *(settings.over(OTHER, fact) for fact in other.facts), settings.same("", OTHER, equal)]
            two = settings.copy(settings.state, OTHER, f"two runs of {event.name}", *known)
            both = two.within("both are accepted", self._accepted(event, ""), self._accepted(event, OTHER))
            after = settings.step(settings.step(both, event, "", _NEXT), event, OTHER, _NEXT + OTHER)
            left = tuple(v for v in equal if self._proves(after, settings.same(_NEXT, _NEXT + OTHER, (v,))))
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


def _conjuncts(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Binary(BinaryOp.AND, left, right):
            return _conjuncts(left) + _conjuncts(right)
        case Not(Binary(BinaryOp.OR, left, right)):
            return _conjuncts(Not(left)) + _conjuncts(Not(right))
        case Not(Not(inner)):
            return _conjuncts(inner)
        case _:
            return (expr,)

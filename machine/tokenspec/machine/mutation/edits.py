"""One change to a declaration: what a seeded fault is made of. A machine is data, so a fault is a copy with a part replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from tokenspec.machine.lang.build import Term, Termlike, lift
from tokenspec.machine.lang.declaration import Assign, ClockAct, Event, Machine, Requirement, Rule
from tokenspec.machine.lang.expr import TRUE

_T = TypeVar("_T")
_Part_co = TypeVar("_Part_co", covariant=True)
_U = TypeVar("_U")


@dataclass(frozen=True)
class SeededFault:
    """A fault: `operator` was applied at `place`, and `fault` says what was changed into what.

    `id` stays the same for as long as the place does.
    """

    id: str
    operator: str
    place: str
    fault: str


@dataclass(frozen=True)
class Edit(Generic[_Part_co]):
    """One change at `place`, from what into what; `part` is what comes of what is changed."""

    operator: str
    place: str
    before: str
    after: str
    part: _Part_co

    def within(self, part: _U, place: str = "") -> Edit[_U]:
        """The same change, of the greater `part` called `place`."""
        return Edit(self.operator, ".".join(filter(None, (place, self.place))), self.before, self.after, part)


def faults(edits: Iterable[Edit[_T]]) -> Iterator[tuple[SeededFault, _T]]:
    """Each change as a fault, numbered where an operator is applied at one place several times, with what comes of it."""
    numbers: Counter[str] = Counter()
    for edit in edits:
        name = f"{edit.operator}.{edit.place}"
        numbers[name] += 1
        number = f".{numbers[name]}" if numbers[name] > 1 else ""
        yield (
            SeededFault(name + number, edit.operator, edit.place, f"{edit.place}: {edit.before} becomes {edit.after}"),
            edit.part,
        )


def put(items: tuple[_T, ...], index: int, *new: _T) -> tuple[_T, ...]:
    """`items` with `new` in place of the one at `index`."""
    return (*items[:index], *new, *items[index + 1 :])


def with_event(machine: Machine, name: str, change: Callable[[Event], Event]) -> Machine:
    """`machine` with the event `name` changed. Raises `KeyError` where there is none."""
    changed = change(machine.event_named[name])
    return replace(machine, events=tuple(changed if e.name == name else e for e in machine.events))


def with_rule(machine: Machine, name: str, change: Callable[[Rule], Rule]) -> Machine:
    """`machine` with the rule `name` changed. Raises `KeyError` where there is none."""
    of = {r.name: e for e in machine.events for r in e.rules}[name]
    rules = tuple(change(r) if r.name == name else r for r in of.rules)
    return with_event(machine, of.name, lambda e: replace(e, rules=rules))


def with_effect(machine: Machine, rule: str, effect: Mapping[str, Termlike | None]) -> Machine:
    """`machine` with effects of `rule` replaced or added; None takes one away."""

    def change(old: Rule) -> Rule:
        kept = [a for a in old.effect if a.name not in effect]
        new = [Assign(name, lift(value)) for name, value in effect.items() if value is not None]
        return replace(old, effect=(*kept, *new))

    return with_rule(machine, rule, change)


def with_definition(machine: Machine, name: str, value: Callable[[Term], Termlike]) -> Machine:
    """`machine` with a definition replaced by `value` of the old one. Raises `KeyError` where there is none."""
    if name not in {d.name for d in machine.definitions}:
        raise KeyError(name)
    definitions = tuple(replace(d, expr=lift(value(Term(d.expr)))) if d.name == name else d for d in machine.definitions)
    return replace(machine, definitions=definitions)


def without_requirement(machine: Machine, event: str, code: str) -> Machine:
    """`machine` with a requirement of an event that always holds."""

    def change(need: Requirement) -> Requirement:
        return replace(need, holds=TRUE) if need.code == code else need

    if code not in {n.code for n in machine.event_named[event].requires}:
        raise KeyError(code)
    return with_event(machine, event, lambda e: replace(e, requires=tuple(map(change, e.requires))))


def with_clock(machine: Machine, rule: str, clock: str, act: ClockAct | None) -> Machine:
    """`machine` with what `rule` does to a clock replaced; None takes it away."""

    def change(old: Rule) -> Rule:
        acts = dict(old.clocks) | ({clock: act} if act is not None else {})
        if act is None:
            acts.pop(clock, None)
        return replace(old, clocks=tuple(acts.items()))

    return with_rule(machine, rule, change)

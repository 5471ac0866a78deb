"""Several machines and their links, lowered to the core: one plain machine that goes through all of them at once.

A step is an event of one machine, with what its links fire in the others in the same step. Where a fired event is refused,
its machine stays as it is. Events that a link fires do not happen otherwise. What is proved of the whole needs no word
about links, and whatever holds of the first machine in every state is shown of the whole as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from tokenspec.machine.lang.build import Term, all_of, any_of, ite, ne, one_of, var
from tokenspec.machine.lang.declaration import Assign, Event, Link, Machine, Rule, System
from tokenspec.machine.lang.derived.entries import WITH
from tokenspec.machine.lang.expr import TRUE, Expr, Lit

_JOINED = ("variables", "parameters", "policies", "assumptions", "definitions", "pools")
"""The parts of the machines that the whole has one after the other."""


def name_of_whole(*machines: str) -> str:
    """The name of several machines as one."""
    return WITH.join(machines)


@lru_cache(maxsize=64)
def composed(system: System, seen: tuple[str, ...]) -> Machine:
    """The machines of `system` as one; its lifecycle is that of the first.

    `seen` names the variables whose change a link from any event of a machine (`machine.*`) tells of. Raises `ValueError`
    where the machines cannot be one: a name that two of them use, an event with fields that a link fires, or a variable that
    two links change in one step.
    """
    first = system.machines[0]
    joined: dict[str, Any] = {name: tuple(part for m in system.machines for part in getattr(m, name)) for name in _JOINED}
    rules = [rule for event in system.events for rule in event.rules]
    for parts in (joined["variables"], joined["definitions"], (*joined["parameters"], *joined["policies"]), system.events, rules):
        names = [part.name for part in parts]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{min(twice)} is a name in two machines; rename it in one of them")
    fired = {link.then for link in system.links}
    events = [
        replace(event, rules=tuple(_linked(rule, machine, event, system, seen) for rule in event.rules), keys=())
        for machine in system.machines
        for event in machine.events
        if f"{machine.name}.{event.name}" not in fired
    ]
    return replace(
        first,
        name=name_of_whole(*(m.name for m in system.machines)),
        says=" ".join(m.says for m in system.machines),
        events=tuple(events),
        timers=(),
        memory=None,
        of=first.name,
        **joined,
    )


def _linked(rule: Rule, machine: Machine, event: Event, system: System, seen: Sequence[str]) -> Rule:
    """`rule` with all that its links do, in the states of the first machine's lifecycle."""
    first = system.machines[0]
    own = list(rule.effect)
    if machine is not first:
        here = all_of(one_of(var(machine.control), *rule.source), Term(rule.when))
        if rule.target is not None:
            own.append(Assign(machine.control, Lit(rule.target)))
        rule = replace(rule, source=first.states, target=None, when=here.expr)
    heard = [link for link in system.links if link.when in (f"{machine.name}.{event.name}", f"{machine.name}.*")]
    effect = [*own, *(each for link in heard for each in _fired(link, own, system, seen))]
    for name in {each.name for each in effect}:
        if sum(each.name == name for each in effect) > 1:
            raise ValueError(f"{rule.name} changes {name} by two links at once; leave one to another event")
    return replace(rule, effect=tuple(effect), notes=())


def _fired(link: Link, effect: Iterable[Assign], system: System, seen: Sequence[str]) -> Iterator[Assign]:
    """The effects of what `link` fires when a rule with `effect` applies, each as it was where nothing comes of it."""
    name, _, fires = link.then.partition(".")
    machine = next(m for m in system.machines if m.name == name)
    event = machine.event_named[fires]
    if event.fields:
        raise ValueError(f"{link.then} has fields, and a link fires it; fire an event without fields")
    changes = [ne(Term(each.value), var(each.name)) for each in effect if each.name in seen]
    tells = any_of(*changes) if link.when.endswith(".*") and seen else Term(TRUE)
    if isinstance(tells.expr, Lit) and not tells.expr.value:
        return
    accepted = all_of(tells, *(Term(need.holds) for need in event.requires))
    after: dict[str, Expr] = {}
    for rule in event.rules:
        applies = all_of(accepted, one_of(var(machine.control), *rule.source), Term(rule.when))
        moves = [Assign(machine.control, Lit(rule.target))] if rule.target is not None else []
        for each in (*rule.effect, *moves):
            after[each.name] = ite(applies, Term(each.value), Term(after.get(each.name, var(each.name).expr))).expr
    yield from (Assign(name, value) for name, value in after.items())

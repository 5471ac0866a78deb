"""Tables of a declared machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tokenspec.diagrams.graph import shown
from tokenspec.diagrams.lifecycle import accepted_in
from tokenspec.diagrams.words import opposite
from tokenspec.machine.lang.declaration import Actor, Machine, Origin, Policy
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.ids import Ids, Repeat
from tokenspec.machine.lang.typecheck import show


@dataclass(frozen=True)
class Table:
    """Headings and rows; cells are text in which names stand between backticks."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table of any sequences; whatever does not print is escaped."""
    return Table(tuple(headings), tuple(tuple(map(shown, row)) for row in rows))


def variables(machine: Machine) -> Table:
    """Every variable with its type and what it holds."""
    return table(("variable", "type", "what it holds"), ((f"`{v.name}`", str(v.type), v.says) for v in machine.variables))


def transitions(machine: Machine) -> Table:
    """Every event that changes the state of the lifecycle: from, by, to."""
    rows = [
        (f"`{source}`", f"`{e.name}`", f"`{r.target}`", r.why)
        for e in machine.events
        for r in e.rules
        for source in r.source
        if r.target not in (None, source)
    ]
    return table(("from", "event", "to", "why"), rows)


def events_by_state(machine: Machine) -> Table:
    """Events against states: the rules that can accept the event there, or a dash where it is always refused."""
    accepted = {state: accepted_in(machine, state) for state in machine.states}
    rows = [
        (f"`{e.name}`", *(", ".join(f"`{r.name}`" for of, r in accepted[state] if of is e) or "-" for state in machine.states))
        for e in machine.events
    ]
    return table(("event", *(f"`{s}`" for s in machine.states)), rows)


def refusals(machine: Machine, ids: Ids | None = None) -> Table:
    """Every event's refusal codes in order of precedence, with the condition under which each is given.

    The refusal of a used id, where `ids` are declared, goes before those of every event.
    """
    rows = []
    if ids is not None:
        when = f"the `{ids.key}` is used, under `{ids.repeated} = {Repeat.REFUSED.value}`"
        rows.append(("any", "0", f"`{ids.code}`", when, ids.because, " ".join(ids.clauses)))
    for event in machine.events:
        if event.actor is Actor.CLOCK:
            continue
        for number, need in enumerate(event.requires, 1):
            name = f"`{event.name}`" if number == 1 else ""
            missing = opposite(need.holds)
            when = "always" if missing == Lit(True) else f"`{show(missing)}`"
            rows.append((name, str(number), f"`{need.code}`", when, need.because, " ".join(need.clauses)))
    return table(("event", "no", "refused with", "when", "because", "clauses"), rows)


def rules(machine: Machine) -> Table:
    """Every rule with its states, its condition and why it is so."""
    rows = []
    for event in machine.events:
        for rule in event.rules:
            target = f" -> `{rule.target}`" if rule.target else ""
            when = "" if rule.when == Lit(True) else f"`{show(rule.when)}`"
            states = ", ".join(f"`{s}`" for s in rule.source) + target
            rows.append((f"`{event.name}`", f"`{rule.name}`", states, when, rule.why, " ".join(rule.clauses)))
    return table(("event", "rule", "states", "when", "why", "clauses"), rows)


def events(machine: Machine) -> Table:
    """Every event that a log can hold, with the fields of its record."""
    rows = []
    for event in machine.events:
        if event.actor is Actor.CLOCK:
            continue
        fields = [f"`{f.key}`" for f in event.fields if f.origin is Origin.PAYLOAD]
        fields += [f"`{k.name}`" + (" (optional)" if k.optional else "") for k in event.keys]
        rows.append((f"`{event.name}`", ", ".join(fields), event.says))
    return table(("event", "fields", "what happens"), rows)


def definitions(machine: Machine) -> Table:
    """Every expression that has a name."""
    return table(("name", "what it is"), ((f"`{d.name}`", d.says) for d in machine.definitions))


def policies(machine: Machine) -> Table:
    """Every open question with its answers, the default first."""
    rows = [
        (f"`{p.name}`", "; ".join(f"`{answer}`: {means}" for answer, means in p.answers), p.why, " ".join(p.clauses))
        for p in machine.policies
    ]
    return table(("policy", "answers, the default first", "why it is open", "clauses"), rows)


def answers(policies: Iterable[Policy]) -> Table:
    """The answers to open questions, the default first, and why each is open."""
    rows = []
    for policy in policies:
        rows += [(f"`{answer}`", means) for answer, means in policy.answers]
        rows.append(("open because", f"{policy.why} ({' '.join(policy.clauses)})"))
    return table(("answer", "what it means"), rows)


def clause_texts(clauses: Mapping[str, str]) -> Table:
    """Returns the text of each clause."""
    return table(("clause", "what it says"), clauses.items())


def traceability(
    clauses: Mapping[str, str],
    cited: Mapping[str, Sequence[str]],
    tests: Mapping[str, Sequence[str]],
    examples: Mapping[str, Sequence[str]],
) -> Table:
    """Every clause: the places of the declaration and the claims that cite it, the tests and the examples that show it."""
    rows = []
    for clause, says in clauses.items():
        places = [place for place, ids in cited.items() if clause in ids]
        shown = (", ".join(f"`{t}`" for t in tests.get(clause, ())), ", ".join(examples.get(clause, ())))
        rows.append((clause, says, "; ".join(places), *shown))
    return table(("clause", "what it says", "cited by", "tests", "examples"), rows)

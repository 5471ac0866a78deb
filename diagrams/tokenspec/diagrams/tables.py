"""Tables of a declared machine, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tokenspec.machine.lang.declaration import Actor, Event, Machine, Origin
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Lit, Not, Var
from tokenspec.machine.lang.typecheck import show


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def variables(machine: Machine) -> str:
    """Every variable with its type and what it holds."""
    return markdown(("variable", "type", "what it holds"), ((f"`{v.name}`", str(v.type), v.says) for v in machine.variables))


def transitions(machine: Machine) -> str:
    """Every event that changes the state of the lifecycle: from, by, to."""
    rows = [
        (f"`{source}`", f"`{e.name}`", f"`{r.target}`", r.why)
        for e in machine.events
        for r in e.rules
        for source in r.source
        if r.target not in (None, source)
    ]
    return markdown(("from", "event", "to", "why"), rows)


def events_by_state(machine: Machine) -> str:
    """Events against states: the rules that can accept the event there, or a dash where it is always refused."""
    rows = [
        (f"`{e.name}`", *(", ".join(_possible(machine, e, state)) or "-" for state in machine.states)) for e in machine.events
    ]
    return markdown(("event", *(f"`{s}`" for s in machine.states)), rows)


def _possible(machine: Machine, event: Event, state: str) -> list[str]:
    if any(_excludes(need.holds, machine.control, state) for need in event.requires):
        return []
    return [f"`{r.name}`" for r in event.rules if state in r.source]


def _excludes(holds: Expr, control: str, state: str) -> bool:
    """Whether the condition is false in `state`, as far as its text alone tells."""
    match holds:
        case Lit(value):
            return value is False
        case Binary(BinaryOp.EQ, Var(name), Lit(value)) if name == control:
            return value != state
        case Not(Binary(BinaryOp.EQ, Var(name), Lit(value))) if name == control:
            return value == state
        case Binary(BinaryOp.OR, left, right):
            return _excludes(left, control, state) and _excludes(right, control, state)
        case Binary(BinaryOp.AND, left, right):
            return _excludes(left, control, state) or _excludes(right, control, state)
        case _:
            return False


def refusals(machine: Machine) -> str:
    """Every event's refusal codes in order of precedence, with the condition each stands for."""
    rows = []
    for event in machine.events:
        if event.actor is Actor.CLOCK:
            continue
        for number, need in enumerate(event.requires, 1):
            name = f"`{event.name}`" if number == 1 else ""
            rows.append((name, str(number), f"`{need.code}`", need.because, " ".join(need.clauses)))
    return markdown(("event", "no", "refused with", "because", "clauses"), rows)


def rules(machine: Machine) -> str:
    """Every rule with its states, its condition and why it is so."""
    rows = []
    for event in machine.events:
        for rule in event.rules:
            target = f" -> `{rule.target}`" if rule.target else ""
            when = "" if rule.when == Lit(True) else f"`{show(rule.when)}`"
            states = ", ".join(f"`{s}`" for s in rule.source) + target
            rows.append((f"`{event.name}`", f"`{rule.name}`", states, when, rule.why, " ".join(rule.clauses)))
    return markdown(("event", "rule", "states", "when", "why", "clauses"), rows)


def events(machine: Machine) -> str:
    """Every event that a log can hold, with the fields of its record."""
    rows = []
    for event in machine.events:
        if event.actor is Actor.CLOCK:
            continue
        fields = [f"`{f.key}`" for f in event.fields if f.origin is Origin.PAYLOAD]
        fields += [f"`{k.name}`" + (" (optional)" if k.optional else "") for k in event.keys]
        rows.append((f"`{event.name}`", ", ".join(fields), event.says))
    return markdown(("event", "fields", "what happens"), rows)


def definitions(machine: Machine) -> str:
    """Every expression that has a name."""
    return markdown(("name", "what it is"), ((f"`{d.name}`", d.says) for d in machine.definitions))


def policies(machine: Machine) -> str:
    """Every open question with its answers, the default first."""
    rows = [
        (f"`{p.name}`", "; ".join(f"`{answer}`: {means}" for answer, means in p.answers), p.why, " ".join(p.clauses))
        for p in machine.policies
    ]
    return markdown(("policy", "answers, the default first", "why it is open", "clauses"), rows)


def traceability(
    clauses: Mapping[str, str],
    cited: Mapping[str, Sequence[str]],
    tests: Mapping[str, Sequence[str]],
    examples: Mapping[str, Sequence[str]],
) -> str:
    """Every clause: the places of the declaration and the claims that cite it, the tests and the examples that show it."""
    rows = []
    for clause, says in clauses.items():
        places = [place for place, ids in cited.items() if clause in ids]
        shown = (", ".join(f"`{t}`" for t in tests.get(clause, ())), ", ".join(examples.get(clause, ())))
        rows.append((clause, says, "; ".join(places), *shown))
    return markdown(("clause", "what it says", "cited by", "tests", "examples"), rows)

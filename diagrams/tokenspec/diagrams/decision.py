"""The decision about one event: the questions in their order, the refusals, and the effects of each rule."""

from __future__ import annotations

from collections.abc import Iterator

from tokenspec.diagrams.graph import Edge, Graph, LabelLine, Node, NodeShape, Stroke, faint, plain, strong
from tokenspec.diagrams.pools import payers, payment_orders
from tokenspec.diagrams.words import called, in_words, listed, spaced
from tokenspec.machine.lang.declaration import Definition, Event, Kind, Machine, Origin, Requirement, Rule
from tokenspec.machine.lang.expr import TRUE, BinaryOp, Expr, Lit, Not, Var, children, operands, reads, substitute
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.proofs.contexts import folded


def decision(machine: Machine, event: Event, parameters: Values) -> Graph:
    """The requirements of `event` in their order, each with its refusal, and the rules that accept it, with what they change."""
    asked = Node("asked", _asked(event), NodeShape.STATE)
    nodes, edges, last = [asked], [], "asked"
    for number, need in enumerate(event.requires, 1):
        question, refusal = f"question{number}", f"refusal{number}"
        if need.holds != TRUE:
            nodes.append(Node(question, _question(machine, need), NodeShape.QUESTION))
            nodes.append(Node(refusal, _refusal(need), NodeShape.REFUSAL))
            outcome = (event.name, f"refused: {need.code}")
            edges.append(Edge(last, question, () if last == "asked" else (plain("yes"),)))
            edges.append(Edge(question, refusal, (LabelLine("no", outcomes=(outcome,)),), Stroke.REFUSED, beside=True))
            last = question
    for rule in event.rules:
        nodes.append(Node(rule.name, _outcome(machine, event, rule, parameters), NodeShape.OUTCOME))
        lines = [LabelLine(f"in {listed([spaced(s) for s in rule.source])}", outcomes=((event.name, rule.name),))]
        lines += [plain(in_words(rule.when))] if rule.when != TRUE else []
        edges.append(Edge(last, rule.name, tuple(lines)))
    meant = list(_meant(machine, event))
    if meant:
        nodes.append(Node("words", (strong("Words"), *(plain(line) for line in meant)), NodeShape.NOTE))
    return Graph(
        name=event.name,
        title=f"{spaced(event.name).capitalize()}: how it is decided",
        says=f"{event.says} What is required of it, in order, with the refusal where that fails, and what is done otherwise.",
        nodes=tuple(nodes),
        edges=tuple(edges),
        column=True,
    )


def _asked(event: Event) -> tuple[LabelLine, ...]:
    fields = [f.key for f in event.fields if f.origin is Origin.PAYLOAD] + [k.name for k in event.keys]
    lines = [strong(called(event)), plain(event.says), *([plain(f"with {listed(fields)}")] if fields else [])]
    return (*lines, *([faint(" ".join(event.clauses))] if event.clauses else []))


def _question(machine: Machine, need: Requirement) -> tuple[LabelLine, ...]:
    lines = [strong(spaced(need.code))]
    lack = lacking(machine, need)
    if lack is not None:
        serves, missing, given = lack
        though = f", though {' and '.join(map(in_words, given))}" if given else ""
        lines.append(faint(f"no, if {spaced(serves.name)} lacks only this: {in_words(missing)}{though}"))
    # A single name or comparison says no more than the sentence does.
    elif sum(1 for _ in reads(need.holds)) > 2:
        lines.append(faint(in_words(need.holds)))
    return tuple(lines)


def lacking(machine: Machine, need: Requirement) -> tuple[Definition, Expr, list[Expr]] | None:
    """The definition that a requirement holds up, the one part of it that is missing, and what is given in its place.

    Such a requirement is made by `unless ... missing` of the language; any other has None.
    """
    alternatives = list(operands(need.holds, BinaryOp.OR))
    others = [list(operands(a.arg, BinaryOp.AND)) for a in alternatives if isinstance(a, Not)]
    for definition in machine.definitions:
        parts = list(operands(definition.expr, BinaryOp.AND))
        missing, rest = ([p for p in parts if (p in alternatives) is known] for known in (True, False))
        held = next((found for found in others if set(rest) <= set(found)), None)
        if Var(definition.name) in alternatives and rest and len(missing) == 1 and held is not None:
            return definition, missing[0], [part for part in held if part not in rest]
    return None


def _refusal(need: Requirement) -> tuple[LabelLine, ...]:
    lines = [plain("refused:"), strong(need.code), plain(need.because)]
    return (*lines, *([faint(" ".join(need.clauses))] if need.clauses else []))


def _outcome(machine: Machine, event: Event, rule: Rule, parameters: Values) -> tuple[LabelLine, ...]:
    lines = [plain("accepted:"), strong(rule.name), plain(rule.why)]
    if rule.target is not None:
        lines.append(plain(f"{spaced(machine.control)} becomes {spaced(rule.target)}"))
    usual = _posted(machine, rule, parameters)
    lines += [plain(f"{spaced(kind.value)}: {', '.join(pools)}") for kind, pools in usual.items()]
    for policy in machine.policies:
        for answer, _ in policy.answers:
            posted = _posted(machine, rule, {**parameters, policy.name: answer})
            for kind in Kind:
                if posted.get(kind) != usual.get(kind):
                    pools = ", ".join(posted.get(kind, ["nothing"]))
                    lines.append(plain(f"under {policy.name}={answer} {spaced(kind.value)}: {pools}"))
    others = [spaced(a.name) for a in rule.effect if a.name not in machine.pools]
    lines += [plain(f"changes {listed(others)}")] if others else []
    lines += [plain(f"{clock} clock {act.value}") for clock, act in rule.clocks]
    if (event, rule) in list(payers(machine)):
        for under, order in payment_orders(machine, parameters, event, rule).items():
            if order:
                lines.append(plain(f"{f'under {under}' if under else 'in this order'}: {', '.join(order)}"))
    return (*lines, *([faint(" ".join(rule.clauses))] if rule.clauses else []))


def _posted(machine: Machine, rule: Rule, parameters: Values) -> dict[Kind, list[str]]:
    """The pools of the ledger lines by kind; a line whose amount is 0 in every state under these policies is left out."""
    policies = {policy.name: Lit(parameters[policy.name]) for policy in machine.policies}
    found: dict[Kind, list[str]] = {}
    for line in rule.ledger:
        if folded(substitute(line.amount, policies)) != Lit(0) and line.pool not in found.setdefault(line.kind, []):
            found[line.kind].append(line.pool)
    return {kind: found[kind] for kind in Kind if found.get(kind)}


def _meant(machine: Machine, event: Event) -> Iterator[str]:
    """The definitions that the conditions shown read, with what they are."""
    shown = [n.holds for n in event.requires if len(children(n.holds)) or isinstance(n.holds, Var)] + [
        r.when for r in event.rules
    ]
    read = set(reads(tuple(shown)))
    whole = {lack[0] for need in event.requires if (lack := lacking(machine, need))}
    for definition in machine.definitions:
        if definition.name in read:
            parts = f"; this is {in_words(definition.expr)}" if definition in whole else ""
            yield f"{spaced(definition.name)}: {definition.says}{parts}"

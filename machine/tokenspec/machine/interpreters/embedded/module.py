"""A machine as the text of a WebAssembly module: no imports, one page of memory, one function for each event.

A step is what `interpreters.reference` says it is, for every state, field and parameter within 2^53 - 1 of 0.
`wasm.overflow` tells which products have to be computed with care, and refuses, with `OverflowError`, a declaration for
which 64 bits may not do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tokenspec.machine.interpreters.embedded.memory import NO_RULE, NOT_A_VALUE, SLOT, TOO_LARGE, Interface, Slot
from tokenspec.machine.lang.claims import rule_constants
from tokenspec.machine.lang.declaration import Event, Memory, Rule
from tokenspec.machine.lang.expr import Expr, substitute
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Tokens, Type
from tokenspec.machine.wasm.lower import Env, Lowering
from tokenspec.machine.wasm.normal_form import Node, Nodes
from tokenspec.machine.wasm.overflow import PRODUCT, Exactness
from tokenspec.machine.wasm.ranks import number_of
from tokenspec.machine.wasm.wat import Function


def module_text(
    interface: Interface, figures: Values, more: Iterable[str] = (), pages: int = 0, fixed: bool = False, shares: bool = False
) -> str:
    """The module of a machine. `figures` are the values that its parameters have until a host sets others.

    With `fixed` they are part of the code, and no host sets others. `more` are further parts of the module, which may use
    `pages` pages of memory beyond those that the interface needs. A module that `shares` has no memory of its own: it imports
    one of so many.
    """
    writer = _ModuleWriter(interface, figures if fixed else None)
    return "\n".join(["(module", *writer.parts(figures, pages, shares), *more, ")"])


class _ModuleWriter:
    def __init__(self, interface: Interface, fixed: Values | None) -> None:
        self.interface, self.machine = interface, interface.machine
        self.nodes = Nodes()
        self.exact = Exactness(self.nodes)
        self.lowering = Lowering.of_steps(self.nodes, self.machine)
        self.figures = self._env(interface.parameters)
        if fixed is not None:
            kinds = {name: slot.kind for name, slot in interface.parameters.items()}
            self.figures = {name: self.nodes.const(number_of(kind, fixed[name])) for name, kind in kinds.items()}
        self.present = self.figures | self._env(interface.state)
        self._kinds: dict[str, Type] = {v.name: v.type for v in self.machine.variables}

    def parts(self, figures: Values, pages: int, shares: bool) -> Iterator[str]:
        """The parts of the module, one after the other."""
        kinds = [(slot, figures[name]) for name, slot in self.interface.parameters.items()]
        data = b"".join(number_of(slot.kind, value).to_bytes(SLOT, "little", signed=True) for slot, value in kinds)
        own = -(-self.interface.size // 65_536) + pages
        yield f'(import "" "memory" (memory {pages}))' if shares else f'(memory (export "memory") {own})'
        text = "".join(f"\\{byte:02x}" for byte in data)
        yield f'(data (i32.const {self.interface.first}) "{text}")'
        yield from (f'(global (export "{name}") i32 (i32.const {at}))' for name, at in self.interface.areas.items())
        yield "(type $event (func (param i32) (result i32)))"
        count = len(self.machine.events)
        names = [f"${kind}_{number}" for kind in ("event", "claims") for number in range(count)]
        yield f"(table {len(names)} funcref) (elem (i32.const 0) {' '.join(names)})"
        yield PRODUCT
        yield self._first_fault("$state_fault", ((slot, NOT_A_VALUE) for slot in self.interface.state.values()), ())
        yield self._init()
        yield self._check_parameters()
        for kind in ("event", "claims"):
            yield from (self._event(kind, number, event) for number, event in enumerate(self.machine.events))
        yield self._call("step", 0, 1)
        yield self._call("decide", 0, 0)
        yield self._call("broken_step", count, 0)
        yield self._broken_state()
        yield self._evaluate()
        if self.machine.memory is not None:
            yield self._recall(self.machine.memory)

    def _env(self, slots: Mapping[str, Slot]) -> dict[str, Node]:
        # The fields of all events share their place, so that a place alone does not say what may stand there.
        ranges = ((name, slot.at, _range(slot.kind)) for name, slot in slots.items())
        return {name: self.nodes.local(f"m{at}.{least}.{most}", least, most) for name, at, (least, most) in ranges}

    def _call(self, name: str, first: int, argument: int) -> str:
        """An exported function of an event's number; its functions stand in the table from `first` on."""
        return f"""(func (export "{name}") (param $event i32) (result i32)
  (if (i32.ge_u (local.get $event) (i32.const {len(self.machine.events)})) (then (return (i32.const {NOT_A_VALUE}))))
  (if (call $state_fault) (then (return (i32.const {NOT_A_VALUE}))))
  (call_indirect (type $event) (i32.const {argument}) (i32.add (local.get $event) (i32.const {first}))))"""

    # Events

    def _event(self, kind: str, number: int, event: Event) -> str:
        """Writes an event's function: the step itself (`event`), or the judgement of it (`claims`), by the rule that applies."""
        is_step = kind == "event"
        function = Function(self.nodes, f"${kind}_{number} (param $apply i32) (result i32)", "i64")
        slots = self.interface.fields(event.name)
        for slot in slots.values():
            function.add(f"(if {_is_none(slot)} (then (return (i32.const {NOT_A_VALUE}))))")
        env = self.present | self._env(slots)
        needs = [(need.code, self._node(need.holds, env)) for need in event.requires]
        fitting = [(rule, self._fits(rule, env)) for rule in event.rules]
        function.share([node for _, node in (*needs, *fitting)])
        for code, holds in needs:
            if holds != self.nodes.true:
                # A refused event takes no step that a claim could be about.
                refusal = -1 - self.interface.codes.index(code) if is_step else -1
                function.add(f"(if (i32.eqz {function.truth(holds)}) (then (return (i32.const {refusal}))))")
        for rule, fits in fitting:
            shared = function.scope()
            function.add(f"(if {function.truth(fits)} (then")
            (self._take if is_step else self._judge)(function, event, rule, env, self._after(rule, env))
            function.add("))")
            function.leave(shared)
        function.add(f"(i32.const {NO_RULE})")
        return self._finished(function)

    def _fits(self, rule: Rule, env: Env) -> Node:
        """Returns whether the rule's source and condition fit."""
        control, kind = env[self.machine.control], self._kinds[self.machine.control]
        here = self.nodes.false
        for source in rule.source:
            here = self.nodes.either(here, self.nodes.equal(control, self.nodes.const(number_of(kind, source))))
        return self.nodes.both(here, self._node(rule.when, env))

    def _after(self, rule: Rule, env: Env) -> dict[str, Node]:
        """The new values of the variables that the rule names."""
        after = {a.name: self._node(a.value, env, self._kinds[a.name]) for a in rule.effect}
        if rule.target is not None:
            after[self.machine.control] = self.nodes.const(number_of(self._kinds[self.machine.control], rule.target))
        return after

    def _take(self, function: Function, event: Event, rule: Rule, env: Env, after: dict[str, Node]) -> None:
        """Writes the results of a step: state, answers, ledger. Everything is computed before anything is stored."""
        answers = self.interface.answers(event.name)
        given = {a.name: self._node(a.value, env, answers[a.name].kind) for a in rule.answer}
        outputs = [(self.interface.state[name], node) for name, node in after.items()]
        outputs += [(slot, given.get(name, self.nodes.false)) for name, slot in answers.items()]
        lines = zip(self.interface.ledger(rule), rule.ledger, strict=True)
        outputs += [(slot, self._node(line.amount, env)) for slot, line in lines]
        noted = ((self.interface.entry[note.name], note.value) for note in rule.notes)
        outputs += [(slot, self._node(value, env, slot.kind)) for slot, value in noted]
        self._share_and_limit(function, (node for _, node in outputs))
        stores = " ".join(f"(i64.store (i32.const {slot.at}) {function.number(node)})" for slot, node in outputs)
        number = self.interface.rules.index(rule.name)
        function.add(f"(if (local.get $apply) (then {stores}))", f"(return (i32.const {number}))")

    def _judge(self, function: Function, event: Event, rule: Rule, env: Env, after: dict[str, Node]) -> None:
        """The number of the first claim about steps that the rule breaks, -1 where it breaks none."""
        later = {**env, **{f"new.{v.name}": after.get(v.name, env[v.name]) for v in self.machine.variables}}
        constants = rule_constants(self.machine, event, rule)
        for number, (_, part) in enumerate(self.interface.step_parts):
            if not part.events or event.name in part.events:
                holds = self._node(substitute(part.holds, constants), later)
                if holds != self.nodes.true:
                    function.add(f"(if (i32.eqz {function.truth(holds)}) (then (return (i32.const {number}))))")
        function.add("(return (i32.const -1))")

    # The rest

    def _init(self) -> str:
        function = Function(self.nodes, '(export "init") (result i32)', "i64")
        slots = self.interface.state
        values = [(slots[v.name], self._node(v.initial, self.figures, v.type)) for v in self.machine.variables]
        self._share_and_limit(function, (node for _, node in values))
        rest = range(self.interface.areas["fields"], self.interface.size, SLOT)
        function.add(*(f"(i64.store (i32.const {slot.at}) {function.number(node)})" for slot, node in values))
        function.add(*(f"(i64.store (i32.const {at}) (i64.const 0))" for at in rest), "(i32.const 0)")
        return self._finished(function)

    def _check_parameters(self) -> str:
        slots = self.interface.parameters.values()
        holds = [self._node(a.holds, self.figures) for a in self.machine.assumptions]
        faults = ((slot, number) for number, slot in enumerate(slots, 1))
        return self._first_fault('(export "check_parameters")', faults, holds)

    def _broken_state(self) -> str:
        function = Function(self.nodes, '(export "broken_state") (result i32)', "i64")
        function.add(f"(if (call $state_fault) (then (return (i32.const {NOT_A_VALUE}))))")
        for number, (_, part) in enumerate(self.interface.state_parts):
            holds = self._node(part.holds, self.present)
            function.add(f"(if (i32.eqz {function.truth(holds)}) (then (return (i32.const {number}))))")
        function.add("(i32.const -1)")
        return self._finished(function)

    def _evaluate(self) -> str:
        function = Function(self.nodes, '(export "evaluate") (result i32)', "i64")
        function.add(f"(if (call $state_fault) (then (return (i32.const {NOT_A_VALUE}))))")
        slots, exprs = self.interface.definitions, {d.name: d.expr for d in self.machine.definitions}
        return self._written(function, [(slot, self._node(exprs[name], self.present, slot.kind)) for name, slot in slots.items()])

    def _recall(self, memory: Memory) -> str:
        """A function that works the facts about an entry out of what it holds, the periods that last, and whether it is new."""
        function = Function(self.nodes, '(export "recall") (result i32)', "i64")
        slots, env = self.interface.entry, self._env(self.interface.entry)
        lowering = Lowering(self.nodes, {name: slot.kind for name, slot in slots.items()}, {})
        for fact in memory.facts:
            env[fact.name] = lowering.node(fact.expr, env, slots[fact.name].kind)
            self.exact.check(env[fact.name])
        return self._written(function, [(slots[fact.name], env[fact.name]) for fact in memory.facts])

    def _written(self, function: Function, values: list[tuple[Slot, Node]]) -> str:
        self._share_and_limit(function, (node for _, node in values))
        function.add(*(f"(i64.store (i32.const {slot.at}) {function.number(node)})" for slot, node in values), "(i32.const 0)")
        return self._finished(function)

    def _first_fault(self, head: str, faults: Iterable[tuple[Slot, int]], assumptions: Iterable[Node]) -> str:
        """A function that answers the number of the first slot whose content is none of its values; if there is none, the
        first condition that is false, counted down from -1; else 0."""
        function = Function(self.nodes, f"{head} (result i32)", "i64")
        for slot, number in faults:
            function.add(f"(if {_is_none(slot)} (then (return (i32.const {number}))))")
        for number, holds in enumerate(assumptions, 1):
            function.add(f"(if (i32.eqz {function.truth(holds)}) (then (return (i32.const {-number}))))")
        function.add("(i32.const 0)")
        return self._finished(function)

    def _share_and_limit(self, function: Function, nodes: Iterable[Node]) -> None:
        """Computes `nodes` as far as they are shared, and leaves the function where one is further from 0 than 2^53 - 1."""
        wanted = list(nodes)
        far = [n for n in dict.fromkeys(wanted) if max(-self.nodes.least[n], self.nodes.most[n]) > COUNTABLE_MAX]
        function.share([*wanted, *far])
        for node in far:
            shifted = f"(i64.add {function.number(node)} (i64.const {COUNTABLE_MAX}))"
            is_far = f"(i64.gt_u {shifted} (i64.const {2 * COUNTABLE_MAX}))"
            function.add(f"(if {is_far} (then (return (i32.const {TOO_LARGE}))))")

    def _node(self, expr: Expr, env: Env, kind: Type | None = None) -> Node:
        node = self.lowering.node(expr, env, kind)
        self.exact.check(node)
        return node

    @staticmethod
    def _finished(function: Function) -> str:
        """The function, which first of all reads the slots that it needs."""
        slots = [name for name in function.locals if name.startswith("$m")]
        places = ((name, name[2:].partition(".")[0]) for name in slots)
        function.lines[:0] = [f"(local.set {name} (i64.load (i32.const {at})))" for name, at in places]
        return function.text()


def _range(kind: Type) -> tuple[int, int]:
    """The least and the largest number that stands for a value."""
    match kind:
        case Bool():
            return 0, 1
        case Enum():
            positions = [kind.order.index(member) for member in kind.members]
            return min(positions), max(positions)
        case Tokens(lo, hi):
            if max(-lo, hi) > COUNTABLE_MAX:
                raise OverflowError(f"a range of {kind} is wider than 2^53 - 1 allows")
            return lo, hi


def _is_none(slot: Slot) -> str:
    """Returns whether a slot holds none of its values, as an i32."""
    value = f"(i64.load (i32.const {slot.at}))"
    least, most = _range(slot.kind)
    text = f"(i64.gt_u (i64.sub {value} (i64.const {least})) (i64.const {most - least}))"
    if isinstance(slot.kind, Enum):
        gaps = [n for n in range(least, most) if slot.kind.order[n] not in slot.kind.members]
        for gap in gaps:
            text = f"(i32.or {text} (i64.eq {value} (i64.const {gap})))"
    return text

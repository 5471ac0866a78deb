"""The native search as WebAssembly text: one function for each state of the lifecycle, and what is checked of every state.

Memory `records` holds counters and then a record for each state found, in the order found: its rank, the record it came from
and the event that led to it. Memory `seen` is a bit for each rank, or a hash table of ranks where there are too many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

from tokenspec.machine.checkers.native.snippets import (
    PAGE,
    RECORD,
    TABLE,
    TABLE_PAGES,
    broken_by,
    contains,
    count,
    first_met,
    narrow,
    record_at,
    set_bit,
)
from tokenspec.machine.checkers.native.transitions import Scoped, Transition
from tokenspec.machine.lang.claims import LivenessPart, TwoRunPart, parts_of
from tokenspec.machine.lang.declaration import Event
from tokenspec.machine.wasm.lower import Env
from tokenspec.machine.wasm.normal_form import Node
from tokenspec.machine.wasm.wat import Function

BITMAP_MOST = 2**33
"""The largest number of ranks for which a bit each is kept: a gigabyte."""
_GROW_PAGES = 256

Observer: TypeAlias = Callable[[str], Sequence[Node]]
"""Conditions on states whose control variable is the one given; a search counts the states in which one of them is 1."""


class Counters:
    """The positions of a kernel's counters, each of 8 bytes from the start of `records`.

    Each of `transitions` has two: how often it was met, and how often it left the bounds. Then come the witnesses of step parts,
    of state parts, of two-run parts and of liveness parts; the refusal codes; for each observer in how many states its condition
    is 1, and the number of the first of them, counted from 1.
    """

    def __init__(
        self, transitions: list[Transition], steps: int, states: int, two_runs: int, liveness: int, codes: int, observed: int
    ) -> None:
        self.transitions, self.witnesses = transitions, 2 * len(transitions)
        lengths = (steps, states, two_runs, liveness, codes, observed, observed)
        starts = tuple(accumulate(lengths, initial=self.witnesses))
        _, self.states, self.two_runs, self.liveness, self.first_code, self.first_observed, self.first_met, self.total = starts


class Kernel:
    """The text of a search of `scoped`, and how to read its memory. `hashed` keeps a table in place of a bitmap."""

    def __init__(self, scoped: Scoped, hashed: bool = False, observed: Sequence[Observer] = ()) -> None:
        self.scoped, machine = scoped, scoped.machine
        self.hashed = hashed or scoped.layout.size > BITMAP_MOST
        # A hashed search keeps no second set, so it leaves claims about what stays possible to others.
        self.two_runs = parts_of(scoped.claims, machine, TwoRunPart)
        self.liveness = [] if self.hashed else parts_of(scoped.claims, machine, LivenessPart)
        self.memories = ["records", "seen", *(f"marks_{number}" for number in range(len(self.liveness)))]
        self._by_control = {state: scoped.transitions(state) for state in machine.states}
        every = [t for found in self._by_control.values() for t in found]
        codes = sum(len(part.refusals) for _, part in scoped.refusals)
        self.counters = Counters(
            every, len(scoped.steps), len(scoped.states), len(self.two_runs), len(self.liveness), codes, len(observed)
        )
        # Ranks are computed in 32 bits where they fit. Records have room for 64, of which the upper half then stays 0.
        self.word = "i64" if self.hashed or scoped.layout.size > 2**31 else "i32"
        self.base = -(-self.counters.total * 8 // 16) * 16
        self._observed = observed
        self._open = {p.name for p in scoped.open}
        self._carried = [*(v.name for v in machine.variables), *(p.name for p in scoped.open)]

    def module(self) -> str:
        """The module."""
        pages = TABLE_PAGES if self.hashed else -(-self.scoped.layout.size // (8 * PAGE))
        number = 0
        visits = []
        for state, found in self._by_control.items():
            visits.append(self._visit(state, found, number))
            number += len(found)
        parts = [
            "(module",
            f'(memory $records (export "records") {self.base // PAGE + 1})',
            f'(memory $seen (export "seen") {pages})',
            '(global $head (export "head") (mut i32) (i32.const 0))',
            '(global $tail (export "tail") (mut i32) (i32.const 0))',
            "(global $level (mut i32) (i32.const 0))",
            '(global $depth (export "depth") (mut i32) (i32.const 0))',
            '(global $broken_from (export "broken_from") (mut i32) (i32.const -1))',
            '(global $broken_by (export "broken_by") (mut i32) (i32.const -1))',
            *(f'(memory $marks_{number} (export "marks_{number}") {pages})' for number in range(len(self.liveness))),
            *(f"(global $g.{name} (mut i32) (i32.const 0))" for name in self._carried),
            TABLE.replace("BASE", str(self.base)) if self.hashed else "",
            *visits,
            self._discover(),
            *([self._goes_on()] if self.two_runs else []),
            *self._runs(),
            *(self._stays_possible(number, part) for number, (_, part) in enumerate(self.liveness)),
            self._run(),
            ")",
        ]
        return "\n".join(parts)

    def _decode(self, function: Function) -> None:
        """Sets the locals of a state from its rank, `$rank`."""
        layout, word = self.scoped.layout, self.word
        first = layout.digits[0].name
        for each in layout.digits:
            high = f"({word}.div_u (local.get $rank) ({word}.const {layout.weights[each.name]}))"
            value = high if each.name == first else f"({word}.rem_u {high} ({word}.const {each.most + 1}))"
            function.add(f"(local.set {function.local(each.name)} {narrow(value, word)})")

    def _visit(self, state: str, found: Sequence[Transition], number: int) -> str:
        """All transitions out of a state of the lifecycle."""
        scoped = self.scoped
        function = Function(scoped.nodes, f"$visit_{state} (param $rank {self.word}) (param $index i32) (result i32)")
        self._decode(function)
        function.local("to", self.word), function.local("at")
        base = scoped.env(state)
        for part, (_, witness) in enumerate(scoped.state_claims(base)):
            if witness != scoped.nodes.false:
                function.add(count(self.counters.states + part, 1, function.expr(witness)))
        # What several transitions read is computed once, before all of them.
        observed = [observer(state) for observer in self._observed]
        roots = [n for t in found for n in {t.guard, *t.new.values(), t.holds, *t.witnesses.values()}]
        function.share([*roots, *(condition for conditions in observed for condition in conditions)])
        for hole, instance in scoped.holes(state) if scoped.claims else ():
            function.add(f"(if {function.expr(hole)} (then {broken_by(instance)}))")
        wrong, met = scoped.refused(state)
        for refusal, instance in wrong:
            function.add(f"(if {function.expr(refusal)} (then {broken_by(instance)}))")
        for (code, refusal), times in met.items():
            function.add(count(self.counters.first_code + code, times, function.expr(refusal)))
        for observer, conditions in enumerate(observed):
            if conditions:
                function.add("(block $none (block $some")
                function.add(*(f"(br_if $some {function.expr(condition)})" for condition in conditions), "(br $none))")
                function.add(count(self.counters.first_observed + observer), first_met(self.counters.first_met + observer), ")")
        for offset, each in enumerate(found):
            self._transition(function, base, each, number + offset)
        function.add("(i32.const 0)")
        return function.text()

    def _transition(self, function: Function, base: Env, each: Transition, number: int) -> None:
        nodes = self.scoped.nodes
        scope = function.scope()
        # A test of a constant would still part what is computed behind it from what is computed before.
        opening, closing = ("", "") if each.guard == nodes.true else (f"(if {function.expr(each.guard)} (then", "))")
        function.add(opening)
        function.share([*each.new.values(), each.holds, *each.witnesses.values()])
        function.add(count(2 * number))
        if nodes.value(each.holds) != 1:
            function.add(f"(if (i32.eqz {function.expr(each.holds)}) (then {broken_by(each.instance)}))")
        for witness, occurs in each.witnesses.items():
            function.add(count(self.counters.witnesses + witness, each.times, function.expr(occurs)))
        to, within = self._target(function, base, each.new)
        # A transition that leads back to where it began finds nothing.
        is_new = f"(i32.eqz {contains('$seen', '(local.get $to)', self.hashed, self.word)})"
        go = f"(local.set $to {to}) (if {is_new} (then {self._found(each)}))" if to != "(local.get $rank)" else ""
        function.add(f"(if {within} (then {go}) (else {count(2 * number + 1)}))" if within else go, closing)
        function.leave(scope)

    def _target(self, function: Function, base: Env, new: Mapping[str, Node]) -> tuple[str, str]:
        """The rank of the state `new` behind `base`, and the test that it is within the bounds (empty where it must be)."""
        nodes, word = self.scoped.nodes, self.word
        to, within = "(local.get $rank)", ""
        for digit in self.scoped.layout.digits:
            value = new.get(digit.name, base[digit.name])
            if value == base[digit.name]:
                continue
            step = function.expr(nodes.sub(value, base[digit.name]))
            step = f"(i64.extend_i32_s {step})" if word == "i64" else step
            to = f"({word}.add {to} ({word}.mul {step} ({word}.const {self.scoped.layout.weights[digit.name]})))"
            if nodes.least[value] < 0 or nodes.most[value] > digit.most:
                fits = f"(i32.le_u {function.expr(value)} (i32.const {digit.most}))"
                within = f"(i32.and {within} {fits})" if within else fits
        return to, within

    def _found(self, each: Transition) -> str:
        goes_wrong = f"(if (call $goes_on (local.get $to)) (then {broken_by(each.instance)}))" if self.two_runs else ""
        return self._taken_in("(local.get $to)", "(local.get $index)", f"(i32.const {each.instance})") + goes_wrong

    def _taken_in(self, rank: str, before: str, event: str) -> str:
        """Puts a state behind those found so far. It stands in each transition: a call there would cost more than it does."""
        insert = f"(call $insert {rank})" if self.hashed else set_bit("$seen", rank, self.word)
        return (
            f"{insert} (local.set $at {record_at('(global.get $tail)', self.base)}) "
            f"({self.word}.store $records (local.get $at) {rank}) "
            f"(i32.store $records offset=8 (local.get $at) {before}) (i32.store $records offset=12 (local.get $at) {event}) "
            "(global.set $tail (i32.add (global.get $tail) (i32.const 1)))"
        )

    def _discover(self) -> str:
        """Takes in a first state; 1 where a claim about how it goes on is broken."""
        head = f'$discover (export "discover") (param $rank {self.word}) (param $from i32) (param $event i32) (result i32)'
        function = Function(self.scoped.nodes, head)
        function.local("at")
        function.add(self._room(), self._taken_in("(local.get $rank)", "(local.get $from)", "(local.get $event)"))
        function.add("(call $goes_on (local.get $rank))" if self.two_runs else "(i32.const 0)")
        return function.text()

    def _room(self) -> str:
        """Makes room for as many states as one may lead to."""
        most = RECORD * max(1, *(len(found) for found in self._by_control.values()))
        end = f"(i32.add {record_at('(global.get $tail)', self.base)} (i32.const {most}))"
        grow = f"(if (i32.eq (memory.grow $records (i32.const {_GROW_PAGES})) (i32.const -1)) (then unreachable))"
        return f"(if (i32.gt_u {end} (i32.mul (memory.size $records) (i32.const {PAGE}))) (then {grow}))"

    def _goes_on(self) -> str:
        """Returns whether a claim about two runs from a state is broken."""
        function = Function(self.scoped.nodes, f"$goes_on (param $rank {self.word}) (result i32)")
        self._decode(function)
        for number, (_, part) in enumerate(self.two_runs):
            self._two_runs(function, number, part)
        function.add("(i32.const 0)")
        return function.text()

    def _load(self, function: Function) -> None:
        for name in self._carried:
            local = function.local(name if name in self._open else f"g.{name}")
            function.add(f"(local.set {local} (global.get $g.{name}))")

    def _two_runs(self, function: Function, number: int, part: TwoRunPart) -> None:
        """Runs both ways from a state to which the part applies, and compares where they end."""
        scoped = self.scoped
        env = scoped.env()
        applies = scoped.nodes.both(
            scoped.lowering.node(part.assume, env), scoped.nodes.negate(scoped.lowering.node(part.unless, env))
        )
        start = [f"(global.set $g.{name} (local.get {function.local(name)}))" for name in self._carried]
        function.add(f"(if {function.expr(applies)} (then", count(self.counters.two_runs + number))
        function.add(*start, *(f"(call $do_{event})" for event in part.left))
        function.add(*(f"(local.set {function.local(f'left.{n}')} (global.get $g.{n}))" for n in part.agree))
        function.add(*start, *(f"(call $do_{event})" for event in part.right))
        for name in part.agree:
            function.add(
                f"(if (i32.ne (local.get {function.local(f'left.{name}')}) (global.get $g.{name})) (then (return (i32.const 1))))"
            )
        function.add("))")

    def _runs(self) -> list[str]:
        """A function for each event of the two-run parts: it takes the state in the globals one event on."""
        machine = self.scoped.machine
        events = {name: machine.event_named[name] for _, part in self.two_runs for name in (*part.left, *part.right)}
        return [self._do(event) for event in events.values()]

    def _do(self, event: Event) -> str:
        scoped = self.scoped
        function = Function(scoped.nodes, f"$do_{event.name}")
        left = function.local("left")
        function.add(f"(local.set {left} (i32.const {event.most_runs}))")
        function.add("(block $refused (loop $again")
        self._load(function)
        base = scoped.wide_env()
        function.add(
            f"(br_if $refused (i32.eqz (local.get {left})))", f"(local.set {left} (i32.sub (local.get {left}) (i32.const 1)))"
        )
        for rule, guard, env in scoped.applicable(event, (), base):
            new = scoped.after(rule, env)
            changed = [name for name, node in new.items() if node != base[name]]
            stores = " ".join(f"(global.set $g.{name} {function.expr(new[name])})" for name in changed)
            function.add(f"(if {function.expr(guard)} (then {stores} (br $again)))")
        function.add("))")
        return function.text()

    def _stays_possible(self, number: int, part: LivenessPart) -> str:
        """A pass over all states, the last found first: it marks those from which the goal event is acceptable, or one of
        the part's events leads to a marked state, and tells how many. `$first`: it also counts where the goal is not."""
        scoped, nodes, marks = self.scoped, self.scoped.nodes, f"$marks_{number}"
        function = Function(nodes, f'(export "pass_{number}") (param $first i32) (result i32)')
        index, new = function.local("index"), function.local("new")
        function.local("to", self.word), function.local("rank", self.word)
        function.add(
            f"(local.set {index} (global.get $tail))",
            "(block $end (loop $next",
            f"(br_if $end (i32.eqz (local.get {index})))",
            f"(local.set {index} (i32.sub (local.get {index}) (i32.const 1)))",
            f"(local.set $rank ({self.word}.load $records {record_at(f'(local.get {index})', self.base)}))",
            f"(br_if $next {contains(marks, '(local.get $rank)', self.hashed, self.word)})",
        )
        self._decode(function)
        found = f"(local.set {new} (i32.add (local.get {new}) (i32.const 1)))"
        mark = f"{set_bit(marks, '(local.get $rank)', self.word)} {found} (br $next)"
        env, goal = scoped.env(), nodes.false
        wanted = scoped.machine.event_named[part.goal]
        for _, guard, _ in scoped.applicable(wanted, part.given(wanted), env):
            goal = nodes.either(goal, guard)
        waits = f"(i32.and (local.get $first) (i32.eqz {function.expr(goal)}))"
        function.add(count(self.counters.liveness + number, 1, waits), f"(if {function.expr(goal)} (then {mark}))")
        for name in part.events:
            for rule, guard, within_event in scoped.applicable(scoped.machine.event_named[name], (), env):
                if rule.name in part.without:
                    continue
                to, within = self._target(function, env, scoped.after(rule, within_event))
                leads = contains(marks, "(local.get $to)", self.hashed, self.word)
                leads = f"(if {within} (then (if {leads} (then {mark}))))" if within else f"(if {leads} (then {mark}))"
                function.add(f"(if {function.expr(guard)} (then (local.set $to {to}) {leads}))")
        function.add(f"(br $next))) (local.get {new})")
        unmarked = Function(nodes, f'(export "unmarked_{number}") (result i32)')
        unmarked.local("index"), unmarked.local("rank", self.word)
        unmarked.add(
            "(loop $next (if (i32.eq (local.get $index) (global.get $tail)) (then (return (i32.const -1))))",
            f"(local.set $rank ({self.word}.load $records {record_at('(local.get $index)', self.base)}))",
            f"(if (i32.eqz {contains(marks, '(local.get $rank)', self.hashed, self.word)}) (then (return (local.get $index))))",
            "(local.set $index (i32.add (local.get $index) (i32.const 1))) (br $next)) unreachable",
        )
        return function.text() + "\n" + unmarked.text()

    def _run(self) -> str:
        """Visits up to `$limit` states: 0 when the limit ended it, 1 when a claim is broken, 2 when all are visited."""
        machine, layout = self.scoped.machine, self.scoped.layout
        control = next(d for d in layout.digits if d.name == machine.control)
        function = Function(self.scoped.nodes, '$run (export "run") (param $limit i32) (result i32)')
        rank, which, word = function.local("rank", self.word), function.local("which"), self.word
        high = f"({word}.div_u (local.get {rank}) ({word}.const {layout.weights[control.name]}))"
        function.add(
            "(loop $next",
            "(if (i32.eq (global.get $head) (global.get $tail)) (then (return (i32.const 2))))",
            "(if (i32.eqz (local.get $limit)) (then (return (i32.const 0))))",
            "(if (i32.eq (global.get $head) (global.get $level)) (then",
            "(if (global.get $level) (then (global.set $depth (i32.add (global.get $depth) (i32.const 1)))))",
            "(global.set $level (global.get $tail))))",
            "(local.set $limit (i32.sub (local.get $limit) (i32.const 1)))",
            self._room(),
            f"(local.set {rank} ({self.word}.load $records {record_at('(global.get $head)', self.base)}))",
            f"(local.set {which} {narrow(f'({word}.rem_u {high} ({word}.const {control.most + 1}))', word)})",
        )
        order = control.kind.order  # type: ignore[union-attr]
        for state in machine.states:
            function.add(
                f"(if (i32.eq (local.get {which}) (i32.const {order.index(state)})) (then",
                f"(if (call $visit_{state} (local.get {rank}) (global.get $head)) (then (return (i32.const 1))))",
                "(global.set $head (i32.add (global.get $head) (i32.const 1))) (br $next)))",
            )
        function.add(") unreachable")
        return function.text()

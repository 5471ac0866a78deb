"""The JSON document is complete: a reader of it alone takes every step as the reference reader does."""

from __future__ import annotations

import json
import operator
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lang.machines import CORPUS
from tokenspec.invariants.claims import claims
from tokenspec.machine.exporters.document import document
from tokenspec.machine.interpreters import reference
from tokenspec.machine.lang.declaration import Machine, System
from tokenspec.machine.lang.outcome import Accepted, Values
from tokenspec.machine.lang.types import Value
from tokenspec.oracle.base.specification import claimed_machines
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS, POLICIES
from tokenspec.spec.system import system

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "min": min,
    "max": max,
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    "and": operator.and_,
    "or": operator.or_,
}


class Reader:
    """A machine of the document."""

    def __init__(self, machine: dict[str, Any]) -> None:
        self.machine = machine
        self.figures = {p["name"]: p["value"] for p in machine["parameters"] + machine["policies"]}
        self.words = {d["name"]: d["is"] for d in machine["definitions"]}
        self.initial = {v["name"]: self.value(v["initial"], {}) for v in machine["variables"]}

    def value(self, expression: dict[str, Any], scope: Mapping[str, Any]) -> Any:
        return self._tree(expression["tree"], {**self.figures, **scope})

    def _tree(self, tree: dict[str, Any], scope: Mapping[str, Any]) -> Any:
        if "value" in tree:
            return tree["value"]
        if "name" in tree:
            known = tree["name"] in scope
            return scope[tree["name"]] if known else self._tree(self.words[tree["name"]]["tree"], scope)
        if "not" in tree:
            return not self._tree(tree["not"], scope)
        if "if" in tree:
            return self._tree(tree["then" if self._tree(tree["if"], scope) else "else"], scope)
        left, right = self._tree(tree["left"], scope), self._tree(tree["right"], scope)
        if "order" in tree:
            left, right = tree["order"].index(left), tree["order"].index(right)
        return OPERATORS[tree["op"]](left, right)

    def step(self, state: dict[str, Any], name: str, fields: dict[str, Any]) -> dict[str, Any]:
        event = next(e for e in self.machine["events"] if e["name"] == name)
        scope = {**state, **fields}
        for need in event["requires"]:
            if not self.value(need["holds"], scope):
                return {"refused": need["code"]}
        here = state[self.machine["control"]]
        (rule,) = (r for r in event["rules"] if here in r["source"] and self.value(r["when"], scope))
        after = {**state, self.machine["control"]: rule["target"] or here}
        after |= {a["variable"]: self.value(a["becomes"], scope) for a in rule["effect"]}
        lines = [[line["kind"], line["pool"], self.value(line["amount"], scope)] for line in rule["ledger"]]
        answer = {a["name"]: self.value(a["is"], scope) for a in rule["answer"]}
        return {"rule": rule["name"], "state": after, "answer": answer, "ledger": [line for line in lines if line[2]]}


def by_reference(machine: Machine, figures: Values, state: Values, event: str, fields: Values) -> dict[str, Any]:
    step = reference.step(machine, figures, state, event, fields)
    if not isinstance(step, Accepted):
        return {"refused": step.code}
    lines = [[kind.value, pool, amount] for kind, pool, amount in step.ledger]
    return {"rule": step.rule, "state": dict(step.state), "answer": dict(step.answer), "ledger": lines}


def written(whole: System, figures: Values) -> dict[str, Any]:
    """The document, as it comes out of a file."""
    about = (claims(DEFAULT.ranking), claimed_machines(whole)) if whole.links else ()
    found: dict[str, Any] = json.loads(json.dumps(document(whole, figures, *about)))
    return found


def drawn(kind: dict[str, Any], dice: random.Random) -> Value:
    if kind["type"] == "bool":
        return dice.random() < 0.9
    if kind["type"] == "enum":
        return str(dice.choice(kind["members"]))
    return dice.choice([n for n in (-1, 0, 1, 2, 3, 4, 149, 150, 8_500, 2**53 - 1) if kind["lo"] <= n <= kind["hi"]])


def walk(machine: Machine, data: dict[str, Any], figures: Values, steps: int, seed: int) -> Counter[str]:
    """Takes random steps with both readers, now and then after emptying the pools; how often each outcome was met."""
    dice, met, reader = random.Random(seed), Counter[str](), Reader(data)
    state = reader.initial
    assert state == reference.initial_state(machine, figures)
    for _ in range(steps):
        event = dice.choice(data["events"])
        fields = {f["name"]: drawn(f["type"], dice) for f in event["fields"]}
        step = reader.step(state, event["name"], fields)
        assert step == by_reference(machine, figures, state, event["name"], fields), (state, event["name"], fields)
        met[step.get("rule") or f"{event['name']}: {step['refused']}"] += 1
        state = step.get("state", state)
        state = {**state, **dict.fromkeys(data["pools"], 0)} if dice.random() < 0.1 else state
        state = reader.initial if dice.random() < 0.01 else state
    return met


@pytest.mark.parametrize("seed", range(4))
def test_the_account_takes_every_step_as_the_reference_reader_does(seed: int) -> None:
    whole = system()
    answers = {p.name: random.Random(seed).choice(p.answers)[0] for p in POLICIES} if seed else DEFAULTS
    figures = {**DEFAULT.parameters(), **answers}
    data = written(whole, figures)
    met = walk(whole.machines[0], data["machines"][0], figures, 12_000, seed)
    assert len(met) > 55
    rules = {r["name"] for e in data["machines"][0]["events"] for r in e["rules"]}
    idle = {"downgrades" if figures["downgrade_timing"] == "at_renewal" else "schedules_downgrade"}
    idle |= {rule for rule, policy in (("refunds", "refund"), ("refunds_api", "api_refund")) if figures[policy] == "none"}
    assert rules - met.keys() == idle


@pytest.mark.parametrize("number", [1, 2])
def test_the_small_machines_take_every_step_as_the_reference_reader_does(number: int) -> None:
    whole = system()
    data = written(whole, {})["machines"][number]
    met = walk(whole.machines[number], data, {}, 2_000, 0)
    assert {r["name"] for e in data["events"] for r in e["rules"]} <= met.keys()


@pytest.mark.parametrize("name", CORPUS)
def test_any_machine_takes_every_step_as_the_reference_reader_does(name: str) -> None:
    machine, figures = CORPUS[name]
    data = written(System((machine,), ()), figures)["machines"][0]
    assert len(walk(machine, data, figures, 2_000, 0)) >= 3


def test_every_claim_stands_in_it_with_its_formulas() -> None:
    whole = system()
    data = written(whole, {**DEFAULT.parameters(), **DEFAULTS})
    assert [c["number"] for c in data["claims"]] == [c.number for c in claims(DEFAULT.ranking)]
    kinds = Counter(part["kind"] for claim in data["claims"] for part in claim["parts"])
    assert min(kinds.values()) > 0
    assert {"state", "step", "two_runs", "liveness", "layer"} <= kinds.keys()
    parts = next(c["parts"] for c in data["claims"] if c["id"] == "pools_within_allowance")
    fast = next(part for part in parts if part["name"] == "fast")
    assert fast["holds"] == {
        "text": "fast <= allowance",
        "tree": {"op": "<=", "left": {"name": "fast"}, "right": {"name": "allowance"}},
    }
    reader = Reader(data["machines"][0])
    state = {**reader.initial, "status": "active", "plan": "premium"}
    assert [reader.value(fast["holds"], {**state, "fast": n}) for n in (25_000, 25_001)] == [True, False]


def test_links_clocks_and_timers_stand_in_it() -> None:
    data = written(system(), {**DEFAULT.parameters(), **DEFAULTS})
    assert {"when": "account.daily_reset", "then": "daily_job.runs"} in data["links"]
    assert [c["job"] for c in data["machines"][0]["clocks"]] == ["renew", "daily_reset"]
    assert [t["event"] for t in data["machines"][1]["timers"]] == ["four_hours_pass", "two_days_pass"]

"""A counterexample in the Informal Trace Format (ITF, ADR-015 of Apalache), for trace viewers and for model-based testing.

Beside the variables, each state has the two that quint writes with `--mbt`: `mbt::actionTaken`, the event that led to it,
and `mbt::nondetPicks`, the fields that the event came with, each as `Some`; those of other events, which quint lists as
`None`, are left out. Figures and policies are parameters, and are in the first state.
"""

from __future__ import annotations

from typing import Any

from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Bool, Tokens, Value
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.check.counterexample import Counterexample

ACTION, PICKS = "mbt::actionTaken", "mbt::nondetPicks"


def itf(example: Counterexample) -> dict[str, Any]:
    """Returns the trace of `example`; an event without an outcome leads to no state, and is only in the description."""
    machine = example.machine
    taken = [step for step in example.steps if step.outcome is not None]
    parameters = {p.name: _value(example.parameters[p.name]) for p in machine.all_parameters}
    states = [_state(0, example.first, "init", {}) | parameters]
    states += [
        _state(number, step.after, step.event, example.written(step.event, step.fields)) for number, step in enumerate(taken, 1)
    ]
    return {
        "#meta": {
            "format": "ITF",
            "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
            "source": example.again,
            "status": "violation",
            "description": "\n".join(example.lines()),
            "varTypes": _types(machine),
            "claim": example.claim.id,
            "part": example.part,
            **stamp(),
        },
        "params": list(parameters),
        "vars": [*(v.name for v in machine.variables), ACTION, PICKS],
        "states": states,
    }


def _state(number: int, values: Values, action: str, fields: Values) -> dict[str, Any]:
    written = {name: _value(value) for name, value in values.items()}
    picks = {name: {"tag": "Some", "value": _value(value)} for name, value in fields.items()}
    return {"#meta": {"index": number}, **written, ACTION: action, PICKS: picks}


def _value(value: Value) -> Any:
    """Returns truth values and names as they are; numbers as text, since readers differ in the range of their numbers."""
    return {"#bigint": str(value)} if isinstance(value, int) and not isinstance(value, bool) else value


def _types(machine: Machine) -> dict[str, str]:
    kinds = {Bool: "Bool", Tokens: "Int"}
    return {v.name: kinds.get(type(v.type), "Str") for v in machine.variables} | {ACTION: "Str"}

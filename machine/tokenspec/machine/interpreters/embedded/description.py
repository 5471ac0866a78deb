"""The names behind a module's numbers and addresses, as plain data: what a host needs to know, and nothing that it computes.

It travels within the module, as JSON in the custom section `tokenspec`, so that the two cannot be parted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.interpreters.compiled import blank
from tokenspec.machine.interpreters.embedded.memory import NO_RULE, NOT_A_VALUE, TOO_LARGE, Interface, Slot
from tokenspec.machine.lang.declaration import Event, Memory, Rule
from tokenspec.machine.lang.expr import TRUE
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.surroundings import plain
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type

Data: TypeAlias = dict[str, Any]
"""An object of the description."""


def description(interface: Interface, figures: Values, heading: Mapping[str, str], around: Data | None = None) -> Data:
    """Returns the description for hosts. `heading` comes first: the version that wrote it, and the declaration.

    `around` is what surrounds the machine in its specification (`machine.lang.surroundings`).
    """
    m = interface.machine
    spoken = dict.fromkeys(c for c, _ in (*interface.state_parts, *interface.step_parts))
    return {
        **heading,
        "machine": m.name,
        "says": m.says,
        "control": m.control,
        "pools": list(m.pools),
        "areas": interface.areas,
        "neither": {"no_rule": NO_RULE, "not_a_value": NOT_A_VALUE, "too_large": TOO_LARGE},
        "parameters": [_slot(interface.parameters[p.name]) | {"value": figures[p.name], "says": p.says} for p in m.parameters],
        "policies": [
            _slot(interface.parameters[p.name]) | {"value": figures[p.name]} | _plain(p, without=("parameter",))
            for p in m.policies
        ],
        "assumptions": _plain(m.assumptions),
        "variables": [_slot(interface.state[v.name]) | {"says": v.says} for v in m.variables],
        "definitions": [
            _plain(d, "definitions") | (_slot(interface.definitions[d.name]) if d.name in interface.definitions else {})
            for d in m.definitions
        ],
        "refusals": interface.codes,
        "events": [_event(interface, number, event) for number, event in enumerate(m.events)],
        "clocks": [
            {"number": number, **_plain(c, without=("clauses",)), "counts": m.counts(c), "of": c.of or None}
            for number, c in enumerate(m.clocks)
        ],
        "dial": [_slot(slot) for slot in interface.dial.values()],
        "never": NEVER,
        "memory": _memory(interface, m.memory) if m.memory is not None else None,
        "around": around,
        "claims": [{"id": c.id, "sentence": c.sentence, "clauses": list(c.clauses)} for c in spoken],
        "state_claims": [{"claim": c.id, "part": p.name} for c, p in interface.state_parts],
        "step_claims": [{"claim": c.id, "part": p.name} for c, p in interface.step_parts],
    }


def _memory(interface: Interface, memory: Memory) -> Data:
    slots = {name: _slot(slot) for name, slot in interface.entry.items()}
    return {
        "key": memory.key,
        "says": memory.says,
        "is_new": slots[memory.is_new],
        "holds": [
            slots[each.name] | {"value": value, "says": each.says}
            for each, value in zip(memory.holds, blank(memory), strict=True)
        ],
        "periods": [slots[period.lasts] | _plain(period, without=("lasts",)) for period in memory.periods],
        "facts": [slots[fact.name] | {"says": fact.says} for fact in memory.facts],
    }


def _event(interface: Interface, number: int, event: Event) -> Data:
    slots = interface.fields(event.name)
    return {
        "number": number,
        **_plain(event),
        "fields": [_plain(f) | _slot(slots[f.name]) for f in event.fields],
        "answers": [_slot(slot) for slot in interface.answers(event.name).values()],
        "requires": [{"refusal": -1 - interface.codes.index(need.code), **_plain(need)} for need in event.requires],
        "rules": [_rule(interface, rule) for rule in event.rules],
    }


def _rule(interface: Interface, rule: Rule) -> Data:
    lines = zip(interface.ledger(rule), rule.ledger, strict=True)
    return {
        "number": interface.rules.index(rule.name),
        "name": rule.name,
        "source": list(rule.source),
        "target": rule.target,
        "when": None if rule.when == TRUE else show(rule.when),
        "answers": [a.name for a in rule.answer],
        "ledger": [{"at": slot.at, "kind": line.kind.value, "pool": line.pool} for slot, line in lines],
        "clocks": {clock: act.value for clock, act in rule.clocks},
        "notes": [note.name for note in rule.notes],
        "why": rule.why,
        "clauses": list(rule.clauses),
    }


def _plain(part: object, within: str = "", without: tuple[str, ...] = ()) -> Any:
    found = plain(part, show, _type, within)
    return {key: value for key, value in found.items() if key not in without} if without else found


def _slot(slot: Slot) -> Data:
    return {"name": slot.name, "at": slot.at, "type": _type(slot.kind)}


def _type(kind: Type) -> Data:
    """A type; of an enum the members by their number, and those of them that stand for no value here."""
    match kind:
        case Bool():
            return {"type": "bool"}
        case Tokens(lo, hi):
            return {"type": "tokens", "lo": lo, "hi": hi}
        case Enum(_, members):
            return {"type": "enum", "order": list(kind.order), "members": list(members)}


def type_from(data: Data) -> Type:
    """The type that a description names."""
    match data["type"]:
        case "bool":
            return Bool()
        case "tokens":
            return Tokens(data["lo"], data["hi"])
        case _:
            return Enum("", tuple(data["members"]), tuple(data["order"]))

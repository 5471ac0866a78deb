"""A host of the module in Python: the reader that runs the very bytes which others embed.

`embedded` makes the bytes. `Embedded` knows nothing but them: every name, number and address comes from the section
within. It is called like `interpreters.compiled.Compiled`, so that whatever runs on the one runs on the other.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tokenspec.machine.interpreters.compiled import Fields, Outcome, Row, StepFunction
from tokenspec.machine.interpreters.embedded.description import Data, description, type_from
from tokenspec.machine.interpreters.embedded.memory import NO_RULE, NOT_A_VALUE, TOO_LARGE, Interface, dial_parts
from tokenspec.machine.interpreters.embedded.module import module_text
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.outcome import Accepted, Refused, Step, Values
from tokenspec.machine.lang.types import Bool, Enum, Value
from tokenspec.machine.wasm.engine import Instance, assembled

SECTION = "tokenspec"
"""The custom section that holds the description."""

_HEADER = b"\0asm\1\0\0\0"
_CUSTOM = 0


def embedded(interface: Interface, figures: Values, heading: Mapping[str, str], around: Data | None = None) -> bytes:
    """The module of a machine with its description within; the same bytes each time.

    `figures` are the values that parameters have until a host sets others; `around` is what surrounds the machine in its
    specification, for hosts that keep accounts. Raises `OverflowError` where the declaration
    computes numbers that 64 bits may not hold.
    """
    text = json.dumps(description(interface, figures, heading, around), ensure_ascii=False, separators=(",", ":"))
    return with_custom(assembled(module_text(interface, figures, dial_parts(interface))), SECTION, text.encode())


def described(module: bytes) -> Data:
    """The description within a module. Raises `ValueError` where there is none."""
    found: Data = json.loads(custom(module, SECTION))
    return found


class Embedded:
    """A module under one choice of parameters. Raises `ValueError` for parameters that it does not take."""

    def __init__(self, module: bytes, parameters: Values | None = None) -> None:
        self.described = described(module)
        instance = Instance(module)
        self._memory = instance.view("memory")
        self._step, self._decide = instance.function("step"), instance.function("decide")
        self._evaluate = instance.function("evaluate")
        self.broken_state = instance.function("broken_state")
        """The number of the first claim about states that the present state breaks, -1 where it breaks none."""
        self._broken_step = instance.function("broken_step")
        self._events = {e["name"]: e for e in self.described["events"]}
        self._rule_of = {r["number"]: r for e in self._events.values() for r in e["rules"]}
        self.rules: list[str] = [self._rule_of[number]["name"] for number in range(len(self._rule_of))]
        self.codes: list[str] = self.described["refusals"]
        self._set_parameters(instance, parameters or {})
        if instance.call("init") != 0:
            raise ValueError("the initial state lies beyond 2^53 - 1")
        self._state = _Area(self._memory, self.described["variables"])
        self.initial: Row = self._state.read()
        self.steps: dict[str, StepFunction] = {name: self._step_function(event) for name, event in self._events.items()}

    def _set_parameters(self, instance: Instance, parameters: Values) -> None:
        known = [*self.described["parameters"], *self.described["policies"]]
        unknown = parameters.keys() - {p["name"] for p in known}
        if unknown:
            raise ValueError(f"{min(unknown)}: there is no such parameter in this module")
        area = _Area(self._memory, known)
        area.write([parameters.get(p["name"], p["value"]) for p in known])
        fault = instance.call("check_parameters")
        if fault > 0:
            raise ValueError(f"{known[fault - 1]['name']}: it is not a value of its type")
        if fault < 0:
            raise ValueError(self.described["assumptions"][-1 - fault]["breach"])

    def _step_function(self, event: Data) -> StepFunction:
        number, call, state = event["number"], self._step, self._state
        fields, answers = _Area(self._memory, event["fields"]), _Area(self._memory, event["answers"])
        gives = {r["number"]: [a["name"] in r["answers"] for a in event["answers"]] for r in event["rules"]}

        def step(row: Row, given: Fields) -> Outcome:
            state.write(row)
            fields.write(given)
            index = call(number)
            if index < 0:
                _check(index, event["name"], row, given)
                return index, (), ()
            found = answers.read()
            return index, state.read(), tuple([a if is_given else None for a, is_given in zip(found, gives[index], strict=True)])

        return step

    def broken_step(self, row: Row, event_name: str, given: Fields) -> int:
        """The number of the first claim about steps that the event breaks in a state, -1 where it breaks none."""
        event = self._events[event_name]
        self._state.write(row)
        _Area(self._memory, event["fields"]).write(given)
        return self._broken_step(event["number"])

    def evaluate(self, row: Row) -> dict[str, Value]:
        """Returns the value of each definition that reads no field, in a state."""
        self._state.write(row)
        _check(self._evaluate(), "definitions", row, ())
        slots = [d for d in self.described["definitions"] if "at" in d]
        return dict(zip((d["name"] for d in slots), _Area(self._memory, slots).read(), strict=True))

    def decide(self, row: Row, event_name: str, given: Fields) -> int:
        """Returns the outcome of a step, without taking it."""
        event = self._events[event_name]
        self._state.write(row)
        _Area(self._memory, event["fields"]).write(given)
        return self._decide(event["number"])

    def step(self, state: Values, event_name: str, fields: Values) -> Step:
        """The same as `reference.step`."""
        event = self._events[event_name]
        names = [v["name"] for v in self.described["variables"]]
        row = tuple(state[name] for name in names)
        index, after, answers = self.steps[event_name](row, tuple(fields[f["name"]] for f in event["fields"]))
        if index < 0:
            return Refused(self.codes[-1 - index])
        rule = self._rule_of[index]
        answer = {a["name"]: value for a, value in zip(event["answers"], answers, strict=True) if value is not None}
        lines = [(line, struct.unpack_from("<q", self._memory, line["at"])[0]) for line in rule["ledger"]]
        amounts = [(Kind(line["kind"]), line["pool"], amount) for line, amount in lines]
        return Accepted(rule["name"], dict(zip(names, after, strict=True)), answer, tuple(line for line in amounts if line[2]))


class _Area:
    """Slots that follow each other, read and written as one row of values."""

    def __init__(self, memory: Any, slots: list[Data]) -> None:
        self._memory = memory
        self._at = slots[0]["at"] if slots else 0
        self._struct = struct.Struct(f"<{len(slots)}q")
        kinds = [type_from(slot["type"]) for slot in slots]
        self._numbers: list[Callable[[Any], int]] = [k.order.index if isinstance(k, Enum) else int for k in kinds]
        self._values: list[Callable[[int], Value]] = [
            k.order.__getitem__ if isinstance(k, Enum) else bool if isinstance(k, Bool) else int for k in kinds
        ]

    def write(self, values: Any) -> None:
        numbers = [number(value) for number, value in zip(self._numbers, values, strict=True)]
        self._struct.pack_into(self._memory, self._at, *numbers)

    def read(self) -> tuple[Value, ...]:
        numbers = self._struct.unpack_from(self._memory, self._at)
        return tuple([value(number) for value, number in zip(self._values, numbers, strict=True)])


def _check(index: int, event: str, row: Row, fields: Fields) -> None:
    """Raises where a step was neither accepted nor refused."""
    what = f"{event} in {row} with {fields}"
    if index == NO_RULE:
        raise Gap(f"{what}: no rule applies")
    if index == NOT_A_VALUE:
        raise ValueError(f"{what}: a variable or a field is not one of its values")
    if index == TOO_LARGE:
        raise OverflowError(f"{what}: a number would lie beyond 2^53 - 1")


def with_custom(module: bytes, name: str, content: bytes) -> bytes:
    """`module` with one custom section, its last, in place of those that it has."""
    kept = [bytes([kind]) + _number(len(body)) + body for kind, body in _sections(module) if kind != _CUSTOM]
    label = name.encode()
    body = _number(len(label)) + label + content
    return b"".join([_HEADER, *kept, bytes([_CUSTOM]), _number(len(body)), body])


def custom(module: bytes, name: str) -> bytes:
    """The content of a custom section. Raises `ValueError` where the module has none of that name, or is none."""
    for kind, body in _sections(module):
        if kind == _CUSTOM:
            length, start = _leb128(body, 0)
            if body[start : start + length] == name.encode():
                return body[start + length :]
    raise ValueError(f"there is no section {name!r} in the module")


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    """The sections with their kinds, in order."""
    if not module.startswith(_HEADER):
        raise ValueError("it is not a WebAssembly module")
    at = len(_HEADER)
    while at < len(module):
        kind = module[at]
        size, start = _leb128(module, at + 1)
        yield kind, module[start : start + size]
        at = start + size


def _leb128(text: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where it ends."""
    value, shift = 0, 0
    while True:
        byte = text[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _number(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])

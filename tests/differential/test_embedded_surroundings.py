"""The exported module works out due instants and facts of the memory as the readers of the declaration do.

TOKENSPEC_EFFORT multiplies the asked instants and entries.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

from differential.walks import EFFORT
from tokenspec.machine.interpreters.calendars import reader_of
from tokenspec.machine.interpreters.compiled import recalled
from tokenspec.machine.interpreters.embedded.description import type_from
from tokenspec.machine.interpreters.embedded.host import Embedded, described, embedded
from tokenspec.machine.interpreters.embedded.memory import NOT_A_VALUE, Interface
from tokenspec.machine.lang.calendars import (
    Calendar,
    EveryDay,
    EveryHours,
    EveryMonth,
    EveryWeek,
    EveryYear,
    Hour,
    OnceAfter,
    ShortMonth,
    calendar_under,
)
from tokenspec.machine.lang.declaration import Clock, Machine
from tokenspec.machine.lang.types import Bool, Value
from tokenspec.machine.wasm.engine import Instance
from tokenspec.machine.wasm.ranks import value_of
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS, POLICIES

MACHINE = account()
FIGURES: dict[str, Value] = {**DEFAULT.parameters(), **DEFAULTS}
CHOOSING = ("daily_reset_clock", "month_end", "renewal_time")
DAY_MS = 86_400_000
KINDS: list[Calendar] = [
    EveryDay("time"),
    EveryHours(5),
    *(EveryWeek(hour) for hour in Hour),
    *(every(short, hour) for every in (EveryMonth, EveryYear) for short in ShortMonth for hour in Hour),
    OnceAfter(36),
]


class Module:
    """A module by the names in its description."""

    def __init__(self, machine: Machine, figures: Mapping[str, Value]) -> None:
        module = embedded(Interface(machine), figures, {})
        self.about, self.instance = described(module), Instance(module)
        self.memory = self.instance.view("memory")

    def write(self, slot: Any, value: Value) -> None:
        number = slot["type"]["order"].index(value) if slot["type"]["type"] == "enum" else int(value)
        struct.pack_into("<q", self.memory, slot["at"], number)

    def read(self, slot: Any) -> int:
        found: int = struct.unpack_from("<q", self.memory, slot["at"])[0]
        return found

    def due(self, kind: str, clock: int, **given: int) -> tuple[int, int]:
        for slot in self.about["dial"]:
            if slot["name"] in given:
                self.write(slot, given[slot["name"]])
        assert self.instance.call(kind, clock) == 0
        due, aim, *_ = map(self.read, self.about["dial"])
        return due, aim


def instants(dice: random.Random, count: int) -> Iterator[int]:
    """Instants anywhere in a day that may be the last of its month, around which calendars differ."""
    for _ in range(count):
        year, month = dice.randrange(1, 9990), dice.randrange(1, 13)
        ends = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        yield (
            int(ends.timestamp()) * 1000
            - dice.choice((0, 1, 2, 3, 15)) * DAY_MS
            + dice.choice((-1, 0, 1, dice.randrange(DAY_MS)))
        )


def agrees(module: Module, clock: int, calendar: Calendar, dice: random.Random, count: int) -> None:
    reader = reader_of(calendar)
    for at in instants(dice, count):
        time = dice.randrange(24 * 60) * 60_000
        due, aim = reader.first(at, time)
        assert module.due("first", clock, at=at, time=time) == (due, aim), (calendar, at, time)
        for later in (due, due + dice.randrange(400 * DAY_MS), due + dice.randrange(3_000 * DAY_MS)):
            assert module.due("beyond", clock, due=due, aim=aim, at=later) == reader.beyond(due, aim, later)[1:], (calendar, due)


def test_due_instants_of_every_kind_of_calendar_are_those_of_the_reader() -> None:
    clocks = tuple(Clock(f"clock {n}", "renewal_falls_due", "renew", kind, "", 0, ()) for n, kind in enumerate(KINDS))
    module, dice = Module(replace(MACHINE, clocks=clocks), FIGURES), random.Random(0)
    for number, kind in enumerate(KINDS):
        agrees(module, number, kind, dice, 40 * EFFORT)
    assert module.instance.call("first", len(KINDS)) == module.instance.call("beyond", -1) == NOT_A_VALUE


def test_a_clock_follows_the_calendar_that_the_policies_choose_while_it_runs() -> None:
    module, dice = Module(MACHINE, FIGURES), random.Random(1)
    slots = {slot["name"]: slot for slot in module.about["policies"]}
    followed = set()
    for settings in product(*([(p.name, answer) for answer, _ in p.answers] for p in POLICIES if p.name in CHOOSING)):
        for name, answer in settings:
            module.write(slots[name], answer)
        for number, clock in enumerate(MACHINE.clocks):
            calendar = calendar_under(clock.calendar, dict(settings))
            followed.add(calendar)
            agrees(module, number, calendar, dice, 10 * EFFORT)
    assert len(followed) == 6


def test_facts_about_an_entry_are_those_of_the_reader() -> None:
    module, dice, memory = Module(MACHINE, FIGURES), random.Random(2), MACHINE.memory
    assert memory is not None
    about = module.about["memory"]
    facts = recalled(memory, [fact.name for fact in memory.facts])
    met = set()
    for _ in range(200 * EFFORT):
        held = tuple(dice.choice((False, True) if each.type == Bool() else (0, 0, 1, 2**53 - 1)) for each in memory.holds)
        lasts, is_new = [dice.choice((False, True)) for _ in memory.periods], dice.choice((False, True))
        for slot, value in zip([*about["holds"], *about["periods"], about["is_new"]], [*held, *lasts, is_new], strict=True):
            module.write(slot, value)
        assert module.instance.call("recall") == 0
        found = tuple(value_of(type_from(slot["type"]), module.read(slot)) for slot in about["facts"])
        met.add(found)
        assert found == facts(held, lasts, is_new), held
    assert len(met) == 3


def test_a_rule_writes_what_it_notes_and_nothing_else_of_an_entry() -> None:
    module = Module(MACHINE, FIGURES)
    reader = Embedded(embedded(Interface(MACHINE), FIGURES, {}))
    row = reader.steps["open_account"](reader.initial, ())[1]
    event = next(e for e in module.about["events"] if e["name"] == "generate")
    given: dict[str, Value] = {"cost": 24, "media": "image", "origin": "first_party", "job_is_new": True, "model_is_known": True}
    for slot, value in zip(module.about["variables"], row, strict=True):
        module.write(slot, value)
    for slot in event["fields"]:
        module.write(slot, given.get(slot["name"], False))
    holds = {slot["name"]: slot for slot in module.about["memory"]["holds"]}
    for slot in holds.values():
        module.write(slot, 1)
    rule = module.instance.call("step", event["number"])
    notes = next(r["notes"] for r in event["rules"] if r["number"] == rule)
    assert set(notes) == {"daily_part", "fast_part", "rollover_part", "topup_part"}
    assert {name: module.read(slot) for name, slot in holds.items()} == {
        **dict.fromkeys(notes, 0), "daily_part": 24, "api_part": 1, "job_is_refunded": 1
    }  # fmt: skip

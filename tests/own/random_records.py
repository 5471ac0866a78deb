"""python random_records.py COUNT SEED PROGRAM...: random records of the chosen specification, answered by oracle and program.

The program speaks the protocol on standard input and output. What is printed is one JSON object: the number of records, how many
were accepted by event, and the first record whose two answers differ. Every second world has random policies.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from typing import Any

from tokenspec.machine.lang.declaration import Actor, Event, Key, Origin, Shape
from tokenspec.machine.lang.types import Bool, Enum
from tokenspec.oracle import Oracle
from tokenspec.oracle.base.specification import DEFAULT, POLICIES, SPEC, TOTAL_POOLS, machines
from tokenspec.oracle.wire.settings import catalogue_on_the_wire

EVENTS = [event for machine in machines() for event in machine.events if event.actor is not Actor.CLOCK]
OPENING = SPEC.opening.name
WORLD = 250
HOUR_MS = 3_600_000
AMOUNTS = (-5, 0, 1, 2, 24, 100, 8_000, 2**53 - 1)
PAUSES = (0, 0, 0, 1, HOUR_MS, 12 * HOUR_MS, 24 * HOUR_MS, 24 * HOUR_MS, 8 * 24 * HOUR_MS, 32 * 24 * HOUR_MS, 100 * 24 * HOUR_MS)


class Records:
    """Records of two accounts in one world."""

    def __init__(self, oracle: Oracle, dice: random.Random) -> None:
        self.oracle, self.dice = oracle, dice
        self.at = dice.randrange(1_600_000_000_000, 1_900_000_000_000)
        self.ids = 0

    def next(self) -> dict[str, Any]:
        """Returns a record, most often of something that can be accepted."""
        dice, name = self.dice, self.dice.choice(("ann", "ben"))
        self.at += dice.choice(PAUSES)
        known = name in self.oracle.accounts
        event = dice.choice(EVENTS) if known else next(e for e in EVENTS if e.name == OPENING)
        keys = self._keys(event, name)
        record = {"account": name, "at": self.at, "event": event.name, **self._fields(event, keys), **keys}
        if dice.random() < 0.4:
            self.ids += dice.random() < 0.7
            record["id"] = f"id {self.ids}"
        return record

    def _fields(self, event: Event, keys: dict[str, Any]) -> dict[str, Any]:
        dice = self.dice
        given: dict[str, Any] = {}
        for field in event.fields:
            if field.origin is Origin.PAYLOAD and field.instead not in keys:
                kind = field.type
                words = kind.members if isinstance(kind, Enum) else ()
                given[field.key] = dice.choice(words or ((False, True) if kind == Bool() else AMOUNTS))
        return given

    def _keys(self, event: Event, name: str) -> dict[str, Any]:
        return {key.name: self._key(key, name) for key in event.keys if not key.optional or self.dice.random() < 0.3}

    def _key(self, key: Key, name: str) -> Any:
        dice = self.dice
        if key.shape is Shape.TIME_OF_DAY:
            return f"{dice.randrange(24):02}:{dice.randrange(60):02}"
        if key.shape is Shape.POOLS:
            now = self.oracle.app_balances(self.oracle.accounts[name].row)
            return {pool: max(0, n - dice.choice((0, 0, 24))) for pool, n in zip(TOTAL_POOLS, now, strict=True)}
        listed = [*catalogue_on_the_wire(DEFAULT).get(SPEC.names.get(key.name, ""), {})]
        return dice.choice([*listed, "nobody's", *(f"{each} 2" for each in listed[:1])] if listed else ["one", "two", "three"])


def world(dice: random.Random, program: subprocess.Popen[str], policy: dict[str, str], count: int) -> tuple[Counter[str], Any]:
    """Returns how many records of a world were accepted by event, and the first one with two answers."""
    oracle = Oracle(policy)
    asked(program, {"op": "open", "protocol": 1, "catalogue": catalogue_on_the_wire(DEFAULT), "policy": policy})
    records, accepted = Records(oracle, dice), Counter[str]()
    for _ in range(count):
        record = records.next()
        right, got = oracle.apply(record).as_dict(), asked(program, {"op": "apply", **record})
        if right != got:
            return accepted, {"record": record, "policy": policy, "right": right, "got": got}
        accepted[record["event"]] += right["outcome"] == "accepted" and not right.get("duplicate")
    return accepted, None


def asked(program: subprocess.Popen[str], request: dict[str, Any]) -> Any:
    """Returns the answer of the program to a request."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(json.dumps(request) + "\n")
    program.stdin.flush()
    return json.loads(program.stdout.readline())


def main(count: int, seed: int, command: list[str]) -> dict[str, Any]:
    """Returns what came of `count` records."""
    dice, accepted, done = random.Random(seed), Counter[str](), 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        while done < count:
            other = done // WORLD % 2 == 1
            policy = {p.name: dice.choice(p.answers)[0] if other else p.answers[0][0] for p in POLICIES}
            found, different = world(dice, program, policy, WORLD)
            accepted += found
            done += WORLD
            if different is not None:
                return {"records": done, "accepted": accepted, "different": different}
    return {"records": done, "accepted": accepted, "different": None}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])))

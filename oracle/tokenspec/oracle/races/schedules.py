"""Schedules of requests that are likely to collide, drawn at random from a seed.

A world begins with a few events that bring an account to where it is worth racing. Then come rounds: the same request under one
id from every client, the same job twice, charges that only one can afford, a job that is due against what a user does, or any
two events. What is drawn fits the state that the account may be in by then, and what the implementation takes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tokenspec.machine.lang.catalogue import NONE, UNLISTED, AnyCatalogue
from tokenspec.machine.lang.declaration import Kind, Origin, Shape
from tokenspec.machine.lang.types import Bool, Enum, Tokens
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.specification import SPEC, TOTAL_POOLS, hint, machines, system
from tokenspec.oracle.base.specification import account as the_account
from tokenspec.oracle.fuzz.worlds import listed
from tokenspec.oracle.races.history import Call
from tokenspec.oracle.races.playing import ANSWERED, Record, Round
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY, begins
from tokenspec.oracle.runtime.script import CLOCKS, LOOK, MINUTE_MS, START, Move, Script, Wait, move
from tokenspec.oracle.sut.capabilities import BATCH, NO_REPEATS, Capabilities, payload_keys
from tokenspec.oracle.wire.protocol import JOBS

_AMOUNTS = {
    e.name: tuple(f.key for f in e.fields if f.origin is Origin.PAYLOAD and isinstance(f.type, Tokens))
    for e in the_account().events
    if any(line.kind is Kind.SPENT for rule in e.rules for line in rule.ledger)
}
"""By event that spends tokens, its fields that hold a number."""
_CHARGES = [*_AMOUNTS, *list(_AMOUNTS)[:1]]
_INSTEAD = {f.key for e in the_account().events for f in e.fields if f.instead}
_POOLS_KEY = next((k.name for m in machines() for e in m.events for k in e.keys if k.shape is Shape.POOLS), "")
MAIN, OTHER = "a", "b"
"""The account that is raced for, and one beside it."""

_ROUNDS = 4
"""The number of rounds after the beginning of a world."""
_KILLS = 2
"""The largest number of kills in a world."""
_WAITS = (Wait(), Wait(), Wait(), Wait(ms=MINUTE_MS), *(Wait((clock,)) for clock in (*CLOCKS[1:], *CLOCKS[::-1])))


class Races(NamedTuple):
    """The peculiarities of an account in races; a specification may bring its own."""

    beginnings: Callable[[Any, Callable[[Sequence[Any], str], Any]], list[Script]]
    """The events that bring an account to where it is worth racing, of a catalogue and a choice among values."""
    looks: tuple[Move, ...]
    """Events that change nothing: any answer tells how the account stands."""
    often: Mapping[str, int] = {}
    """The events that are drawn more often than others."""
    charges: Mapping[str, tuple[str, ...]] = {}
    """The events that take a cost from pools, with these."""
    values: Mapping[str, tuple[Any, ...]] = {}
    """Values of keys, as often as they are drawn."""


_own: Races | None = hint("races")
RACES = _own or Races(lambda catalogue, choose: [(), (move(SPEC.opening.name),)], (LOOK,))


_COPIES = (2, 2, 2, 3)
"""The number of clients that ask at once, mostly: two are enough for most races, and easier to read."""


class Scheduler:
    """Draws the rounds of one world for a number of clients, one after the other: `next`, and `saw` what came of it.

    With `kills` the implementation is killed now and then, and what was not answered is asked again under its id.
    """

    def __init__(self, dice: random.Random, terms: Capabilities, catalogue: AnyCatalogue, clients: int, kills: bool) -> None:
        self._dice, self._terms, self._catalogue, self._clients = dice, terms, catalogue, clients
        account = the_account(catalogue)
        self._clocks = account.clocks
        self._keys = {e.name: payload_keys(e) for e in system(catalogue).events if e.name in terms.events}
        self._at = {v.name: position for position, v in enumerate(account.variables)}
        self._listed, self._fields = listed(catalogue), {e.name: e.fields for e in account.events}
        self._now, self._number = parse_instant(START), 0
        self._rounds_left, self._kills_left = _ROUNDS, _KILLS if kills else 0
        self._repeats = terms.repeats != NO_REPEATS
        # One run of a batch is for all accounts for which the job is due; here it is due for one.
        self._is_batch = terms.jobs == BATCH
        self._used, self._unanswered, self._jobs = list[Record](), list[Record](), list[str]()
        self._beginning = self._begin()
        self._looks = [*range(clients)]

    def next(self, account: Callable[[str], Account], pace: float) -> Round | None:
        """The next round, None at the end; `account` tells how one may stand, `pace` how many seconds a request takes."""
        if self._unanswered:
            again, self._unanswered = self._unanswered, []
            return self._round(again[:1])
        while self._beginning:
            first = self._beginning.pop(0)
            if isinstance(first, Wait):
                self._now = first.end(account(MAIN), self._now)
            else:
                return self._round([{"account": MAIN, **first}], pace)
        if self._rounds_left:
            self._rounds_left -= 1
            self._now = max(self._now, self._dice.choice(_WAITS).end(account(MAIN), self._now))
            moves = self._race(account(MAIN)) if self._clients > 1 else [self._move(account(MAIN))]
            sends = [{"account": MAIN, **each} for each in moves if each is not None]
            if sends and account(OTHER).last_at is not None and not self._dice.randrange(4):
                sends[-1]["account"] = OTHER
            return self._round(sends, pace) if sends else self.next(account, pace)
        if self._looks:
            look = next((each for each in RACES.looks if self._sendable(each)), None) or self._move(account(MAIN))
            return None if look is None else Round(self._now, ((self._looks.pop(), {"account": MAIN, **look}),))
        return None

    def saw(self, calls: Sequence[Call]) -> None:
        """Takes note of the last round."""
        for call in calls:
            record = {key: value for key, value in call.record.items() if key != "at"}
            if "id" in record:
                self._used.append(record)
            if call.answered is None and "id" in record and self._repeats:
                self._unanswered.append(record)
            if KEY in record and record[KEY] not in self._jobs:
                self._jobs.append(record[KEY])

    def _begin(self) -> list[Record | Wait]:
        script = self._dice.choice(RACES.beginnings(self._catalogue, self._one_of))
        beginning: list[Record | Wait] = [each for each in script if isinstance(each, Wait) or self._sendable(each)]
        opened = move(SPEC.opening.name)
        if script and self._sendable(opened) and not self._is_batch and not self._dice.randrange(4):
            beginning.append(opened | {"account": OTHER})
        return beginning

    def _round(self, moves: Sequence[Record], pace: float | None = None) -> Round:
        """The moves, each by a client of its own; a kill among them only where a `pace` is given."""
        kill = None
        if pace is not None and self._kills_left and not self._dice.randrange(3):
            self._kills_left -= 1
            kill = self._dice.choice((0.0, ANSWERED, ANSWERED, self._dice.uniform(0.0, 2.0 * pace)))
            # What was under way has to be told from what comes again.
            has_none = JOBS if self._is_batch else ()
            moves = [each if "id" in each or each["event"] in has_none else {**each, "id": self._new("e")} for each in moves]
        clients = self._dice.sample(range(self._clients), min(len(moves), self._clients))
        return Round(self._now, tuple(zip(clients, moves, strict=False)), kill)

    # What collides

    def _race(self, account: Account) -> list[Record | None]:
        copies = min(self._clients, self._dice.choice((*_COPIES, self._clients)))
        races = [self._alike, self._alike, self._charges, self._due, self._any]
        return self._dice.choice(races)(account, copies)

    def _alike(self, account: Account, copies: int) -> list[Record | None]:
        """The same request from several clients: under one id, under an id each, or without."""
        same = self._move(account)
        if same is None:
            return []
        kind = self._dice.randrange(3)
        if kind == 0 and self._repeats:
            return [{**same, "id": self._new("e")}] * copies
        same.pop("id", None)
        return [({**same, "id": self._new("e")} if kind == 1 else same) for _ in range(copies)]

    def _charges(self, account: Account, copies: int) -> list[Record | None]:
        """Charges of which not all can be afforded."""
        event = self._dice.choice([name for name in _CHARGES if name in self._keys] or [""])
        moves = []
        for _ in range(copies if event else 0):
            held = self._holds(account, event)
            cost = {key: self._dice.choice((held, held // 2 + 1)) or 1 for key in _AMOUNTS.get(event, ())}
            moves.append(self._filled(event, account, **cost, **({KEY: self._new(KEY[0])} if KEY in self._keys[event] else {})))
        return moves

    def _due(self, account: Account, copies: int) -> list[Record | None]:
        """A job, twice or against what a user does."""
        jobs = self._jobs_due(account) or ([] if self._is_batch else [name for name in JOBS if name in self._keys])
        if not jobs:
            return self._any(account, copies)
        job = move(self._dice.choice(jobs))
        is_twice = not self._is_batch and not self._dice.randrange(3)
        return [job, *(job if is_twice else self._move(account) for _ in range(copies - 1))]

    def _jobs_due(self, account: Account) -> list[str]:
        clocks = {clock.job: account.dial(clock.name) for clock in self._clocks}
        clocks |= {event: account.dial(clock) for clock, event in SPEC.in_place_of_jobs.items()}
        return [
            job
            for job, clock in clocks.items()
            if job in self._keys and clock is not None and min(clock.shown, clock.upcoming) <= self._now
        ]

    def _any(self, account: Account, copies: int) -> list[Record | None]:
        """Any requests, now and then one that was sent before."""
        moves = [self._move(account) for _ in range(copies)]
        if self._used and self._repeats and not self._dice.randrange(3):
            moves[0] = {key: value for key, value in self._dice.choice(self._used).items() if key != "account"}
        return moves

    # Single requests

    def _move(self, account: Account) -> Record | None:
        """A request that may be made by now; None where nothing can be sent."""
        names = [name for name in self._keys for _ in range(RACES.often.get(name, 1)) if not self._is_batch or name not in JOBS]
        for _ in range(8):
            made = self._filled(self._dice.choice(names), account)
            if made is not None:
                return made | ({"id": self._new("e")} if self._dice.randrange(3) == 0 else {})
        return None

    def _filled(self, event: str, account: Account, **given: Any) -> Record | None:
        """A request of `event`; None where the implementation takes no such thing."""
        record = move(event)
        for key, optional in self._keys[event].items():
            # What another key could tell is said by this one.
            value = given.get(key, None if optional and key not in _INSTEAD else self._value(key, event, account))
            if value is not None and not self._terms.takes(key, value, optional):
                value = self._one_of((), key)
            if value is not None:
                record[key] = value
            elif not optional:
                return None
        return record

    def _value(self, key: str, event: str, account: Account) -> Any:
        dice, held = self._dice, self._holds(account, event)
        if key == KEY:
            known = self._jobs and (not begins(event) or not dice.randrange(4))
            return dice.choice(self._jobs) if known else self._new(KEY[0])
        if key == _POOLS_KEY:
            pools = dice.sample(TOTAL_POOLS, dice.randrange(1, min(3, len(TOTAL_POOLS) + 1)))
            return {pool: account.row[self._at[pool]] for pool in pools}
        if key in RACES.values:
            return self._one_of(RACES.values[key], key)
        if key in SPEC.names:
            return self._one_of((*self._listed[SPEC.names[key]], f"no such {key}"), key)
        if key == SPEC.other_account:
            return self._one_of((OTHER,), key)
        for field in self._fields.get(event, ()):
            if field.key == key and isinstance(field.type, Enum):
                return self._one_of([m for m in field.type.members if m not in (NONE, UNLISTED)], key)
            if field.key == key and isinstance(field.type, Bool):
                return self._one_of((True, False), key)
            if field.key == key:
                return self._one_of((1, held // 2 + 1, max(held, 1)), key)
        return self._one_of((key,), key)

    def _one_of(self, values: Sequence[Any], key: str) -> Any:
        """One of `values` that the implementation takes, else one that it lists; None where there is none."""
        taken = [value for value in values if self._terms.takes(key, value)] or list(self._terms.values.get(key, ()))
        return self._dice.choice(taken) if taken else None

    def _holds(self, account: Account, event: str) -> int:
        """The tokens that a charge can be about."""
        pools = RACES.charges.get(event, TOTAL_POOLS)
        return sum(int(account.row[self._at[pool]]) for pool in pools)

    def _sendable(self, record: Record) -> bool:
        keys = self._keys.get(record["event"])
        return keys is not None and all(
            value is not None and self._terms.takes(key, value, keys.get(key, False))
            for key, value in record.items()
            if key != "event"
        )

    def _new(self, letter: str) -> str:
        self._number += 1
        return f"{letter}{self._number}"

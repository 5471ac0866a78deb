"""Short runs of one account, found by a breadth-first search: every path to a situation that no shorter one reaches.

Two accounts are in one situation if status, plans and due jobs are the same, and each pool is empty, full, or
between. Time advances to the next due job, to the last day's mark before a renewal, or by several months at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec import structs

from tokenspec.machine.interpreters.compiled import Fields, Outcome, Row
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.fuzz.moves import moves
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, NAME, START, Record, Script, a_minute_on, records_of
from tokenspec.oracle.wire.resets import unwritten
from tokenspec.spec.words import APP_POOLS, NONE

_WAITS = 2
"""The largest number of waits between two records: until one job falls due, and until the next."""
_MONTHS = 4
"""The number of renewals that fall due in a wait of several months."""


class PathStep(NamedTuple):
    """A step of the account's machine within a run."""

    event: str
    fields: Fields
    before: Row
    outcome: Outcome
    after: str
    """The rule before it in the run."""


@dataclass(eq=False)
class PathNode:
    """A run so far: its last record (None where only time has passed), and its result."""

    before: PathNode | None
    record: Record | None
    account: Account
    now: int
    rule: str = ""
    waits: int = 0
    length: int = 0

    def records(self) -> list[Record]:
        """Returns all records, the first one first."""
        found: list[Record] = []
        way: PathNode | None = self
        while way is not None:
            if way.record is not None:
                found.append(way.record)
            way = way.before
        return found[::-1]


@dataclass(eq=False)
class PathEdge:
    """One more record after a path, and its steps, with those of the time that passed before it."""

    way: PathNode
    record: Record
    steps: list[PathStep]
    then: PathNode | None = None
    """The path it leads to, where runs continue from there."""

    def records(self) -> list[Record]:
        """Returns the run that ends with the edge."""
        return [*self.way.records(), self.record]


class PathSearch:
    """Searches paths in the world of `oracle`, with accounts of its own.

    `by_rules` searches every rule after every other: figures then count for less, and a request for a price is a rule too.
    """

    def __init__(self, oracle: Oracle, by_rules: bool = False) -> None:
        self._oracle, self._by_rules = oracle, by_rules
        self._at = {v.name: index for index, v in enumerate(oracle.machine.variables)}

    def edges(self, script: Script, ways_max: int) -> Iterator[PathEdge]:
        """Yields every edge of the first `ways_max` paths that begin with the script, those of shorter paths first."""
        first = self._first(script)
        seen, probed = {self._situation(first.account, "")}, set[Any]()
        waiting = deque([(first, list[PathStep]())])
        for _ in range(ways_max):
            if not waiting:
                return
            way, passed = waiting.popleft()
            bare = self._situation(way.account, None)
            is_new = bare not in probed
            probed.add(bare)
            for record, goes_on in self._records(way):
                if not goes_on and (self._by_rules or not is_new):
                    continue
                account, steps, rule = self._played(way, record)
                edge = PathEdge(way, record, passed + steps)
                if goes_on and steps[0].outcome[0] >= 0:
                    key = self._situation(account, rule)
                    if key not in seen:
                        seen.add(key)
                        at = record["at"]
                        edge.then = PathNode(way, record, account, at, rule, 0, way.length + 1)
                        waiting.append((edge.then, []))
                yield edge
            for later, steps in self._later(way):
                key = self._situation(later.account, later.rule)
                if key not in seen:
                    seen.add(key)
                    waiting.append((later, passed + steps))
                elif self._by_rules:
                    look = {"account": NAME, "at": later.now, **LOOK}
                    yield PathEdge(later, look, passed + steps + self._played(later, look)[1])

    def _first(self, script: Script) -> PathNode:
        """Returns the path of the script."""
        oracle = self._oracle.fork({})
        way = PathNode(None, None, oracle.memory.begun(oracle.compiled.initial), parse_instant(START))
        for length, record in enumerate(self.of_script(script, oracle), 1):
            account, _, rule = self._played(way, record)
            way = PathNode(way, record, account, record["at"], rule, 0, length)
        last = max((account.last_at or 0 for account in oracle.accounts.values()), default=0)
        if last > way.now:
            account, _, rule = self._played(way, last)
            way = PathNode(way, None, account, last, rule, 1, way.length)
        return way

    def of_script(self, script: Script, oracle: Oracle, start: str = START) -> Iterator[Record]:
        """Yields the records of the script, each once `oracle` has run it."""
        return records_of(script, oracle, start)

    def _records(self, way: PathNode) -> Iterator[tuple[Record, bool]]:
        at = way.now if way.waits or not way.length else a_minute_on([way.account], way.now)
        for found, goes_on in moves(way.account, self._at, self._oracle.catalogue):
            if found["event"] not in unwritten(self._oracle.resets):
                yield {"account": NAME, "at": at, **found}, goes_on or (self._by_rules and found["event"] == "quote")

    def _later(self, way: PathNode) -> Iterator[tuple[PathNode, list[PathStep]]]:
        account = way.account
        if way.waits == _WAITS:
            return
        # A catalogue may have no daily tokens.
        daily = None if account.daily is None else account.daily.upcoming
        instants = [] if daily is None else [daily]
        if account.renewal is not None:
            dial = structs.replace(account.renewal)
            mark = 0 if daily is None else dial.upcoming - (dial.upcoming - daily) % DAY_MS
            instants += [dial.upcoming, mark] if daily is not None and mark > daily else [dial.upcoming]
            for _ in range(_MONTHS - 1):
                self._oracle.clocks["renewal"].pass_one(dial)
            instants.append(dial.upcoming)
        for at in instants:
            after, steps, rule = self._played(way, at)
            yield PathNode(way, None, after, at, rule, way.waits + 1, way.length), steps

    def _played(self, way: PathNode, what: Record | int) -> tuple[Account, list[PathStep], str]:
        account, oracle, rule = way.account.copy(), self._oracle, way.rule
        steps = (
            oracle.advance(account, what) if isinstance(what, int) else oracle.step(oracle.reader.convert(what), account).steps
        )
        taken: list[PathStep] = []
        for step in steps:
            taken.append(PathStep(step.event, step.fields, step.before, step.outcome, rule))
            if step.outcome[0] >= 0:
                rule = oracle.compiled.rules[step.outcome[0]]
        return account, taken, rule

    def _situation(self, account: Account, rule: str | None) -> Any:
        """Returns a key that is equal for accounts, after one rule, that need no distinction; None as rule ignores the rule."""
        row: Any = account.row
        if self._by_rules:
            return self._lifecycle(account, rule)
        plan = self._oracle.catalogue.plans[row[self._at["plan"]]]
        full = (self._oracle.catalogue.daily, plan.allowance, self._oracle.catalogue.bank_months * plan.allowance)
        filled = tuple(_filled(row[self._at[p]], most) for p, most in zip(("daily", "fast", "rollover"), full, strict=True))
        scheduled = row[self._at["scheduled_plan"]] != NONE
        due = min(row[self._at["renewals_due"]], 2), row[self._at["daily_reset_due"]]
        more = row[self._at["topup"]] > 0, min(row[self._at["api"]], 101)
        return row[0], row[self._at["plan"]], scheduled, filled, due, more, rule, _last_job(account) if rule is not None else ()

    def _lifecycle(self, account: Account, rule: str | None) -> Any:
        row: Any = account.row
        daily, *others = (row[self._at[pool]] > 0 for pool in APP_POOLS)
        scheduled = row[self._at["scheduled_plan"]] != NONE
        due = min(row[self._at["renewals_due"]], 2), row[self._at["daily_reset_due"]]
        last = _last_job(account)
        refundable = last is not None and any(last[0]) and not last[2]
        dials = account.renewal, account.daily
        next_is_renewal = all(dials) and dials[0].upcoming < dials[1].upcoming  # type: ignore[union-attr]
        pools = daily, any(others), row[self._at["api"]] > 0
        return row[0], row[self._at["plan"]], scheduled, pools, due, rule, refundable, next_is_renewal


def _filled(tokens: int, most: int) -> int:
    return 0 if tokens == 0 else 2 if tokens == most else 3 if tokens > most else 1


def _last_job(account: Account) -> Any:
    """Returns the facts that a refund of the last job depends on."""
    for entry in reversed(account.entries.values()):
        lasts = tuple(one == other for one, other in zip(entry.since, account.ended, strict=True))
        *parts, _, refunded = entry.held
        return tuple(part > 0 for part in parts if isinstance(part, int)), lasts, refunded
    return None


def written(record: Record) -> Record:
    """Returns the record with its instant as sent."""
    return record | {"at": format_instant(record["at"])}

"""Short runs of one account, found by a breadth-first search: every path to a situation that no shorter one reaches.

Two accounts are in one situation if states and due jobs are the same, and the same pools are empty. Time advances to where
the next clock falls due, to the last mark of one clock before another, or by several of them at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from heapq import heappop, heappush
from itertools import count, islice
from typing import Any, TypeAlias

from msgspec import Struct, structs

from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.interpreters.compiled import Fields, Outcome, Row
from tokenspec.machine.lang.declaration import Origin
from tokenspec.machine.lang.types import Tokens
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import POOLS, AnyCatalogue, hint
from tokenspec.oracle.base.specification import account as the_account
from tokenspec.oracle.fuzz.moves import moves
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account
from tokenspec.oracle.runtime.memory import KEY, begins
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, NAME, SLOWEST, START, Move, Record, Script, a_minute_on, records_of
from tokenspec.oracle.wire.records import Record as ReadRecord
from tokenspec.oracle.wire.resets import unwritten

_WAITS = 2
"""The largest number of waits between two records: until one job falls due, and until the next."""
_MONTHS = 4
"""The number of renewals that fall due in a wait of several months."""
_CLOCK_OF = {clock.job: clock.name for clock in the_account().clocks}


class PathStep(Struct, frozen=True, gc=False):
    """A step of the account's machine within a run."""

    event: str
    fields: Fields
    before: Row
    outcome: Outcome
    after: str
    """The rule before it in the run."""


_Next: TypeAlias = tuple[Record, ReadRecord, bool]

_KEPT = 1_024
"""The largest number of accounts whose next records are kept: other ways come to most of them again."""


class PathNode(Struct, eq=False, gc=False):
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


class PathEdge(Struct, eq=False, gc=False):
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
        self.oracle, self._by_rules = oracle, by_rules
        self._at = {v.name: index for index, v in enumerate(oracle.machine.variables)}
        self._unwritten = unwritten(oracle.resets)
        self._key: Situation = hint("situation") or _situation
        self._tried: dict[tuple[Row, tuple[str, ...]], list[_Next]] = {}
        self._waited: tuple[PathNode | None, dict[int, PathNode]] = None, {}

    @property
    def begun(self) -> Script:
        """The script with which runs begin."""
        return ()

    def edges(self, script: Script, ways_max: int, for_pairs: bool = False) -> Iterator[PathEdge]:
        """Yields every edge of the first `ways_max` paths that begin with the script, those of shorter paths first.

        `for_pairs` looks for pairs of accepting rules alone: short paths go first whose last rule few have, and edges
        that end with a refusal are left out, as long as another one tells of the time before it.
        """
        yield from self.edges_after(self._first(script), ways_max, for_pairs)

    def edges_after(
        self, first: PathNode, ways_max: int, for_pairs: bool = False, by_last_rule: bool = True
    ) -> Iterator[PathEdge]:
        """Yields the edges of paths that begin with `first`; situations count as others after another rule if `by_last_rule`."""
        seen, probed = {self._situation(first.account, "")}, set[Any]()
        waiting, added, numbers = [(0, 0, first, list[PathStep]())], Counter[str](), count(1)

        def add(then: PathNode, passed: list[PathStep]) -> None:
            added[then.rule] += 1
            heappush(waiting, (added[then.rule] + 2 * then.length if for_pairs else 0, next(numbers), then, passed))

        for _ in range(ways_max):
            if not waiting:
                return
            _, _, way, passed = heappop(waiting)
            bare = self._situation(way.account, None)
            is_new = bare not in probed
            probed.add(bare)
            is_told = not passed
            for record, read, goes_on in self._records(way, is_new and not self._by_rules):
                if for_pairs and is_told and self.oracle.refuses(read, way.account):
                    # Between the two nothing falls due.
                    continue
                account, steps, rule = self._played(way, read)
                is_told = True
                edge = PathEdge(way, record, passed + steps)
                if goes_on and steps[0].outcome[0] >= 0:
                    key = self._situation(account, rule if by_last_rule else "")
                    if key not in seen:
                        seen.add(key)
                        at = record["at"]
                        edge.then = PathNode(way, record, account, at, rule, 0, way.length + 1)
                        add(edge.then, [])
                yield edge
            for later, steps in self._later(way):
                key = self._situation(later.account, later.rule if by_last_rule else "")
                if key not in seen:
                    seen.add(key)
                    add(later, passed + steps)
                elif self._by_rules:
                    look = {"account": NAME, "at": later.now, **LOOK}
                    yield PathEdge(later, look, passed + steps + self._played(later, self.oracle.reader.convert(look))[1])

    def at_once(self, way: PathNode, events: Sequence[str]) -> PathNode | None:
        """Returns a path on which these events are accepted after `way`, nothing else in between; None where there is none."""
        if not events:
            return way
        for record, read, _ in self._records(way, True):
            if record["event"] == events[0] and not self.oracle.refuses(read, way.account):
                account, _, rule = self._played(way, read)
                then = PathNode(way, record, account, record["at"], rule, 0, way.length + 1)
                found = self.at_once(then, events[1:])
                if found is not None:
                    return found
        return None

    def then(self, way: PathNode, move: Move) -> PathNode | None:
        """Returns a path on which a move is accepted after `way`: at once, or when the clock of the job falls due next.

        None where there is none. What is no job waits for the slowest clock. An entry that it names is a new one, which takes
        all that is held where it can, or the last one.
        """
        entries, event = way.account.entries, move["event"]
        new, last = f"{KEY[:1]}{len(entries) + 1}", next(reversed(entries), "")
        named = {KEY: new if begins(event) else last} if KEY in move else {}
        plain: Record = {"account": NAME, **move, **named, "at": a_minute_on([way.account], way.now)}
        most = sum(self.oracle.app_balances(way.account.row)) if begins(event) else 0
        larger = {key: kind.nearest(most) for key, kind in _numbers(event).items() if most > move[key]}
        for record in (plain | larger, plain):
            read = self.oracle.reader.convert(record)
            if is_now := not self.oracle.refuses(read, way.account):
                break
        if not is_now:
            own = _CLOCK_OF.get(event)
            dial = way.account.dial(own) if own is not None else next(map(way.account.dial, SLOWEST.clocks), None)
            if dial is None or dial.upcoming >= NEVER:
                return None
            later = max(record["at"], dial.upcoming)
            read.at = record["at"] = later
            way = self._waited_until(way, later)
            if self.oracle.refuses(read, way.account):
                return None
        if self._is_barred(read, way.account):
            return None
        account, _, rule = self._played(way, read)
        return PathNode(way, record, account, record["at"], rule, 0, way.length + 1)

    def _waited_until(self, way: PathNode, at: int) -> PathNode:
        """Returns the path on which time passes after `way`; those after one path are kept until another one is asked for."""
        if self._waited[0] is not way:
            self._waited = way, {}
        if at not in self._waited[1]:
            account, _, rule = self._played(way, at)
            self._waited[1][at] = PathNode(way, None, account, at, rule, 1, way.length)
        return self._waited[1][at]

    def _is_barred(self, record: ReadRecord, account: Account) -> bool:
        """Returns whether runs of the search do not have a record."""
        return False

    def situation(self, way: PathNode) -> Any:
        """Returns a key that is equal for paths whose ends need no distinction."""
        return self._situation(way.account, None)

    def _first(self, script: Script) -> PathNode:
        """Returns the path of the script."""
        oracle = self.oracle.fork({})
        way = PathNode(None, None, oracle.memory.begun(oracle.compiled.initial), parse_instant(START))
        for length, record in enumerate(self.of_script(script, oracle), 1):
            account, _, rule = self._played(way, oracle.reader.convert(record))
            way = PathNode(way, record, account, record["at"], rule, 0, length)
        last = max((account.last_at or 0 for account in oracle.accounts.values()), default=0)
        if last > way.now:
            account, _, rule = self._played(way, last)
            way = PathNode(way, None, account, last, rule, 1, way.length)
        return way

    def of_script(self, script: Script, oracle: Oracle, start: str = START) -> Iterator[Record]:
        """Yields the records of the script, each once `oracle` has run it."""
        return records_of(script, oracle, start)

    def next_records(self, account: Account, now: int, most: int) -> Iterator[Record]:
        """Yields the first records that the search would try next, the plainest first."""
        yield from (record for record, *_ in islice(self._records(PathNode(None, None, account, now, length=1), True), most))

    def _records(self, way: PathNode, is_new: bool) -> Iterator[_Next]:
        """Yields the next records, each as it is read, and whether runs continue after it; with those after which they do not
        if `is_new`.

        What is read is the same object for all accounts with one row and the same entries.
        """
        at = way.now if way.waits or not way.length else a_minute_on([way.account], way.now)
        key = way.account.row, tuple(way.account.entries)
        if key not in self._tried:
            if len(self._tried) >= _KEPT:
                self._tried.clear()
            self._tried[key] = list(self._next(way))
        for record, read, goes_on in self._tried[key]:
            if goes_on or is_new:
                read.at = at
                yield {**record, "at": at}, read, goes_on

    def _next(self, way: PathNode) -> Iterator[_Next]:
        for found, goes_on in moves(way.account, self._at, self.oracle.catalogue):
            goes_on = goes_on or (self._by_rules and found["event"] == LOOK["event"])
            if (goes_on or not self._by_rules) and found["event"] not in self._unwritten:
                record = self._as_taken({"account": NAME, "at": way.now, **found})
                if record is not None:
                    yield record, self.oracle.reader.convert(record), goes_on

    def _as_taken(self, record: Record) -> Record | None:
        """Returns the record as runs of the search have it; None where they have none."""
        return record

    def _later(self, way: PathNode) -> Iterator[tuple[PathNode, list[PathStep]]]:
        running = [(name, dial) for name, dial in zip(CLOCK_AT, way.account.dials, strict=True) if dial is not None]
        if way.waits == _WAITS or not running:
            return
        # The clock that is declared last is looked at first: until it falls due, and until each other one does.
        (last, first), *others = reversed(running)
        instants = [first.upcoming]
        for name, dial in others:
            instants.append(dial.upcoming)
            if dial.upcoming > first.upcoming:
                mark = self.oracle.clocks[last].pass_until(structs.replace(first), dial.upcoming)
                instants += [mark] if mark > first.upcoming else []
            further = structs.replace(dial)
            for _ in range(_MONTHS - 1):
                self.oracle.clocks[name].pass_one(further)
            instants.append(further.upcoming)
        # A clock that falls due once may be past it.
        for at in (each for each in instants if each < NEVER):
            after, steps, rule = self._played(way, at)
            yield PathNode(way, None, after, at, rule, way.waits + 1, way.length), steps

    def _played(self, way: PathNode, what: ReadRecord | int) -> tuple[Account, list[PathStep], str]:
        account, oracle, rule = way.account.copy(), self.oracle, way.rule
        steps = oracle.advance(account, what) if isinstance(what, int) else oracle.steps_of(what, account)
        taken: list[PathStep] = []
        for step in steps:
            taken.append(PathStep(step.event, step.fields, step.before, step.outcome, rule))
            if step.outcome[0] >= 0:
                rule = oracle.compiled.rules[step.outcome[0]]
        return account, taken, rule

    def _situation(self, account: Account, rule: str | None) -> Any:
        """Returns a key that is equal for accounts, after one rule, that need no distinction; None as rule ignores the rule."""
        return self._key(account, self._at, self.oracle.catalogue, rule, self._by_rules)


@cache
def _numbers(event: str) -> dict[str, Tokens]:
    """Returns the numbers that a record of an event brings, with their types."""
    fields = the_account().event_named[event].fields
    return {field.key: field.type for field in fields if isinstance(field.type, Tokens) and field.origin is Origin.PAYLOAD}


Situation: TypeAlias = Callable[[Account, Mapping[str, int], Any, str | None, bool], Any]


def _situation(account: Account, at: Mapping[str, int], catalogue: AnyCatalogue, rule: str | None, by_rules: bool) -> Any:
    """Distinguishes what is no number, which pools are empty, what is due, and how the last entry stands."""
    row: Any = account.row
    words = tuple(value for value in row if not isinstance(value, int) or isinstance(value, bool))
    pools = tuple((row[at[pool]] > 0) - (row[at[pool]] < 0) for pool in POOLS)
    counts = tuple(min(row[n], 2) for name, n in at.items() if name not in POOLS and type(row[n]) is int)
    due = tuple(sorted(n for n, dial in enumerate(account.dials) if dial is not None and dial.is_waiting))
    last = next(reversed(account.entries.values()), None)
    entry = () if last is None else tuple(value > 0 if type(value) is int else value for value in last.held)
    return words, pools, counts, due, rule, entry if rule is not None or by_rules else ()


def written(record: Record) -> Record:
    """Returns the record with its instant as sent."""
    return record | {"at": format_instant(record["at"])}

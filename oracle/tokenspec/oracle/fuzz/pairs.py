"""Pairs of rules that accept events of one account, one directly after the other: those that a search reaches.

The search is the one that vectors are built from (`paths.py`), restricted to what an implementation takes.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any

from tokenspec.machine.fuzzing.coverage import Met
from tokenspec.machine.lang.declaration import Actor, Machine, Rule
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import Tokens
from tokenspec.oracle.base.specification import SPEC
from tokenspec.oracle.fuzz.fitting import fit
from tokenspec.oracle.fuzz.paths import PathEdge, PathNode, PathSearch, PathStep
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY, begins, refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, SLOWEST_CLOCK, START, Record, Script, move, records_of
from tokenspec.oracle.runtime.steps import MachineStep
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.wire.records import Record as ReadRecord

Pair = tuple[str, str]
Named = tuple[str, ...]
"""An event, and what its record names beside an entry."""
_Kind = tuple[str, str]
"""An event, and its rule if it begins an entry."""
_Key = tuple[tuple[_Kind, int], ...]
_Four = tuple[tuple[Record, ...], _Key]
"""Moves, and the key of four in a row that they complete."""

_WAYS = 1_300
"""The number of paths followed in the search for every rule after every other; many times as many come to 1 or 2 pairs more."""
_WAYS_IN_BREADTH = 500
"""The number of paths followed in the search for single rules and refusals."""

_WAYS_TO_AGAIN = 60
"""The number of paths followed from an accepted event to the next one that is the same."""
_LONGEST = 40
"""The number of events after which a run of sequences ends."""
_NOT_NAMED = {"event", "account", KEY}
_TRIES = 8
"""The number of runs tried for a pair that the search came to only by stopping where no record is."""


@dataclass
class RulePairs:
    """The pairs that the search reached, each with a run that meets it, and how often each pair was met."""

    hits: Counter[Pair] = field(default_factory=Counter)
    reached: dict[Pair, list[Record]] = field(default_factory=dict)
    first: dict[tuple[str, ...], PathNode] = field(default_factory=dict)
    """By event, with what it names beside an entry, the first path on which it is accepted, of those with few others before."""
    by_state: dict[tuple[Any, ...], PathNode] = field(default_factory=dict)
    """The same by the state of the account at the end as well."""
    is_whole: bool = False
    """True if the search came to its end."""

    @property
    def not_met(self) -> list[Pair]:
        """Returns the pairs that were reached by the search, and never met."""
        return [pair for pair in self.reached if not self.hits[pair]]

    def shortest(self) -> Iterator[list[Record]]:
        """Yields, for each event with what it names beside an entry, the shortest run that ends with it."""
        return iter({_named(run[-1]): run for run in sorted(self.reached.values(), key=len, reverse=True)}.values())

    @property
    def per_cent(self) -> float:
        """Returns the share of the reached pairs that were met; 100 where none can be."""
        return 100 - 100 * len(self.not_met) / len(self.reached) if self.reached else 100.0


class TakenSearch(PathSearch):
    """A search among the records that an implementation takes, named as `rename` names them; `keys` are the fields by event."""

    def __init__(
        self,
        oracle: Oracle,
        terms: Capabilities,
        keys: Mapping[str, Mapping[str, bool]],
        by_rules: bool = False,
        rename: Callable[[Record], Record] = lambda record: record,
    ) -> None:
        super().__init__(oracle, by_rules)
        self._terms, self._keys, self._rename = terms, keys, rename

    @property
    def begun(self) -> Script:
        """The script with which runs begin: an account that begins by itself is opened all the same."""
        return () if self._terms.opens_accounts else (move(SPEC.opening.name),)

    def of_script(self, script: Script, oracle: Oracle, start: str = START) -> Iterator[Record]:
        """Yields the records of the script that are taken, each once `oracle` has run it."""
        return records_of(script, oracle, start, lambda record: self.taken(self._rename(record), oracle))

    def taken(self, record: Record, oracle: Oracle) -> Record | None:
        """Returns the record as it is taken in the world of `oracle`, which it does not change; None where it is not.

        Accounts are opened in any case.
        """
        if record["event"] == SPEC.opening.name and not self._terms.opens_accounts:
            return record
        return self._taken(record, oracle.accounts.get(record["account"]) or oracle.memory.begun(oracle.compiled.initial))

    def _records(self, way: PathNode, is_new: bool) -> Iterator[tuple[Record, ReadRecord, bool]]:
        found = super()._records(way, is_new)
        return (each for each in found if not self._is_barred(each[1], way.account)) if self._terms.looks_ahead else found

    def _taken(self, record: Record, account: Account) -> Record | None:
        taken = self._as_taken(record)
        return None if taken is None or self._is_barred(self.oracle.reader.convert(taken), account) else taken

    def _as_taken(self, record: Record) -> Record | None:
        event, oracle = record["event"], self.oracle
        if event not in self._terms.events:
            return None
        return fit(record, self._terms, self._keys[event], oracle.catalogue, oracle.reader, 0)

    def _is_barred(self, record: ReadRecord, account: Account) -> bool:
        return self._terms.looks_ahead and bool(self._terms.bars(self.oracle.step(record, account.copy()).answer))


def pairs_in(oracle: Oracle, steps: Sequence[MachineStep]) -> Iterator[Pair]:
    """Yields each pair of rules in the steps of one account."""
    after = ""
    for step in steps:
        if step.outcome[0] >= 0:
            rule = oracle.compiled.rules[step.outcome[0]]
            if after:
                yield after, rule
            after = rule


def search_pairs(pairs: RulePairs, search: PathSearch) -> Iterator[list[Pair]]:
    """Adds what a search by rules reaches to `pairs`, and yields the new ones of each edge of the search, mostly none."""
    tried, oracle, rules = Counter[Pair](), search.oracle, search.oracle.compiled.rules
    for edge in search.edges(search.begun, _WAYS, for_pairs=True):
        if edge.then is not None and (what := accepted(edge)):
            pairs.first.setdefault(what, edge.then)
            pairs.by_state.setdefault((edge.then.account.row[oracle.control], *what), edge.then)
        met = [(step.after, rules[step.outcome[0]]) for step in edge.steps if step.after and step.outcome[0] >= 0]
        new = {pair for pair in met if pair not in pairs.reached and tried[pair] < _TRIES}
        found: list[Pair] = []
        if new:
            tried.update(new)
            records = edge.records()
            # Without a record, several steps of time become one, so the run is executed anew.
            found = [p for p in dict.fromkeys(pairs_in(oracle, _steps(oracle, records))) if p not in pairs.reached]
            pairs.reached |= dict.fromkeys(found, records)
        yield found
    pairs.is_whole = True


def runs_again(pairs: RulePairs, search: TakenSearch) -> Iterator[tuple[list[Record], list[Record]]]:
    """Yields a run for each event, with what it names beside an entry, in which it is accepted twice in one account.

    A run is in two parts, each of which ends with the event. Nothing that is done a second time is a repeat of the first time.
    Each continues the path on which `search_pairs` came to it.
    """
    oracle = search.oracle
    for what, first in pairs.first.items():
        ways = search.edges_after(first, _WAYS_TO_AGAIN, for_pairs=True, by_last_rule=False)
        later = next((later for later in ways if accepted(later) == what), None)
        if later is not None:
            records, length = later.records(), len(first.records())
            yield records[:length], records[length:]
        elif first.record is not None and not oracle.refuses(oracle.reader.convert(first.record), first.account):
            yield first.records(), [first.record]


def chains(search: PathSearch, paths: Iterable[PathNode]) -> Iterator[list[Record]]:
    """Yields runs in which an event comes again after another one and what undoes that, all of them within minutes.

    Each begins with one of the paths, which end with the event.
    """
    found = set[tuple[Any, ...]]()
    for way in paths:
        assert way.record is not None
        event = way.record["event"]
        for between in undone(search.oracle.machine):
            what = event, between, way.account.row[search.oracle.control]
            if what not in found and (end := search.at_once(way, (*between, event))) is not None:
                found.add(what)
                yield end.records()


class Sequences:
    """Runs that hold every four events in a row that are wanted and that a search comes to, in few records.

    Wanted are events that set or undo something, a job of another clock among them; the same around an entry that is begun and
    referred to at the end; an event that comes again after one was undone; and any one event before what it follows is undone.
    The search takes situations for one that differ in amounts alone. Fours that name the same thing twice are others.
    """

    def __init__(self, search: PathSearch, runs: Iterable[Sequence[Record]]) -> None:
        machine = search.oracle.machine
        self._search, self._pairs = search, set(undone(machine))
        self._setting = {event for pair in self._pairs if not begins(pair[0]) for event in pair}
        self._jobs = {clock.job for clock in machine.clocks} - self._setting
        named = {_named(record): record for run in reversed([*runs]) for record in run}
        asks = (SPEC.opening.name, LOOK["event"])
        self._moves = [(what, record) for what, record in reversed(named.items()) if what[0] not in asks]
        self._events = dict.fromkeys(what[0] for what, _ in self._moves)
        # Places and steps are numbered: the tuples that they stand for are looked up many times.
        self._places: dict[Any, int] = {}
        self._steps: dict[Named, int] = {}
        self._kinds: list[_Kind] = []
        self._leads: dict[tuple[str, ...], set[str]] = {}
        self._done = set[tuple[int, tuple[int, ...]]]()
        self._met = set[_Key]()
        self._at: list[PathNode] = []
        self._after: dict[int, list[tuple[Record, int, int]]] = {}
        self._left: dict[int, tuple[Iterator[_Four], list[_Four]]] = {}

    def runs(self, paths: Iterable[PathNode]) -> Iterator[list[Record]]:
        """Yields the runs, each of which begins with one of the paths and ends with a job of the slowest clock."""
        left = list(paths)
        jobs = [record for _, record in self._moves if SLOWEST_CLOCK is not None and record["event"] == SLOWEST_CLOCK.job]
        while left:
            for way in left.copy():
                end = self._longest(way)
                if end is way:
                    left.remove(way)
                    continue
                closed = next((then for job in jobs if (then := self._search.then(end, job)) is not None), end)
                yield closed.records()

    def _longest(self, way: PathNode) -> PathNode:
        """Returns the path that goes on from `way` as long as something new can be reached."""
        last, longest = [self._step(what) for what in _told(way)], way.length + _LONGEST
        while way.length < longest and (found := self._to_new(way, tuple(last[-3:]))) is not None:
            steps, key = found
            self._met.add(key)
            end, then = way, last.copy()
            for step in steps:
                after = self._search.then(end, step)
                if after is None:
                    # It is taken as met: amounts speak against it.
                    break
                end = after
                then.append(self._step((*_named(step), end.rule)))
            else:
                self._met.update(self._alike(then[number - 4 : number]) for number in range(len(last) + 1, len(then) + 1))
                way, last = end, then
        return way

    def _step(self, what: Named) -> int:
        """Returns the number of an event, with what it names and its rule."""
        number = self._steps.setdefault(what, len(self._steps))
        if number == len(self._kinds):
            self._kinds.append((what[0], what[-1] if begins(what[0]) else ""))
        return number

    def _place(self, way: PathNode) -> int:
        """Returns the number of the situation at the end of a path."""
        number = self._places.setdefault(self._search.situation(way), len(self._places))
        if number == len(self._at):
            self._at.append(way)
        return number

    def _alike(self, four: Sequence[int]) -> _Key:
        """Returns the events, each with the rule of one that begins an entry, and the place of the first that names the same."""
        return tuple([(self._kinds[step], four.index(step)) for step in four])

    def _to_new(self, way: PathNode, last: tuple[int, ...]) -> _Four | None:
        """Returns few moves that complete what is wanted and not met; None where there is none."""
        here = self._place(way)
        for begun in (last[number:] for number in range(len(last))):
            for found in self._fours(here, begun, ()):
                return found
        seen, waiting = {here}, deque[tuple[int, tuple[Record, ...]]]([(here, ())])
        while waiting:
            there, before = waiting.popleft()
            if (first := self._from(there)) is not None:
                steps, key = first
                return (*before, *steps), key
            for taken, _, then in self._ways(there):
                if then not in seen:
                    seen.add(then)
                    waiting.append((then, (*before, taken)))
        return None

    def _from(self, here: int) -> _Four | None:
        """Returns the first four that begin in a situation and are not met; None where all are."""
        more, first = self._left.setdefault(here, (self._fours(here, (), ()), []))
        while not first or first[0][1] in self._met:
            first[:] = islice(more, 1)
            if not first:
                return None
        return first[0]

    def _fours(self, here: int, begun: tuple[int, ...], steps: tuple[Record, ...]) -> Iterator[_Four]:
        """Yields the moves that complete four in a row that are wanted, and the key of the four, after those begun.

        Who asks for the next ones has met those before.
        """
        if (here, begun) in self._done:
            return
        wanted = self._wanted_after(tuple([self._kinds[step][0] for step in begun]))
        for taken, step, there in self._ways(here) if wanted else ():
            if self._kinds[step][0] in wanted:
                now = *begun, step
                if len(now) < 4:
                    yield from self._fours(there, now, (*steps, taken))
                elif (alike := self._alike(now)) not in self._met:
                    yield (*steps, taken), alike
        self._done.add((here, begun))

    def _wanted_after(self, begun: tuple[str, ...]) -> set[str]:
        """Returns the events that lead on to four that are wanted."""
        if begun not in self._leads:
            is_wanted = self._is_wanted if len(begun) == 3 else self._wanted_after
            self._leads[begun] = {event for event in self._events if is_wanted((*begun, event))}
        return self._leads[begun]

    def _ways(self, here: int) -> list[tuple[Record, int, int]]:
        """Returns the moves that are accepted in a situation, each with its number and that of the situation after it."""
        if here not in self._after:
            ways = [(what, taken, self._search.then(self._at[here], taken)) for what, taken in self._moves]
            self._after[here] = [(taken, self._step((*what, then.rule)), self._place(then)) for what, taken, then in ways if then]
        return self._after[here]

    def _is_wanted(self, four: tuple[str, ...]) -> bool:
        one, two, three, last = four
        others = [event for event in (one, two, three) if not (begins(event) and (event, last) in self._pairs)]
        if len(others) == 2 or (last in self._setting and len(others) == 3):
            # One job of a shorter period at most, and nothing else that sets nothing; anything before an entry's event.
            left = [event for event in others if event not in self._setting]
            if not left or (len(left) == 1 and (left[0] in self._jobs or (left[0] == one and others == [one, two]))):
                return True
        if one == last and (two, three) in self._pairs:
            return True
        return last in self._setting and not begins(one) and (one, three) in self._pairs


@cache
def undone(machine: Machine) -> list[Pair]:
    """Returns each event with one that undoes it: it leads back, resets what is no number, or refers to the entry begun."""
    words = {v.name for v in machine.variables if not isinstance(v.type, Tokens)}
    rules = [(event.name, rule) for event in machine.events if event.actor is not Actor.CLOCK for rule in event.rules]

    def undoes(undoing: Rule, rule: Rule) -> bool:
        leads_back = rule.target in undoing.source and undoing.target in rule.source and rule.target != undoing.target
        before = {a.name: a.value for a in rule.effect if a.name in words}
        resets = (a for a in undoing.effect if a.name in before and isinstance(a.value, Lit) and a.value != before[a.name])
        return leads_back or any(resets)

    pairs = ((one, two) for one, rule in rules for two, other in rules if undoes(other, rule) or (begins(one) and refers(two)))
    return list(dict.fromkeys(pairs))


def accepted(edge: PathEdge) -> tuple[str, ...]:
    """Returns the event of the last record, and what it names beside an entry; nothing where it is not accepted."""
    step, record = edge.steps[-1], edge.record
    return _named(record) if step.event == record["event"] and step.outcome[0] >= 0 else ()


def _told(way: PathNode) -> list[Named]:
    """Returns the events of a path, each with what it names and its rule."""
    found, node = list[Named](), way
    while node.before is not None:
        if node.record is not None:
            found.append((*_named(node.record), node.rule))
        node = node.before
    return found[::-1]


def _named(record: Record) -> Named:
    return record["event"], *(said for key, said in record.items() if key not in _NOT_NAMED and type(said) is str)


def _steps(oracle: Oracle, records: Sequence[Record]) -> list[MachineStep]:
    fresh = oracle.fork({})
    return [step for record in records for step in fresh.step(fresh.reader.convert(record)).steps]


def runs_to(wanted: Sequence[Met], search: TakenSearch) -> Iterator[list[Record]]:
    """Yields a run for each of these rules and refusals that a search in breadth comes to."""
    left = set(wanted)
    for edge in search.edges(search.begun, _WAYS_IN_BREADTH):
        if not left:
            return
        met = {(step.event, _outcome(search.oracle, step)) for step in edge.steps} & left
        if met:
            left -= met
            yield edge.records()


def _outcome(oracle: Oracle, step: PathStep) -> str:
    index = step.outcome[0]
    return oracle.compiled.rules[index] if index >= 0 else f"refused: {oracle.compiled.codes[-1 - index]}"

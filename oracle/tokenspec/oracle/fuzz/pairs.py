"""Pairs of rules that accept events of one account, one directly after the other: those that a search reaches.

The search is the one that vectors are built from (`paths.py`), restricted to what an implementation takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tokenspec.machine.fuzzing.coverage import Met
from tokenspec.oracle.base.specification import SPEC
from tokenspec.oracle.fuzz.fitting import fit
from tokenspec.oracle.fuzz.paths import PathEdge, PathNode, PathSearch, PathStep
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import START, Record, Script, move, records_of
from tokenspec.oracle.runtime.steps import MachineStep
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.wire.records import Record as ReadRecord

Pair = tuple[str, str]

_WAYS = 1_300
"""The number of paths followed in the search for every rule after every other; many times as many come to 1 or 2 pairs more."""
_WAYS_IN_BREADTH = 500
"""The number of paths followed in the search for single rules and refusals."""

_WAYS_TO_AGAIN = 60
"""The number of paths followed from an accepted event to the next one that is the same."""
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
    is_whole: bool = False
    """True if the search came to its end."""

    @property
    def not_met(self) -> list[Pair]:
        """Returns the pairs that were reached by the search, and never met."""
        return [pair for pair in self.reached if not self.hits[pair]]

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
        for record, read, goes_on in super()._records(way, is_new):
            if not self._is_barred(read, way.account):
                yield record, read, goes_on

    def _taken(self, record: Record, account: Account) -> Record | None:
        taken = self._as_taken(record)
        return None if taken is None or self._is_barred(self._oracle.reader.convert(taken), account) else taken

    def _as_taken(self, record: Record) -> Record | None:
        event, oracle = record["event"], self._oracle
        if event not in self._terms.events:
            return None
        return fit(record, self._terms, self._keys[event], oracle.catalogue, oracle.reader, 0)

    def _is_barred(self, record: ReadRecord, account: Account) -> bool:
        return self._terms.looks_ahead and bool(self._terms.bars(self._oracle.step(record, account.copy()).answer))


def _search(
    oracle: Oracle, terms: Capabilities, keys: Mapping[str, Mapping[str, bool]], by_rules: bool = True
) -> tuple[TakenSearch, Script]:
    """Returns a search, and the script with which its runs begin."""
    return TakenSearch(oracle, terms, keys, by_rules), () if terms.opens_accounts else (move(SPEC.opening.name),)


def _edges(oracle: Oracle, terms: Capabilities, keys: Mapping[str, Mapping[str, bool]], by_rules: bool) -> Iterator[PathEdge]:
    search, begun = _search(oracle, terms, keys, by_rules)
    return search.edges(begun, _WAYS if by_rules else _WAYS_IN_BREADTH, by_rules)


def pairs_in(oracle: Oracle, steps: Sequence[MachineStep]) -> Iterator[Pair]:
    """Yields each pair of rules in the steps of one account."""
    after = ""
    for step in steps:
        if step.outcome[0] >= 0:
            rule = oracle.compiled.rules[step.outcome[0]]
            if after:
                yield after, rule
            after = rule


def search_pairs(
    pairs: RulePairs, oracle: Oracle, terms: Capabilities, keys: Mapping[str, Mapping[str, bool]]
) -> Iterator[list[Pair]]:
    """Adds what the search reaches to `pairs`, and yields the new ones of each edge of the search, mostly none."""
    tried: Counter[Pair] = Counter()
    for edge in _edges(oracle, terms, keys, by_rules=True):
        if edge.then is not None and (what := accepted(edge)):
            pairs.first.setdefault(what, edge.then)
        met = {(step.after, oracle.compiled.rules[step.outcome[0]]) for step in edge.steps if step.after and step.outcome[0] >= 0}
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


def runs_again(
    pairs: RulePairs, oracle: Oracle, terms: Capabilities, keys: Mapping[str, Mapping[str, bool]]
) -> Iterator[tuple[list[Record], list[Record]]]:
    """Yields a run for each event, with what it names beside an entry, in which it is accepted twice in one account.

    A run is in two parts, each of which ends with the event. Nothing that is done a second time is a repeat of the first time.
    Each continues the path on which `search_pairs` came to it.
    """
    search, _ = _search(oracle, terms, keys)
    for what, first in pairs.first.items():
        ways = search.edges_after(first, _WAYS_TO_AGAIN, for_pairs=True, by_last_rule=False)
        later = next((later for later in ways if accepted(later) == what), None)
        if later is not None:
            records, length = later.records(), len(first.records())
            yield records[:length], records[length:]
        elif first.record is not None and not oracle.refuses(oracle.reader.convert(first.record), first.account):
            yield first.records(), [first.record]


def accepted(edge: PathEdge) -> tuple[str, ...]:
    """Returns the event of the last record, and what it names beside an entry; nothing where it is not accepted."""
    step, record = edge.steps[-1], edge.record
    if step.event != record["event"] or step.outcome[0] < 0:
        return ()
    return step.event, *(said for key, said in record.items() if key not in _NOT_NAMED and type(said) is str)


def _steps(oracle: Oracle, records: Sequence[Record]) -> list[MachineStep]:
    fresh = oracle.fork({})
    return [step for record in records for step in fresh.step(fresh.reader.convert(record)).steps]


def runs_to(
    wanted: Sequence[Met], oracle: Oracle, terms: Capabilities, keys: Mapping[str, Mapping[str, bool]]
) -> Iterator[list[Record]]:
    """Yields a run for each of these rules and refusals that a search in breadth comes to."""
    left = set(wanted)
    for edge in _edges(oracle, terms, keys, by_rules=False):
        if not left:
            return
        met = {(step.event, _outcome(oracle, step)) for step in edge.steps} & left
        if met:
            left -= met
            yield edge.records()


def _outcome(oracle: Oracle, step: PathStep) -> str:
    index = step.outcome[0]
    return oracle.compiled.rules[index] if index >= 0 else f"refused: {oracle.compiled.codes[-1 - index]}"

"""The runs of an implementation that searches find, and those of lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge

from tokenspec.machine.fuzzing.coverage import Met
from tokenspec.machine.fuzzing.stateful import alone
from tokenspec.oracle.fuzz.holdings import holdings_taken
from tokenspec.oracle.fuzz.pairs import Sequences, TakenSearch, runs_again, runs_to, search_pairs
from tokenspec.oracle.fuzz.sut import SutFuzz
from tokenspec.oracle.runtime.memory import begins
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import Record
from tokenspec.oracle.sut.capabilities import BATCH

_OFTEN, _FURTHER = 2, 6
"""The number of times that a pair of rules is to be met, and the number of random events after a run that meets it."""
_OTHER = "ben"
"""The name of an account to which the same happens."""


def search_of(fuzz: type[SutFuzz], by_rules: bool = False) -> TakenSearch:
    """Returns a search in the world of the implementation, among what it takes."""
    terms = fuzz.terms
    oracle = Oracle({**fuzz.setting.policy, **terms.policy}, fuzz.setting.catalogue, terms.resets)
    return TakenSearch(oracle, terms, fuzz.keys, by_rules)


def follow_searches(fuzz: type[SutFuzz], seed_number: int) -> None:
    """Runs what searches find, and the lists: random runs come to these too rarely."""
    by_rules, search = search_of(fuzz, by_rules=True), search_of(fuzz)
    _follow_pairs(fuzz, by_rules, seed_number)
    twice = list(runs_again(fuzz.pairs, by_rules))
    _follow(fuzz, ([*first, *then] for first, then in twice), seed_number)
    _follow(fuzz, holdings_taken(fuzz.pairs, search), seed_number, 0)
    sequences = Sequences(by_rules, fuzz.pairs.reached.values()).runs(fuzz.pairs.by_state.values())
    # One run of a job for all accounts for which it is due would end what the other account waits for.
    _follow(fuzz, sequences if fuzz.terms.jobs == BATCH else side_by_side(sequences), seed_number, 0)
    for path in fuzz.pairs.shortest():
        _follow(fuzz, [by_two(path)], seed_number, 0)
        alone(fuzz).fetch_after(path)
    for path in fuzz.pairs.reached.values():
        if not begins(path[-1]["event"]):
            alone(fuzz).spend_around(path)
    alone(fuzz).sweep()
    for first, then in twice:
        alone(fuzz).repeat_often(first, then)


def follow_to(fuzz: type[SutFuzz], wanted: Sequence[Met], seed_number: int) -> None:
    """Runs what a search finds for each of these rules and refusals."""
    _follow(fuzz, runs_to(wanted, search_of(fuzz)), seed_number)


def by_two(records: Sequence[Record]) -> list[Record]:
    """Returns a run in which each record is one of two accounts, one directly after the other."""
    return [{**record, "account": name} for record in records for name in (record["account"], _OTHER)]


def side_by_side(runs: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Yields the runs by two, in one world, in the order of time: the second of them is another account's."""
    rest = iter(runs)
    for one in rest:
        other = ({**record, "account": _OTHER} for record in next(rest, []))
        yield list(merge(one, other, key=lambda record: record["at"]))


def _follow_pairs(fuzz: type[SutFuzz], search: TakenSearch, seed_number: int) -> None:
    """Runs what a search finds for each pair of rules, as often as it takes for the pair to be met a few times."""
    for new in search_pairs(fuzz.pairs, search):
        fuzz.check_time()
        for pair in new:
            times = range(max(0, _OFTEN - fuzz.pairs.hits[pair]))
            _follow(fuzz, (fuzz.pairs.reached[pair] for _ in times), seed_number + len(fuzz.pairs.reached) * _OFTEN)


def _follow(fuzz: type[SutFuzz], runs: Iterable[list[Record]], seed_number: int, further: int = _FURTHER) -> None:
    for number, records in enumerate(runs):
        alone(fuzz).follow(records, seed_number + number, further)

"""Compares two settings over one log, in one pass: the accounts that another setting touches, and their tokens.

Both settings answer every record that happened from what they answered before; what is observed counts for neither. An
observation tells what one system did, and that system had one setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import NamedTuple

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.specification import ABSENT, POOLS
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import DELTA, SAID, Answer, Difference, differences
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import RENAMED, Record, at_of, event_of

SHOWN = 20
"""The number of most touched accounts that are named."""
_NOTHING_SAID = dict.fromkeys(SAID)


@dataclass
class Touched:
    """An account that is answered in another way: its first differing record, and the number of such records."""

    account: str
    line: Line
    event: str
    at: int
    differences: list[Difference]
    """Field, answer under this run's setting, answer under the other."""
    records: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    """By pool, the tokens after the last record: under the other setting, less those under this run's."""

    @property
    def amount(self) -> int:
        """The sum of the differences, whatever their signs."""
        return sum(map(abs, self.tokens.values()))


@dataclass(frozen=True)
class Spread:
    """The distribution of a pool's differences over the touched accounts."""

    sum: int
    """Signed: more than 0 where accounts hold more under the other setting."""
    median: int
    p95: int
    most: int


class FurtherTouched(NamedTuple):
    """A touched account of which only the numbers are known: differing records, and by pool the tokens in which it differs."""

    records: int
    tokens: Mapping[str, int]


class Against:
    """Another setting over the records of a replay. It sees each record once, after `own` has answered it."""

    def __init__(self, own: Oracle, other: Oracle) -> None:
        self._own, self.other = own, other
        self._apart = own.fork({})
        """This run's setting for the accounts that continued from an observation: here they do not."""
        self._reads_again = own.catalogue.aliases != other.catalogue.aliases
        self.touched: dict[str, Touched] = {}
        self.impossible: dict[str, tuple[Line, BadRecord]] = {}
        """By account with a record that is bad under the other setting alone, the line and the fault; it is not compared."""
        self.further: Sequence[FurtherTouched] = ()
        """Touched accounts that are not among the most touched."""

    @property
    def count(self) -> int:
        """The number of accounts that are touched, those with a record that is bad under the other setting among them."""
        return self.touched_accounts + len(self.impossible)

    @property
    def touched_accounts(self) -> int:
        """The number of accounts that are compared to their end, and touched."""
        return len(self.touched) + len(self.further)

    @property
    def records(self) -> int:
        """The number of their records that are answered in another way."""
        return sum(touched.records for touched in self.touched.values()) + sum(each.records for each in self.further)

    @property
    def changed(self) -> dict[str, str]:
        """The other choices of policies."""
        return {name: choice for name, choice in self.other.policy.items() if choice != self._own.policy[name]}

    @property
    def has_other_catalogue(self) -> bool:
        """True where the catalogues differ."""
        return self.other.catalogue != self._own.catalogue

    def takes_over(self, found: Against, named: Sequence[Touched], further: Sequence[FurtherTouched]) -> None:
        """Takes what another comparison found, and all touched accounts that it has not seen: by name, or their numbers alone."""
        self.touched = found.touched | {each.account: each for each in named}
        self.impossible, self.further = found.impossible, further

    def departs(self, name: str) -> None:
        """Keeps an account as it is, before it continues from what was observed."""
        if name not in self._apart.accounts:
            self._apart.accounts[name] = self._own.accounts[name].copy()

    def happens(self, record: Record, line: Line, answer: Answer) -> None:
        """Compares the `answer` of this run's setting with that of the other."""
        name = record.account
        if name in self.impossible:
            return
        if name in self._apart.accounts:
            answer = self._apart.answer(record)
        try:
            theirs = self.other.answer(self._as_read_there(record, line) if self._reads_again else record)
        except BadRecord as fault:
            self.impossible[name] = line._replace(content=b""), fault
            self.touched.pop(name, None)
            return
        found = answered_otherwise(answer, theirs)
        if not found:
            return
        touched = self.touched.get(name)
        if touched is None:
            touched = Touched(name, line._replace(content=b""), event_of(record), at_of(record), found)
            self.touched[name] = touched
        touched.records += 1

    def _as_read_there(self, record: Record, line: Line) -> Record:
        """Returns the record with its names as the other catalogue's aliases have it."""
        if all(getattr(record, key, None) is None for key in RENAMED):
            return record
        try:
            return self.other.reader.decode(line.content)
        except BadRecord as fault:
            if fault.happened is None:
                raise
            happened: Record = fault.happened
            return happened

    def finish(self) -> None:
        """Compares the tokens of each touched account after its last record."""
        for name, touched in self.touched.items():
            ours = self._balances(self._own, self._apart.accounts.get(name) or self._own.accounts[name])
            theirs = self._balances(self.other, self.other.accounts[name])
            touched.tokens = {pool: theirs[pool] - ours[pool] for pool in POOLS}

    @staticmethod
    def _balances(oracle: Oracle, account: Account) -> Mapping[str, int]:
        state = oracle.compiled.state(account.row)
        return dict.fromkeys(POOLS, 0) if state[oracle.machine.control] == ABSENT else {pool: int(state[pool]) for pool in POOLS}

    def spread(self) -> dict[str, Spread]:
        """Returns the distribution of the differences by pool; median, p95 and most are of amounts, whatever their signs."""
        found = {}
        for pool in POOLS:
            every = [touched.tokens[pool] for touched in self.touched.values()]
            every += [each.tokens[pool] for each in self.further]
            amounts = sorted(map(abs, every))
            found[pool] = Spread(sum(every), _rank(amounts, 50), _rank(amounts, 95), amounts[-1] if amounts else 0)
        return found

    def most_touched(self) -> list[Touched]:
        """Returns the accounts with the largest differences, those of most differing records first among equals."""
        return nsmallest(SHOWN, self.touched.values(), key=lambda touched: (-touched.amount, -touched.records, touched.account))


def answered_otherwise(ours: Answer, theirs: Answer) -> list[Difference]:
    """Returns the fields that two answers to one record have not in common, but for the delta."""
    if ours == theirs:
        return []
    return differences(ours, {k: v for k, v in (_NOTHING_SAID | theirs.as_dict()).items() if k != DELTA})


def _rank(amounts: list[int], percent: int) -> int:
    """Returns the least amount that at least `percent` of the sorted amounts do not exceed; 0 where there is none."""
    return amounts[-(-len(amounts) * percent // 100) - 1] if amounts else 0

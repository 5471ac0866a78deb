"""Runs in which a rule accepts an event while some pool holds just one token, just a figure, or as much as another one.

What an implementation asks of a pool that the rule has nothing to do with is met by chance hardly ever. A run that a search has
found for a rule is taken, and events are put before its last record that leave a pool with such an amount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.declaration import Actor, Event, Origin
from tokenspec.machine.lang.types import Enum, Tokens
from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.fuzz.moves import plain_name
from tokenspec.oracle.fuzz.pairs import RulePairs, TakenSearch
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY, begins
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import NAME, Record

Holding = tuple[str, str, str]
"""A rule, a pool, and the name of the amount that the pool holds when the rule accepts an event."""

_FAR = 2**40


def exact_holdings(pairs: RulePairs, oracle: Oracle, taken: Callable[[Record, Oracle], Record | None]) -> Iterator[list[Record]]:
    """Yields a run for each holding that is found; `taken` gives a record as an implementation takes it, or None."""
    met = set[Holding]()
    for records in _by_rule(pairs).values():
        *before, last = records
        world = oracle.fork({})
        for record in before:
            world.apply(record)
        account = world.accounts.get(last["account"])
        if account is None:
            continue
        rule = _rule(world, account, last)
        for fillers in _fillers(world, account, last, taken):
            after = account.copy()
            if any(world.steps_of(world.reader.convert(each), after)[-1].outcome[0] < 0 for each in fillers):
                continue
            new = set(_held(world, after, rule)) - met
            if new and _rule(world, after, last) == rule:
                met |= new
                yield [*before, *fillers, last]


def holdings_taken(pairs: RulePairs, search: TakenSearch) -> Iterator[list[Record]]:
    """Yields the runs that an implementation takes."""
    return exact_holdings(pairs, search.oracle, search.taken)


def _by_rule(pairs: RulePairs) -> dict[str, list[Record]]:
    """Returns, for each rule, the shortest run found that ends with it."""
    found: dict[str, list[Record]] = {}
    for (_, rule), records in pairs.reached.items():
        if rule not in found or len(records) < len(found[rule]):
            found[rule] = records
    return found


def _rule(oracle: Oracle, account: Account, record: Record) -> str | None:
    """Returns the rule or the code by which the record would come out."""
    return oracle.decide(oracle.reader.convert(record), account.copy())[1]


def _amounts(oracle: Oracle) -> dict[int, str]:
    """Returns the amounts worth holding, each with its name: one token, each figure, and twice as much."""
    figures = {p.name: oracle.parameters[p.name] for p in oracle.machine.parameters if isinstance(p.type, Tokens)}
    counts = {name: n for name, n in figures.items() if isinstance(n, int) and 0 < n < _FAR}
    return {1: "1", **{2 * n: f"2 {name}" for name, n in counts.items()}, **{n: name for name, n in counts.items()}}


def _balances(oracle: Oracle, account: Account) -> dict[str, int]:
    names = [v.name for v in oracle.machine.variables]
    return {pool: int(account.row[names.index(pool)]) for pool in POOLS}


def _held(oracle: Oracle, account: Account, rule: str | None) -> Iterator[Holding]:
    named, balances = _amounts(oracle), _balances(oracle, account)
    for pool, tokens in balances.items():
        if tokens in named:
            yield str(rule), pool, named[tokens]
        yield from ((str(rule), pool, other) for other, n in balances.items() if other > pool and n == tokens > 0)


def _fillers(
    oracle: Oracle, account: Account, last: Record, taken: Callable[[Record, Oracle], Record | None]
) -> Iterator[Sequence[Record]]:
    """Yields events that may leave a pool with such an amount; after one that fills a pool, those that leave one token."""
    before, grown = _balances(oracle, account), set[str]()
    for record in _events(oracle, account, last, list(_amounts(oracle))):
        fitted = taken(record, oracle)
        if fitted is None:
            continue
        yield (fitted,)
        ahead = oracle.fork({last["account"]: account.copy()})
        if ahead.apply(fitted).outcome == "accepted":
            then = ahead.accounts[last["account"]]
            new = {pool for pool, tokens in _balances(ahead, then).items() if tokens > before[pool]} - grown
            grown |= new
            for more in _events(ahead, then, last, [1]) if new else ():
                fits = taken(more, ahead)
                if fits is not None:
                    yield fitted, fits


def _events(oracle: Oracle, account: Account, last: Record, amounts: Sequence[int]) -> Iterator[Record]:
    """Yields events that bring a number, with every number that may leave a pool with one of `amounts` or as much as another."""
    balances = _balances(oracle, account)
    held = [*balances.values(), sum(balances.values()), sum(oracle.app_balances(account.row))]
    leaving = [n - amount for n in held for amount in (*amounts, *balances.values())]
    numbers = [n for n in dict.fromkeys((*amounts, *leaving)) if 0 < n < _FAR]
    for event in oracle.machine.events:
        fields = [field for field in event.fields if field.origin is Origin.PAYLOAD]
        if event.actor is not Actor.USER or not any(isinstance(field.type, Tokens) for field in fields):
            continue
        # What a name of the catalogue stands for is brought once or twice.
        is_named = any(isinstance(field.type, Enum) and UNLISTED in field.type.members for field in fields)
        choices = [_values(field.type, (1, 2) if is_named else numbers) for field in fields]
        for values in product(*choices):
            given = dict(zip((field.key for field in fields), values, strict=True))
            yield {"account": last["account"], "at": last["at"], "event": event.name, **given, **_keys(event, oracle, account)}


def _values(kind: object, numbers: Sequence[int]) -> Sequence[Any]:
    """Returns the values of a field: all names of the catalogue, and one of other words."""
    if isinstance(kind, Enum):
        return [member for member in kind.members if member != UNLISTED] if UNLISTED in kind.members else kind.members[:1]
    return [n for n in numbers if kind.admits(n)] if isinstance(kind, Tokens) else (False,)


def _keys(event: Event, oracle: Oracle, account: Account) -> Mapping[str, Any]:
    """Returns the keys that a record needs, of which an entry of the memory is a new one where the event begins it."""
    named = {key.name: plain_name(key, NAME, oracle.catalogue) for key in event.keys if not key.optional}
    return named | ({KEY: f"{KEY}{len(account.entries) + 100}"} if begins(event.name) else {})

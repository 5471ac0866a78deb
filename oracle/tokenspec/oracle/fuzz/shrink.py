"""Shrinks a failing list of records: fewer events, accounts and names, less time, smaller amounts.

Hypothesis shrinks its own draws; people read records, so the last steps shrink records. Their number is limited, not their time,
so that one seed gives one story on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from tokenspec.machine.interpreters.dates import DAY_MS, HOUR_MS
from tokenspec.machine.lang.declaration import Shape
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import system
from tokenspec.oracle.wire.records import asked

Record = dict[str, Any]
Fails = Callable[[list[Record]], bool]

_UNITS_MS = (DAY_MS, HOUR_MS, 60_000, 1_000, 1)
"""Units of time in milliseconds, the plainest first."""
_LENGTHS_MS = (0, 60_000, HOUR_MS, *(days * DAY_MS + late for days in (1, 2, 31, 62) for late in (0, 1)))
"""Lengths of time that are tried first; a longer time may show less."""
_AMOUNTS = (0, 1, *(10**digits for digits in range(1, 16)))


def shrink(records: list[Record], fails: Fails, tries: int = 1500) -> list[Record]:
    """Returns the plainest list found that still fails, after at most `tries` attempts. `records` has to fail."""
    records, left, tried = [asked(record) for record in records], iter(range(tries)), set[str]()

    def still(candidate: list[Record]) -> bool:
        # The search goes on from every candidate that failed, so that a candidate met again did not fail.
        key = repr(candidate)
        if key in tried or next(left, None) is None:
            return False
        tried.add(key)
        return fails(candidate)

    before: list[Record] = []
    while before != records:
        before = records
        for plainer in _STEPS:
            records = plainer(records, still)
    return records


def fewer(records: list[Record], still: Fails) -> list[Record]:
    """Returns the records without those that it still fails without. `records` has to fail."""
    size = len(records)
    while size >= 1:
        start = len(records) - size
        while start > -size:
            low = max(start, 0)
            candidate = records[:low] + records[low + size :]
            if len(candidate) < len(records) and candidate and still(candidate):
                records = candidate
            start -= size
        size //= 2
    return records


def _first(records: list[Record], candidates: Iterator[list[Record]], still: Fails) -> list[Record]:
    """Returns the first of the candidates that fails, or `records`."""
    return next((candidate for candidate in candidates if candidate != records and still(candidate)), records)


def _with(records: list[Record], index: int, record: Record) -> list[Record]:
    return [*records[:index], record, *records[index + 1 :]]


def _in_one_account(records: list[Record], still: Fails) -> list[Record]:
    first = {"account": records[0]["account"]}
    records = _first(records, iter([[record | first for record in records]]), still)
    for index, record in enumerate(records):
        records = _first(records, iter([_with(records, index, record | first)]), still)
    return records


@cache
def _optional() -> frozenset[str]:
    """Returns the fields that a record may leave out."""
    return frozenset({"id", *(key.name for event in system().events for key in event.keys if key.optional)})


def _with_less(records: list[Record], still: Fails) -> list[Record]:
    """Returns the records without optional fields, and with one pool of several."""
    for name in sorted(_optional()):
        without = [{key: value for key, value in record.items() if key != name} for record in records]
        alone = (_with(records, index, record) for index, record in enumerate(without))
        records = _first(records, iter([without]), still)
        for candidate in alone:
            records = _first(records, iter([candidate]), still)
    for index, record in enumerate(records):
        for key, value in record.items():
            if isinstance(value, dict):
                each = (_with(records, index, record | {key: {pool: tokens}}) for pool, tokens in value.items())
                records = _first(records, each, still)
    return records


@cache
def _own_names() -> tuple[str, ...]:
    """Returns the fields whose names are made up by the writer of a record."""
    keys = [key for event in system().events for key in event.keys]
    made_up = {key.name: None for key in keys if key.shape is Shape.TEXT and key.name not in _optional()}
    return ("account", *made_up, "id")


def _plainly_named(records: list[Record], still: Fails) -> list[Record]:
    """Returns the records with accounts called a1, a2, ..., jobs j1, ..., and so on: one name for one name."""
    own, accounts = _own_names(), {record["account"] for record in records}
    plain: dict[tuple[str, str], str] = {}

    def kind(key: str, name: str) -> tuple[str, str]:
        # A field that names an account takes the account's new name.
        return ("account" if key != "id" and name in accounts else key, name)

    def named(chosen: dict[tuple[str, str], str]) -> list[Record]:
        return [{k: chosen.get(kind(k, v), v) if k in own else v for k, v in record.items()} for record in records]

    for each in (kind(key, record[key]) for key in own for record in records if key in record):
        count = sum(known == each[0] for known, _ in plain)
        plain.setdefault(each, f"{'e' if each[0] == 'id' else each[0][0]}{count + 1}")
    return _first(records, iter([named(plain), *(named({each: name}) for each, name in plain.items())]), still)


@cache
def _words() -> dict[tuple[str, str], tuple[str, ...]]:
    """Returns the words of each field by event and field, in the order of declaration."""
    fields = [(event.name, f) for event in system().events for f in event.fields]
    return {(event, f.key): f.type.members for event, f in fields if isinstance(f.type, Enum)}


def _plain_words(records: list[Record], still: Fails) -> list[Record]:
    """Returns the records with the first word of a list in place of a later one: an image, the lowest plan."""
    for index, record in enumerate(records):
        for key, word in record.items():
            members = _words().get((record["event"], key), ())
            earlier = members[: members.index(word)] if word in members else ()
            records = _first(records, (_with(records, index, records[index] | {key: each}) for each in earlier), still)
    return records


def _truly_repeated(records: list[Record], still: Fails) -> list[Record]:
    """Returns the records with the same request under a repeated id."""
    for index, record in enumerate(records):
        before = (r for r in records[:index] if r["account"] == record["account"] and r.get("id") == record.get("id", ""))
        records = _first(records, (_with(records, index, r | {"at": record["at"]}) for r in before), still)
    return records


_PLAIN_BEGINNING = "2027-01-01T00:00:00Z"


def _begun_plainly(records: list[Record], still: Fails) -> list[Record]:
    """Returns the records with a beginning in a plain year, or at the first midnight of its year, month or day."""
    begins = format_instant(parse_instant(records[0]["at"]))
    plain = (_PLAIN_BEGINNING, f"{begins[:5]}01-01T00:00:00Z", f"{begins[:8]}01T00:00:00Z", f"{begins[:11]}00:00:00Z")
    together = sum(parse_instant(record["at"]) == parse_instant(begins) for record in records)
    earlier = (parse_instant(at) - parse_instant(begins) for at in plain)
    # The first records may also begin alone, and the others stay where they were.
    each = ([*_moved(records, 0, by)[:part], *records[part:]] for by in earlier for part in (len(records), together))
    return _first(records, each, still)


def _moved(records: list[Record], since: int, by: int) -> list[Record]:
    return records[:since] + [r | {"at": format_instant(parse_instant(r["at"]) + by)} for r in records[since:]]


def _sooner(records: list[Record], still: Fails) -> list[Record]:
    """Returns the records with as little time before each as necessary."""
    for index in range(1, len(records)):
        # Alone, the record may come as soon as the one before it.
        alone = _with(records, index, records[index] | {"at": records[index - 1]["at"]})
        records = _sooner_at(_first(records, iter([alone]), still), index, still)
    return records


def _sooner_at(records: list[Record], index: int, still: Fails) -> list[Record]:
    passed = parse_instant(records[index]["at"]) - parse_instant(records[index - 1]["at"])
    least = _least(passed, lambda less: still(_moved(records, index, less - passed)), _LENGTHS_MS, _UNITS_MS) if passed else 0
    return _moved(records, index, least - passed)


def _smaller(records: list[Record], still: Fails) -> list[Record]:
    """Returns the records with every amount as small as possible."""
    for index in range(len(records)):
        for path, amount in list(_amounts(records[index])):
            records = _smaller_at(records, index, path, amount, still)
    return records


def _smaller_at(records: list[Record], index: int, path: tuple[str, ...], amount: int, still: Fails) -> list[Record]:
    sign = -1 if amount < 0 else 1

    def put(size: int) -> list[Record]:
        return _with(records, index, _put(records[index], path, sign * size))

    return put(_least(abs(amount), lambda size: still(put(size)), _AMOUNTS, (1,)))


def _amounts(record: Record) -> Iterator[tuple[tuple[str, ...], int]]:
    for key, value in record.items():
        for inner, amount in value.items() if isinstance(value, dict) else (("", value),):
            if isinstance(amount, int) and not isinstance(amount, bool):
                yield (key, inner) if inner else (key,), amount


def _put(record: Record, path: tuple[str, ...], amount: int) -> Record:
    key, *inner = path
    return record | {key: {**record[key], inner[0]: amount} if inner else amount}


def _least(most: int, fails: Callable[[int], bool], probes: Sequence[int], units: Sequence[int]) -> int:
    """Returns the least number that fails, as `most` does: a probe, or the result of a bisection below it.

    Multiples of the first unit come first. A multiple is the boundary where one less does not fail.
    """
    low, high = -1, most
    for probe in probes:
        if probe >= most:
            break
        if fails(probe):
            high = probe
            break
        low = probe
    for unit in units:
        while (first := low // unit + 1) <= (last := (high - 1) // unit):
            middle = (first + last) // 2 * unit
            if fails(middle):
                high = middle
            else:
                low = middle
        if low == high - 1 or not fails(high - 1):
            break
        high -= 1
    return high


_STEPS = (fewer, _in_one_account, _with_less, _plainly_named, _plain_words, _truly_repeated, _begun_plainly, _sooner, _smaller)

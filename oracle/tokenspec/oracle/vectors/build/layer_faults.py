"""Faults of what an implementation keeps beside balances: ids, the entries of its memory, clocks, and what answers show of them.

Each is a right oracle in which one thing is forgotten, mixed up or counted otherwise; none knows what the account is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TypeAlias, TypeVar

from msgspec import structs

from tokenspec.oracle.base.specification import IDS
from tokenspec.oracle.check.mutants.answers import answer_mutants
from tokenspec.oracle.runtime.journal import Account, MemoryEntry
from tokenspec.oracle.runtime.memory import KEY, MEMORY, begins
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, Record
from tokenspec.oracle.vectors.build.wrong_clocks import Change, OtherClock, wrong_clocks
from tokenspec.oracle.wire.answers import STATE, Answer
from tokenspec.oracle.wire.resets import clock_jobs

MANY = 1_000
"""The number of ids of an account after which a wallet may take the first one for new."""


@dataclass
class WithLayers:
    """A right implementation that forgets or mixes something up: `before` a record, or `after` its answer."""

    oracle: Oracle
    before: Callable[[WithLayers, Record], Record] | None = None
    """Gives the record that the right oracle gets in the place of one."""
    after: Callable[[WithLayers, Record, Answer], object] | None = None
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    """By account and name, another name under which the oracle knows it."""

    def apply(self, record: Record) -> Answer:
        """Returns the answer to a record."""
        answer = self.oracle.apply(record if self.before is None else self.before(self, record))
        if self.after is not None:
            self.after(self, record, answer)
        return answer

    def account(self, record: Record) -> Account | None:
        """Returns the account of a record; None where it has none yet."""
        return self.oracle.accounts.get(record["account"])

    def job_ran(self, record: Record, answer: Answer) -> bool:
        """Returns whether a job of a clock ran with a record, or before it by itself."""
        return bool(self.oracle.ran_by_itself) or (record["event"] in clock_jobs() and answer.outcome == "accepted")


_World = TypeVar("_World", bound=Oracle)
Make: TypeAlias = Callable[[Oracle], WithLayers]


@dataclass(frozen=True)
class LayerFault:
    """A fault of the layers: `make` gives an implementation that has it, of an oracle without accounts."""

    id: str
    says: str
    make: Make


# Of ids


def _other_id(name: Callable[[Record], str]) -> Make:
    """Shows the oracle another id."""
    return partial(WithLayers, before=lambda _, record: {**record, "id": name(record)} if "id" in record else record)


def _forgets(after: Callable[[WithLayers, Record, Answer], object]) -> Make:
    """Shows the oracle ids that it knows as long as `after` leaves them among the names."""
    numbers = count()

    def before(world: WithLayers, record: Record) -> Record:
        if "id" not in record:
            return record
        new = f"{record['id']} {next(numbers)}"
        return {**record, "id": world.names.setdefault((record["account"], record["id"]), new)}

    return partial(WithLayers, before=before, after=after)


def _last(many: int) -> Make:
    def after(world: WithLayers, record: Record, answer: Answer) -> None:
        own = [key for key in world.names if key[0] == record["account"]]
        for key in own[: max(0, len(own) - many)]:
            del world.names[key]

    return _forgets(after)


def _refused_is_forgotten(world: WithLayers, record: Record, answer: Answer) -> None:
    if answer.outcome != "accepted":
        world.names.pop((record["account"], record.get("id", "")), None)


def _forgotten_at_a_job(world: WithLayers, record: Record, answer: Answer) -> None:
    if world.job_ran(record, answer):
        world.names = {key: value for key, value in world.names.items() if key[0] != record["account"]}


@dataclass
class _Shared(WithLayers):
    """An id that one account has used is used for all."""

    first: dict[str, tuple[str, Answer]] = field(default_factory=dict)

    def apply(self, record: Record) -> Answer:
        whose, answer = self.first.get(record.get("id", ""), (record["account"], None))
        if answer is not None and whose != record["account"]:
            return structs.replace(answer, duplicate=True)
        answer = self.oracle.apply(record)
        if "id" in record:
            self.first.setdefault(record["id"], (record["account"], answer))
        return answer


def _applied_again(world: WithLayers, record: Record, answer: Answer) -> None:
    if answer.duplicate is True:
        world.oracle.apply({key: value for key, value in record.items() if key != "id"})


def _refreshed(after_a_job: bool) -> Make:
    @dataclass
    class Refreshed(WithLayers):
        """A repeat is answered with the state of now."""

        ran: set[str] = field(default_factory=set)

        def apply(self, record: Record) -> Answer:
            answer, known = self.oracle.apply(record), self.account(record)
            if self.job_ran(record, answer):
                self.ran.add(record["account"])
            if answer.duplicate is not True or known is None or (after_a_job and record["account"] not in self.ran):
                return answer
            now = self.oracle.fork({record["account"]: known.copy()})
            state = now.apply({"account": record["account"], "at": known.last_at, **LOOK})
            return structs.replace(answer, **{name: getattr(state, name) for name in STATE}, balances=state.balances)

    return Refreshed


def _renamed(key: str, change: Callable[[str], str]) -> Make:
    """Takes some names for one."""
    return partial(WithLayers, before=lambda _, record: {**record, key: change(record[key])} if key in record else record)


# Of entries


def _entries(changes: Callable[[Account, Record, Answer, WithLayers], object]) -> Make:
    """Changes what an account remembers after each answer."""

    def after(world: WithLayers, record: Record, answer: Answer) -> None:
        known = world.account(record)
        if known is not None:
            changes(known, record, answer, world)

    return partial(WithLayers, after=after)


def _refused_uses_up(known: Account, record: Record, answer: Answer, world: WithLayers) -> None:
    if answer.outcome == "refused" and begins(record["event"]) and record[KEY] not in known.entries:
        world.oracle.memory.note(known, record[KEY], {})


def _forgets_entries(is_due: Callable[[WithLayers, Record, Answer], bool]) -> Make:
    return _entries(lambda known, record, answer, world: known.entries.clear() if is_due(world, record, answer) else None)


def _last_entries(many: int) -> Make:
    def changes(known: Account, record: Record, answer: Answer, world: WithLayers) -> None:
        for name in list(known.entries)[: max(0, len(known.entries) - many)]:
            del known.entries[name]

    return _entries(changes)


def _entries_of_all(oracle: Oracle) -> WithLayers:
    """Returns a world with one table of entries for all accounts."""
    entries: dict[str, MemoryEntry] = {}

    def before(world: WithLayers, record: Record) -> Record:
        for each in world.oracle.accounts.values():
            each.entries = entries
        return record

    def after(world: WithLayers, record: Record, answer: Answer) -> None:
        known = world.account(record)
        entries.update(known.entries if known is not None else {})

    return WithLayers(oracle, before, after)


def _by_kind_of_event(world: WithLayers, record: Record) -> Record:
    """Gives two events that begin entries a table each."""
    if KEY not in record:
        return record
    name, here = record[KEY], (record["account"], record[KEY])
    if begins(record["event"]):
        world.names[here] = f"{record['event']} {name}"
    return {**record, KEY: world.names.get(here, name)}


def _entries_are_ids(world: WithLayers, record: Record) -> Record:
    """Takes an id for used where an entry has its name, and the other way round."""
    return {**record, "id": record[KEY]} if begins(record["event"]) and "id" not in record else record


def _begins_anew(known: Account, record: Record, answer: Answer, world: WithLayers) -> None:
    entry = known.entries.get(record.get(KEY, ""))
    if entry is not None:
        known.entries[record[KEY]] = structs.replace(entry, since=known.ended)


def _lasts_again(position: int, after: int) -> Make:
    """Makes a period that has ended so many times last again."""

    def before(world: WithLayers, record: Record) -> Record:
        known = world.account(record)
        if known is not None and KEY in record and not begins(record["event"]):
            entry = known.entries.get(record[KEY])
            if entry is not None and known.ended[position] - entry.since[position] >= after:
                since = (*entry.since[:position], known.ended[position], *entry.since[position + 1 :])
                known.entries[record[KEY]] = structs.replace(entry, since=since)
        return record

    return partial(WithLayers, before=before)


def _parts(arrange: Callable[[list[int]], list[int]]) -> Make:
    """Puts the numbers that an entry holds down in another order."""

    def changes(known: Account, record: Record, answer: Answer, world: WithLayers) -> None:
        if answer.outcome != "accepted" or answer.duplicate is True or not begins(record["event"]):
            return
        entry = known.entries[record[KEY]]
        places = [n for n, value in enumerate(entry.held) if type(value) is int]
        held = list(entry.held)
        for place, value in zip(places, arrange([int(held[n]) for n in places]), strict=True):
            held[place] = value
        known.entries[record[KEY]] = structs.replace(entry, held=tuple(held))

    return _entries(changes)


def _first_gets_all(numbers: list[int]) -> list[int]:
    return [sum(numbers) if n == next((k for k, m in enumerate(numbers) if m), 0) else 0 for n in range(len(numbers))]


def _last_gets_all(numbers: list[int]) -> list[int]:
    return _first_gets_all(numbers[::-1])[::-1]


def _swapped(numbers: list[int]) -> list[int]:
    """Returns the numbers that are not 0 in the opposite order."""
    drawn = iter([n for n in numbers if n][::-1])
    return [next(drawn) if n else 0 for n in numbers]


def layer_faults() -> list[LayerFault]:
    """Every fault, always in the same order."""
    return [LayerFault(name, says, make) for name, says, make in (*_of_ids(), *_of_entries(), *_of_oracles())]


_NAMES: dict[str, Callable[[str], str]] = {
    "case": str.lower,
    "blanks": str.strip,
    "zeros": lambda name: name.lstrip("0") or name,
    "length": lambda name: name[:36],
}
"""The ways in which two names are taken for one."""


def _of_ids() -> Iterator[tuple[str, str, Make]]:
    if IDS is None:
        return
    for many in (0, 1, 2, 10, MANY):
        yield f"ids.last_{many}", f"only the last {many} ids of an account are remembered", _last(many)
    yield "ids.accepted", "only ids of accepted events are remembered", _forgets(_refused_is_forgotten)
    by_event = _other_id(lambda record: f"{record['event']} {record['id']}")
    yield "ids.by_event", "an id is used for one kind of event alone", by_event
    by_request = _other_id(lambda record: repr(sorted((key, value) for key, value in record.items() if key != "at")))
    yield "ids.by_request", "a repeat is one only where all else is the same", by_request
    yield "ids.until_a_job", "ids are forgotten when a job runs", _forgets(_forgotten_at_a_job)
    yield "ids.shared", "an id that one account has used is used for all", _Shared
    yield "ids.anew", "a repeat is applied once more, and answered as at first", partial(WithLayers, after=_applied_again)
    yield "ids.refreshed", "a repeat is answered with the state of now", _refreshed(False)
    yield "ids.refreshed_after_a_job", "a repeat is answered with the state of now once a job has run", _refreshed(True)
    for way, change in _NAMES.items():
        yield f"ids.without_{way}", f"two ids are taken for one without regard to {way}", _renamed("id", change)


def _of_entries() -> Iterator[tuple[str, str, Make]]:
    if not KEY:
        return
    refused = _entries(lambda known, record, answer, _: answer.outcome == "refused" and known.entries.pop(record.get(KEY, ""), 0))
    yield "entries.refused", f"a {KEY} is forgotten when an event that names it is refused", refused
    all_refused = _forgets_entries(lambda _, record, answer: answer.outcome == "refused" and KEY in record)
    yield "entries.all_at_a_refusal", f"every {KEY} is forgotten when an event that names one is refused", all_refused
    yield "entries.used_up", f"an event that is refused uses its {KEY} up", _entries(_refused_uses_up)
    for many in (0, 1, 2, 10):
        yield f"entries.last_{many}", f"of an account the last {many} are remembered by {KEY}", _last_entries(many)
    yield "entries.until_a_job", f"every {KEY} is forgotten when a job runs", _forgets_entries(WithLayers.job_ran)
    yield "entries.shared", f"a {KEY} is one for all accounts", _entries_of_all
    yield "entries.by_event", f"each kind of event has a table of its own by {KEY}", partial(WithLayers, before=_by_kind_of_event)
    yield "entries.as_ids", f"a {KEY} is taken for the event's id where it has none", partial(WithLayers, before=_entries_are_ids)
    yield "entries.begin_anew", f"the periods of a {KEY} begin anew whenever it is named", _entries(_begins_anew)
    for position, period in enumerate(MEMORY.periods):
        for after in (2, 3):
            yield (
                f"entries.{period.lasts}_{after}",
                f"{period.lasts} holds again when it has ended {after} times",
                _lasts_again(position, after),
            )
    yield "entries.first_part", "all that was taken is put down to the first place", _parts(_first_gets_all)
    yield "entries.last_part", "all that was taken is put down to the last place", _parts(_last_gets_all)
    yield "entries.swapped_parts", "what was taken is put down in the opposite order", _parts(_swapped)
    for way, change in _NAMES.items():
        yield f"entries.without_{way}", f"two names are taken for one {KEY} without regard to {way}", _renamed(KEY, change)


def _of_oracles() -> Iterator[tuple[str, str, Make]]:
    """Oracles with another clock, and those that show something else of an account."""
    for name, says, clock, change in wrong_clocks():

        def clocked(oracle: Oracle, clock: str = clock, change: Change = change) -> WithLayers:
            world = _as(OtherClock, oracle)
            world.replace_clock(clock, change)
            return WithLayers(world)

        yield name, says, clocked
    for fault in answer_mutants():
        yield fault.id, fault.fault, lambda oracle, kind=fault.kind: WithLayers(_as(kind, oracle))  # type: ignore[misc]


def _as(kind: type[_World], oracle: Oracle) -> _World:
    """Returns an oracle of another kind, with all that `oracle` has, of which nothing is compiled again."""
    other = kind.__new__(kind)
    other.__dict__.update(oracle.__dict__)
    return other

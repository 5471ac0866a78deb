"""Faults of what an implementation keeps beside balances: ids, the entries of its memory, clocks, and what answers show of them.

Each is a right oracle in which one thing is forgotten, mixed up or counted otherwise; none knows what the account is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


class WithLayers:
    """A right implementation: what it forgets or mixes up is said by a class that is made of this one."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.begin()

    def begin(self) -> None:
        """Prepares an empty world."""

    def apply(self, record: Record) -> Answer:
        """Returns the answer to a record."""
        return self.oracle.apply(record)

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


class _Ids(WithLayers):
    """Ids under other names: `known` gives the one under which the right oracle sees a record."""

    def begin(self) -> None:
        self.used: dict[tuple[str, str], str] = {}
        self.number = 0

    def apply(self, record: Record) -> Answer:
        if "id" not in record:
            return self.oracle.apply(record)
        self.number += 1
        answer = self.oracle.apply({**record, "id": self.known(record)})
        self.after(record, answer)
        return answer

    def known(self, record: Record) -> str:
        return self.used.setdefault((record["account"], record["id"]), f"{record['id']} {self.number}")

    def after(self, record: Record, answer: Answer) -> None:
        """Called after each answer to a record under an id."""


def _last(many: int) -> Make:
    class Last(_Ids):
        def after(self, record: Record, answer: Answer) -> None:
            own = [key for key in self.used if key[0] == record["account"]]
            for key in own[: max(0, len(own) - many)]:
                del self.used[key]

    return Last


class _AcceptedAlone(_Ids):
    def after(self, record: Record, answer: Answer) -> None:
        if answer.outcome != "accepted":
            self.used.pop((record["account"], record["id"]), None)


class _ByEvent(_Ids):
    def known(self, record: Record) -> str:
        return f"{record['event']} {record['id']}"


class _ByRequest(_Ids):
    def known(self, record: Record) -> str:
        return repr(sorted((key, value) for key, value in record.items() if key != "at"))


class _UntilAJob(_Ids):
    """A job of a clock makes it forget what came before."""

    def apply(self, record: Record) -> Answer:
        answer = super().apply(record)
        if self.job_ran(record, answer):
            self.used = {key: value for key, value in self.used.items() if key[0] != record["account"]}
        return answer


class _Shared(WithLayers):
    """An id that one account has used is used for all."""

    def begin(self) -> None:
        self.first: dict[str, tuple[str, Answer]] = {}

    def apply(self, record: Record) -> Answer:
        whose, answer = self.first.get(record.get("id", ""), (record["account"], None))
        if answer is not None and whose != record["account"]:
            return structs.replace(answer, duplicate=True)
        answer = self.oracle.apply(record)
        if "id" in record:
            self.first.setdefault(record["id"], (record["account"], answer))
        return answer


class _Anew(WithLayers):
    """A repeat is applied as well, and answered with the first answer."""

    def apply(self, record: Record) -> Answer:
        answer = self.oracle.apply(record)
        if answer.duplicate is True:
            self.oracle.apply({key: value for key, value in record.items() if key != "id"})
        return answer


def _refreshed(after_a_job: bool) -> Make:
    class Refreshed(WithLayers):
        """A repeat is answered with the state of now."""

        def begin(self) -> None:
            self.ran: set[str] = set()

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
    class Renamed(WithLayers):
        """Some names are taken for one."""

        def apply(self, record: Record) -> Answer:
            return self.oracle.apply({**record, key: change(record[key])} if key in record else record)

    return Renamed


class _FaultyEntries(WithLayers):
    """Entries of the memory, forgotten or changed after a record; `after` does it."""

    def apply(self, record: Record) -> Answer:
        answer = self.oracle.apply(record)
        known = self.account(record)
        if known is not None:
            self.after(record, answer, known)
        return answer

    def after(self, record: Record, answer: Answer, known: Account) -> None:
        """Called after each answer."""


class _ForgetsTheRefused(_FaultyEntries):
    def after(self, record: Record, answer: Answer, known: Account) -> None:
        if answer.outcome == "refused":
            known.entries.pop(record.get(KEY, ""), None)


class _ForgetsAllAtARefusal(_FaultyEntries):
    def after(self, record: Record, answer: Answer, known: Account) -> None:
        if answer.outcome == "refused" and KEY in record:
            known.entries.clear()


class _RefusalsUseItUp(_FaultyEntries):
    def after(self, record: Record, answer: Answer, known: Account) -> None:
        if answer.outcome == "refused" and begins(record["event"]) and record[KEY] not in known.entries:
            self.oracle.memory.note(known, record[KEY], {})


def _last_entries(many: int) -> Make:
    class Last(_FaultyEntries):
        def after(self, record: Record, answer: Answer, known: Account) -> None:
            for name in list(known.entries)[: max(0, len(known.entries) - many)]:
                del known.entries[name]

    return Last


class _ForgetsAtAJob(_FaultyEntries):
    def after(self, record: Record, answer: Answer, known: Account) -> None:
        if self.job_ran(record, answer):
            known.entries.clear()


class _EntriesOfAll(WithLayers):
    """One table of entries for all accounts."""

    def begin(self) -> None:
        self.entries: dict[str, MemoryEntry] = {}

    def apply(self, record: Record) -> Answer:
        for each in self.oracle.accounts.values():
            each.entries = self.entries
        answer = self.oracle.apply(record)
        known = self.account(record)
        self.entries.update(known.entries if known is not None else {})
        return answer


class _ByKindOfEvent(WithLayers):
    """Two events that begin entries have a table each."""

    def begin(self) -> None:
        self.by: dict[tuple[str, str], str] = {}

    def apply(self, record: Record) -> Answer:
        if KEY not in record:
            return self.oracle.apply(record)
        name, here = record[KEY], (record["account"], record[KEY])
        if begins(record["event"]):
            self.by[here] = f"{record['event']} {name}"
        return self.oracle.apply({**record, KEY: self.by.get(here, name)})


class _EntriesAreIds(WithLayers):
    """An id is taken for used where an entry has its name, and the other way round."""

    def apply(self, record: Record) -> Answer:
        if begins(record["event"]) and "id" not in record:
            return self.oracle.apply({**record, "id": record[KEY]})
        return self.oracle.apply(record)


class _Begins(_FaultyEntries):
    """The periods of an entry begin anew whenever it is named."""

    def after(self, record: Record, answer: Answer, known: Account) -> None:
        entry = known.entries.get(record.get(KEY, ""))
        if entry is not None:
            known.entries[record[KEY]] = structs.replace(entry, since=known.ended)


def _period(position: int, after: int) -> Make:
    class Lasts(_FaultyEntries):
        """A period that has ended so many times lasts again."""

        def apply(self, record: Record) -> Answer:
            known = self.account(record)
            if known is not None and KEY in record and not begins(record["event"]):
                entry = known.entries.get(record[KEY])
                if entry is not None and known.ended[position] - entry.since[position] >= after:
                    since = (*entry.since[:position], known.ended[position], *entry.since[position + 1 :])
                    known.entries[record[KEY]] = structs.replace(entry, since=since)
            return super().apply(record)

    return Lasts


def _parts(arrange: Callable[[list[int]], list[int]]) -> Make:
    class Arranged(_FaultyEntries):
        """The numbers that an entry holds are put down in another order."""

        def after(self, record: Record, answer: Answer, known: Account) -> None:
            if answer.outcome != "accepted" or answer.duplicate is True or not begins(record["event"]):
                return
            entry = known.entries[record[KEY]]
            places = [n for n, value in enumerate(entry.held) if type(value) is int]
            held = list(entry.held)
            for place, value in zip(places, arrange([int(held[n]) for n in places]), strict=True):
                held[place] = value
            known.entries[record[KEY]] = structs.replace(entry, held=tuple(held))

    return Arranged


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
    yield "ids.accepted", "only ids of accepted events are remembered", _AcceptedAlone
    yield "ids.by_event", "an id is used for one kind of event alone", _ByEvent
    yield "ids.by_request", "a repeat is one only where all else is the same", _ByRequest
    yield "ids.until_a_job", "ids are forgotten when a job runs", _UntilAJob
    yield "ids.shared", "an id that one account has used is used for all", _Shared
    yield "ids.anew", "a repeat is applied once more, and answered as at first", _Anew
    yield "ids.refreshed", "a repeat is answered with the state of now", _refreshed(False)
    yield "ids.refreshed_after_a_job", "a repeat is answered with the state of now once a job has run", _refreshed(True)
    for way, change in _NAMES.items():
        yield f"ids.without_{way}", f"two ids are taken for one without regard to {way}", _renamed("id", change)


def _of_entries() -> Iterator[tuple[str, str, Make]]:
    if not KEY:
        return
    yield "entries.refused", f"a {KEY} is forgotten when an event that names it is refused", _ForgetsTheRefused
    yield "entries.all_at_a_refusal", f"every {KEY} is forgotten when an event that names one is refused", _ForgetsAllAtARefusal
    yield "entries.used_up", f"an event that is refused uses its {KEY} up", _RefusalsUseItUp
    for many in (0, 1, 2, 10):
        yield f"entries.last_{many}", f"of an account the last {many} are remembered by {KEY}", _last_entries(many)
    yield "entries.until_a_job", f"every {KEY} is forgotten when a job runs", _ForgetsAtAJob
    yield "entries.shared", f"a {KEY} is one for all accounts", _EntriesOfAll
    yield "entries.by_event", f"each kind of event has a table of its own by {KEY}", _ByKindOfEvent
    yield "entries.as_ids", f"a {KEY} is taken for the event's id where it has none", _EntriesAreIds
    yield "entries.begin_anew", f"the periods of a {KEY} begin anew whenever it is named", _Begins
    for position, period in enumerate(MEMORY.periods):
        for after in (2, 3):
            yield (
                f"entries.{period.lasts}_{after}",
                f"{period.lasts} holds again when it has ended {after} times",
                _period(position, after),
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

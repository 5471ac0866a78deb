"""Runs that go through a list, where dice would come to each thing on it too rarely: names that are alike, old entries, and
what is done many times or long after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.interpreters.compiled import Row
from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.declaration import Event, Machine, Shape
from tokenspec.machine.lang.types import Enum, Tokens
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import SPEC, TOTAL_POOLS
from tokenspec.oracle.fuzz.moves import moves
from tokenspec.oracle.fuzz.names import all_names, all_unlisted
from tokenspec.oracle.fuzz.pairs import undone
from tokenspec.oracle.fuzz.scenes import START, WHOLE, Scene
from tokenspec.oracle.fuzz.starts import STARTS
from tokenspec.oracle.fuzz.worlds import WorldFuzz
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY, begins, refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, MINUTE_MS, SLOWEST, SLOWEST_CLOCK, Move, Wait, move
from tokenspec.oracle.runtime.script import START as MIDNIGHT
from tokenspec.oracle.wire.records import asked

_MANY = 1_100
"""The number of ids and entries of one account: more than a table or cache of a round size holds."""
_FIRST = 16
"""The number of first ids and entries that a run comes back to."""
DAYS = (
    "2027-01-31T22:30:00Z",
    "2027-01-30T00:00:00Z",
    "2027-01-29T02:30:00Z",
    "2028-02-29T12:00:00Z",
    "2027-02-28T23:59:59.999Z",
    "2099-12-31T00:00:00Z",
    "1999-12-31T03:47:00Z",
)
"""Instants on days that some month or year does not have, or after which one comes that has none."""
_AS_IT_IS = 2 ** len(TOTAL_POOLS) - 1
_AS_IT_WAS = 3 * 2 ** len(TOTAL_POOLS) + _AS_IT_IS
"""The dice with which a screen shows all pools: as they are, and as they were before they changed last."""
_OFTEN = 64
"""The number of times that a thing is done again: more than any count of a wallet that is small."""
_PERIODS = 13
"""The number of periods from each of them: a year of months, and one more."""
_TOO_EARLY = Wait(SLOWEST.clocks, -1)


class Chains:
    """Chains of an event that sets something, or of one and what undoes it, after which a job of the slowest clock goes on.

    `names` are the events that there are, of which those `alone` are chains too; `ahead` gives the moves that are worth trying
    in an account, the plainest first.
    """

    def __init__(
        self,
        machine: Machine,
        job: Move,
        names: Collection[str],
        ahead: Callable[[Account], Iterable[Move]],
        alone: Iterable[str] = (),
    ) -> None:
        pairs = [pair for pair in undone(machine) if not begins(pair[0])]
        chains = dict.fromkeys((*((one,) for one, _ in pairs), *pairs, *((name,) for name in alone)))
        self._chains = [chain for chain in chains if job["event"] not in chain and {*names} >= {*chain}]
        self._job, self._ahead, self._often = job, ahead, Counter[tuple[object, ...]]()

    def before(self, oracle: Oracle, who: str, now: int, due: int, when: object) -> list[dict[str, Any]]:
        """Returns the records of a chain before a job that is `due`, a minute on or at that very instant.

        It is the one that was returned most rarely in the same case `when`; nothing where there is none.
        """
        known = dict[Row, list[Move]]()
        for chain, at in product(sorted(self._chains, key=lambda each: self._often[each, when]), (now + MINUTE_MS, due)):
            if at > due:
                continue
            ahead = oracle.fork({who: oracle.accounts[who].copy()})
            records = [record for name in chain if (record := self._accepted(ahead, who, at, name, known))]
            if len(records) == len(chain):
                ahead.apply({"account": who, "at": due, **self._job})
                if SLOWEST.end(ahead.accounts[who], due) > due:
                    self._often[chain, when] += 1
                    return records
        return []

    def _accepted(self, ahead: Oracle, who: str, at: int, event: str, known: dict[Row, list[Move]]) -> dict[str, Any]:
        """Runs the plainest record of an event that is accepted ahead, and returns it; nothing where there is none.

        The moves are kept in `known` by the row of the account, which has the same entries each time.
        """
        account = ahead.accounts[who]
        if account.row not in known:
            known[account.row] = list(self._ahead(account))
        for found in known[account.row]:
            record = {**found, "account": who, "at": at}
            if found["event"] == event and ahead.apply(record).outcome == "accepted":
                return record
        return {}


class Sweeps(WorldFuzz):
    """The runs of lists, in worlds under the usual settings and figures."""

    def sweep(self) -> None:
        """Runs all lists."""
        for run in (
            self.sweep_names,
            self.sweep_lists,
            self.sweep_entries,
            self.sweep_starts,
            self.sweep_sessions,
            self.sweep_screens,
            self.sweep_periods,
        ):
            run()
        self.teardown()

    def sweep_names(self) -> None:
        """Opens accounts, and names entries, ids and whatever else a record can name, under all names that are alike."""
        self._begin_plainly()
        for name in all_names():
            self._play({"account": name, "at": format_instant(self._now), "event": SPEC.opening.name})
        for key, event in self._first_with_each_key().items():
            self._begin_plainly()
            # An empty name is a name, and comes twice: by then it is known, or was taken for none.
            for name in ("", *all_names(), ""):
                self._play_plain(event, {key: name, "id": name})

    def sweep_lists(self) -> None:
        """Names what is on no list, to an account that was just opened, and to one that has begun."""
        for begin in (self._open_one, self._begin_plainly):
            begin()
            for event in self.events:
                lists: list[tuple[str, Iterable[str]]] = [
                    (field.key, field.type.members)
                    for field in self.said[event.name]
                    if isinstance(field.type, Enum) and UNLISTED in field.type.members
                ]
                named = [key.name for key in event.keys if key.name in SPEC.names and not key.optional]
                lists += [(name, self._listed[SPEC.names[name]]) for name in named]
                for key, members in lists:
                    for name in all_unlisted(members):
                        self._play_plain(event, {key: name})

    def sweep_entries(self) -> None:
        """Begins many entries of one account, each under an id, and comes back to the first ones."""
        self._begin_plainly()
        for event in self._of_sessions:
            if self._logs_in(event):
                self._play_plain(event, _named(event, "oldest"))
        oldest = self._layers.shown(self._scene.accounts[0], _AS_IT_IS)
        for number in range(_MANY):
            event = self._beginning[number % len(self._beginning)]
            self._play_plain(event, {KEY: f"n{number}", "id": f"n{number}"})
        self._show("oldest", oldest)
        for record in [record for record in self.records if "id" in record][:_FIRST]:
            self._play({**asked(record), "at": format_instant(self._now)})
        for number in range(_FIRST):
            for event in self.events:
                self._play_plain(event, {KEY: f"n{number}"})

    def sweep_starts(self) -> None:
        """Runs the slowest job for a year, from days that some month or year does not have, each time too early first."""
        if SLOWEST_CLOCK is None:
            return
        who, job, names = self._scene.accounts[0], move(SLOWEST_CLOCK.job), {event.name for event in self.events}
        places = {v.name: n for n, v in enumerate(self.machine.variables)}
        chains = Chains(
            self.machine, job, names, lambda account: (found for found, _ in moves(account, places, self.oracle.catalogue))
        )
        what = {"account": who, **(job if job["event"] in names else LOOK)}
        for start in DAYS:
            self._begin_plainly(parse_instant(start))
            for _ in range(_PERIODS):
                early, due = self._time(who, _TOO_EARLY), self._time(who, SLOWEST)
                if job["event"] in names and who in self.oracle.accounts:
                    is_same = format_instant(due)[8:10] == start[8:10]
                    for record in chains.before(self.oracle, who, self._now, due, is_same):
                        self._play_at(record["at"], record)
                if self._now < early:
                    self._play_at(early, what)
                self._play_at(due, what)

    def sweep_sessions(self) -> None:
        """Lets each event of a session happen to many sessions of one account, those that end a session last."""
        self._begin_plainly()
        for event in self._of_sessions:
            for number in range(_OFTEN):
                self._play_plain(event, _named(event, f"n{number}"))

    def sweep_screens(self) -> None:
        """Lets each event of a session happen to one of three; then each shows what was before the last spending, and what is."""
        self._begin_plainly()
        who, of_sessions = self._scene.accounts[0], self._of_sessions
        for number, event in enumerate(of_sessions):
            names = [f"n{number}-{session}" for session in range(3)]
            for other in of_sessions:
                if not self._ends(other):
                    for name in names:
                        self._play_plain(other, _named(other, name))
            self._play_plain(self._beginning[0], {KEY: f"shown {number}"})
            self._play_plain(event, _named(event, names[0]))
            for name, die in product(names, (_AS_IT_WAS, _AS_IT_IS)):
                self._show(name, self._layers.shown(who, die))

    def fetch_after(self, path: list[dict[str, Any]]) -> None:
        """Runs a path, with three sessions since before its last record; then each fetches, and shows what was before."""
        self._open_plainly(path[0]["account"])
        names = [f"n{number}" for number in range(3)]
        for number, record in enumerate(path, 1):
            self._now = record["at"]
            if number == len(path):
                for event, name in product(self._of_sessions, names):
                    if self._logs_in(event):
                        self._play_plain(event, _named(event, name))
            self._play_at(record["at"], record)
        self._play_plain(self._beginning[0], {KEY: "shown"})
        for name, event in product(names, self._of_sessions):
            if not (self._logs_in(event) or self._ends(event) or any(key.shape is Shape.POOLS for key in event.keys)):
                self._play_plain(event, _named(event, name))
                self._show(name, self._layers.shown(self._scene.accounts[0], _AS_IT_WAS))
        self.teardown()

    def _show(self, name: str, figures: Mapping[str, int]) -> None:
        """Lets a session show figures."""
        for screen in self._of_sessions:
            if shows := {key.name: figures for key in screen.keys if key.shape is Shape.POOLS}:
                self._play_plain(screen, {**_named(screen, name), **shows})

    @property
    def _of_sessions(self) -> list[Event]:
        """The events of sessions, those that end one last."""
        return sorted((e for e in self.events if e.name in self.oracle.session_machine.event_named), key=self._ends)

    def _ends(self, event: Event) -> bool:
        return any(rule.target == self.oracle.session_out for rule in event.rules)

    def sweep_periods(self) -> None:
        """Lets time pass, for each clock, until it has fallen due many times; entries begun before are asked back then.

        Days and months end at one instant. The jobs of other clocks run then as well, where they are due.
        """
        written = {event.name for event in self.events}
        for clock in self.machine.clocks:
            self._begin_plainly(parse_instant(MIDNIGHT))
            who, begun = self._scene.accounts[0], self._begin_entries(0, WHOLE, WHOLE)
            others = [other.job for other in self.machine.clocks if other is not clock and other.job in written]
            own = move(clock.job) if clock.job in written else LOOK
            for number in range(_OFTEN):
                self._now = self._time(who, Wait((clock.name,)))
                now = {"account": who, "at": format_instant(self._now)}
                self._play({**now, **own})
                for job in others:
                    if self._when_accepted({**now, **move(job)}) == self._now:
                        self._play({**now, **move(job)})
                if KEY and number < _PERIODS:
                    # Each is as many periods old, of what ended with them, and there is room for what comes back.
                    self._play_plain(self._beginning[0], {KEY: f"of {number}"}, WHOLE)
                if KEY and number == _PERIODS:
                    self._play_plain(self._beginning[0], {KEY: f"of {number}"}, WHOLE)
                    self._ask_back([f"of {each}" for each in reversed(range(_PERIODS))])
            self._ask_back(begun)

    def repeat_often(self, first: list[dict[str, Any]], then: list[dict[str, Any]]) -> None:
        """Runs a path, and what comes again after it many times; entries begun before are asked back at the end."""
        self._open_plainly(first[0]["account"])
        for record in first:
            self._play_at(record["at"], record)
        begun, new = self._begin_entries(0, WHOLE), {record[KEY] for record in then if begins(record["event"])}
        is_enough = self._when_accepted({**then[-1], **dict.fromkeys({KEY} & then[-1].keys(), "enough")}) == self._now
        for number in range(_OFTEN):
            for record in then[-1:] if is_enough else then:
                again = {KEY: f"{record[KEY]} {number}"} if record.get(KEY) in new else {}
                self._now += MINUTE_MS
                self._play_at(self._when_accepted({**record, **again}) or self._now, {**record, **again})
        self._ask_back(begun)
        self.teardown()

    def _when_accepted(self, record: dict[str, Any]) -> int | None:
        """Returns the instant at which a record is accepted: now, or when a clock falls due next or after that; else None."""
        who = record["account"]
        ahead = self.oracle.fork({who: self.oracle.accounts[who].copy()})
        instants = _upcoming(ahead.accounts[who], self._now)
        return next((at for at in instants if ahead.apply({**record, "at": at}).outcome == "accepted"), None)

    def _begin_entries(self, *amounts: int) -> list[str]:
        """Begins entries with each event that does, of half of each amount that a die stands for; returns their names."""
        names = list[str]()
        for event in self._beginning if KEY else ():
            for amount in amounts:
                names.append(f"early {len(names)}")
                self._play_plain(event, {KEY: names[-1]}, amount, 2)
        return names

    def _ask_back(self, names: Sequence[str]) -> None:
        """Plays each event that refers to entries, for each of these."""
        for name in names:
            for event in self.events:
                if refers(event.name):
                    self._play_plain(event, {KEY: name})

    def spend_around(self, path: list[dict[str, Any]]) -> None:
        """Runs a path with everything spent after each of its records; then what was spent before the last one is asked back."""
        self._open_plainly(path[0]["account"])
        for number, record in enumerate(path):
            self._play_at(record["at"], record)
            self._play_plain(self._beginning[0], {KEY: f"spent {number}"}, WHOLE)
        for number in range(len(path) - 1):
            for event in self.events:
                if not begins(event.name):
                    self._play_plain(event, {KEY: f"spent {number}"})
        self.teardown()

    @property
    def _beginning(self) -> list[Event]:
        """The events that begin entries; all of them where none does."""
        return [event for event in self.events if begins(event.name)] or list(self.events)

    def _first_with_each_key(self) -> dict[str, Event]:
        """Returns, by key that holds a name which a record makes up, the first event that needs it."""
        of_others = {*SPEC.names, SPEC.other_account}
        return {name: event for event in reversed(self.events) for name in _named(event, "") if name not in of_others}

    def _open_one(self) -> None:
        self._open_plainly("a")
        self._play({"account": "a", "at": format_instant(self._now), "event": SPEC.opening.name})

    def _open_plainly(self, who: str) -> None:
        self._scene = Scene(accounts=(who, "b", "c"))
        assert self.fixed_catalogue is not None
        self.open_world({}, self.fixed_catalogue, "explicit")

    def _begin_plainly(self, start: int = START) -> None:
        self._scene = Scene(start)
        assert self.fixed_catalogue is not None
        self.start({}, self.fixed_catalogue, "explicit", STARTS.of_other[0], self.begun_with[-1], self._scene)

    def _play_at(self, at: int, record: Mapping[str, Any]) -> None:
        self._now = at
        self._play({**record, "at": format_instant(at)})

    def _play_plain(self, event: Event, names: Mapping[str, Any], amount: int = 0, part: int = 1) -> None:
        """Plays the plainest record of an event that names something of the kind of `names`.

        `amount` is a die, of whose amount above one `part` is taken: all of it, half of it and so on.
        """
        if KEY in names and "id" not in names and not any(key.name == KEY for key in event.keys):
            return
        who = self._scene.accounts[0]
        record: dict[str, Any] = {"account": who, "at": format_instant(self._now), "event": event.name}
        record |= {
            said.key: names[said.key]
            if said.key in names
            else said.type.nearest(max(1, self._value(who, said.type, amount) // part))
            if isinstance(said.type, Tokens)
            else self._value(who, said.type, 0)
            for said in self.said[event.name]
        }
        for key in event.keys:
            if not key.optional:
                record[key.name] = names[key.name] if key.name in names else self._key(who, event, key, 0)
        record |= {"id": names["id"]} if "id" in names else {}
        self._fit_to_the_lists(record, 0)
        self._play(record)


def _named(event: Event, name: str) -> dict[str, Any]:
    """The keys of an event that hold names which a record makes up, all with this one."""
    return {key.name: name for key in event.keys if not key.optional and key.shape is Shape.TEXT}


def _upcoming(account: Account, now: int) -> Iterator[int]:
    """Yields an instant, and those at which each clock of the account falls due next, twice; time passes for it in between."""
    yield now
    for _ in range(2):
        yield from sorted(dial.upcoming for dial in account.dials if dial is not None and dial.upcoming < NEVER)

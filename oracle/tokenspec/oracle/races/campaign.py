"""A run of races and crashes, from the first world to the verdict: search, the shortest history, and how often it shows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import machines, system
from tokenspec.oracle.fuzz.closed import closed_by
from tokenspec.oracle.fuzz.shrink import fewer, shrink
from tokenspec.oracle.races.files import records_of_history
from tokenspec.oracle.races.history import Call, overlapping
from tokenspec.oracle.races.judge import Judge, ManySettings, NotLinearizable, Placed, meaning_of
from tokenspec.oracle.races.plainer import few_clients, in_order, records_of, rounds_of
from tokenspec.oracle.races.playing import Played, Players, Record, Round
from tokenspec.oracle.races.result import Race, RaceFinding, RaceResult
from tokenspec.oracle.races.schedules import Scheduler
from tokenspec.oracle.sut.capabilities import BATCH, payload_keys
from tokenspec.oracle.sut.world import CannotOpen, Diverged, NotClosed, SutSettings, close
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.resets import clock_jobs

Progress = Callable[[int], None]
_TRIES, _MOST_TRIES = 6, 100
"""Tries of a shorter history before it is taken not to show what is wrong, for what shows often, and rarely."""
_SURE, _SURE_TRIES = 5, 2
"""The number of times in a row that something shows for it to be sure, and the tries of a shorter history then."""
_CANDIDATES = 400
"""The largest number of shorter histories that are tried."""
_SHRINK_SECONDS, _MEASURE_SECONDS, _MEASURED = 25.0, 4.0, 20
_RARE_SECONDS = 20.0
"""Seconds in which something that shows more often is looked for, once a finding did not show again."""
_FEWER_SECONDS, _RENUMBER_SECONDS = 6.0, 3.0
_MORE_TRIES = 4
"""Times as many tries of the short history with one request less, before each request is taken to be needed."""
_MET_ANEW = 8
"""The number of worlds after which the clients connect anew: a few connections may all meet one of several workers."""
_AGAIN = 200
"""Tries of a saved history before it is taken not to show what was wrong."""

NO_OVERLAP = "no two requests about one account overlapped: what the clients asked came one after the other"
NO_KILL = "it was never killed after something had been accepted"
NOT_SENT = "the implementation does not take all of the history: an event, a value or a refusal in it is none that it lists"
NOTHING_COMPARED = "nothing was compared: with the events, values and fields that it lists, no field observed ever held a value"


class WrongWorld(Exception):
    """A world that showed something: what was played, and what was wrong with it."""

    def __init__(self, played: Played, why: NotLinearizable | Diverged) -> None:
        self.played, self.why = played, why
        super().__init__(str(why))


class Campaign:
    """The worlds of one run."""

    def __init__(self, players: Players, setting: SutSettings, race: Race, result: RaceResult, tick: Progress) -> None:
        terms = result.terms = players.open()
        setting = setting.under(terms)
        self._players, self._setting, self._race, self._result, self._tick = players, setting, race, result, tick
        result.policy = {**setting.policy, **terms.policy}
        result.left_out = players.openings.left_out
        self._keys = {event.name: payload_keys(event) for event in system(setting.catalogue).events}
        result.coverage, result.closed = Coverage(machines(setting.catalogue)), closed_by(terms, setting)
        self.terms, self._judge = terms, Judge(meaning_of(setting, terms), terms, setting)

    def search(self) -> None:
        """Plays worlds until one shows something or a limit is reached; what was found is made short.

        What does not show again may have been a matter of chance: then the search goes on for a while.
        """
        race, result = self._race, self._result
        until = time.monotonic() + race.seconds if race.seconds is not None else float("inf")
        rare: RaceFinding | None = None
        self._play_worlds(until)
        while (found := result.finding) is not None and found.played.rounds and not self.shorten(found):
            if rare is None:
                rare, until = found, min(until, time.monotonic() + _RARE_SECONDS)
            result.finding = None
            self._play_worlds(until)
        if result.finding is None or (rare is not None and not result.finding.played.rounds):
            # Where it cannot even be opened any more, what came before tells more.
            result.finding = rare

    def _play_worlds(self, until: float) -> None:
        race, result, started = self._race, self._result, time.monotonic()
        while race.examples is None or result.worlds < race.examples:
            if time.monotonic() > until:
                result.ended_by = "time"
                break
            if result.worlds and not result.worlds % _MET_ANEW:
                self._players.connect_anew()
            seed = f"{race.seed}/{result.worlds}"
            dice = random.Random(seed)
            try:
                self._world(Scheduler(dice, self.terms, self._setting.catalogue, race.clients, race.kills))
            except WrongWorld as wrong:
                result.finding = RaceFinding(wrong.played, wrong.why, seed=seed)
                break
            self._tick(1)
        result.search_seconds += time.monotonic() - started

    def _world(self, scheduler: Scheduler) -> None:
        players, judge = self._players, self._judge
        self._open()
        played = Played()
        while (round_ := scheduler.next(judge.account, players.pace)) is not None:
            if not self._is_barred(round_):
                scheduler.saw(self._play(played, round_))

    def _is_barred(self, round_: Round) -> bool:
        """Returns whether some order has an answer that the implementation does not know, or cannot hold.

        Under `jobs` = `batch` a job that is not due is not sent either.
        """
        at = format_instant(round_.at)
        records = [{**record, "at": at} for _, record in round_.sends]
        if self.terms.jobs == BATCH:
            jobs = [record for record in records if record["event"] in clock_jobs()]
            if any(answer.outcome == "refused" for answer in self._judge.ahead(jobs)):
                return True
        return self.terms.looks_ahead and any(map(self.terms.bars, self._judge.ahead(records)))

    def _open(self) -> None:
        try:
            self._players.open()
        except Diverged as error:
            raise WrongWorld(Played(), error) from None
        self._result.worlds += 1
        self._judge.begin()

    def _play(self, played: Played, round_: Round) -> list[Call]:
        """Plays one round and judges it. Raises `WrongWorld`."""
        result = self._result
        played.rounds.append(round_)
        calls = self._players.play(round_)
        played.calls.append(calls)
        result.requests += len(calls)
        if round_.kill is not None:
            # Whatever was answered in this round too was answered before the kill: nobody answers after it.
            answers = (call.got or {} for answered in played.calls for call in answered)
            result.kills += any(answer.get("outcome") == "accepted" for answer in answers)
            try:
                self._players.start_again()
            except Diverged as error:
                raise WrongWorld(played, error) from None
        failed = next((call for call in calls if call.failed is not None), None)
        if failed is not None:
            raise WrongWorld(played, Diverged(None, None, [], failed.failed))
        try:
            order = self._judge.round(calls)
        except NotLinearizable as error:
            raise WrongWorld(played, error) from None
        self._count(calls, order)
        return calls

    def _count(self, calls: Sequence[Call], order: Sequence[Placed]) -> None:
        told = {placed.call: (placed.call.record["event"], placed.decided_by or "a repeated id") for placed in order}
        if self._setting.known is None:
            for placed in order:
                if placed.decided_by is not None:
                    self._result.coverage.note_name(placed.call.record["event"], placed.decided_by)
        for one, other in overlapping(calls):
            if one in told and other in told:
                low, high = sorted(": ".join(told[call]) for call in (one, other))
                self._result.overlaps[low, high] += 1

    # One history, again and again

    def again(self, rounds: Sequence[Round]) -> WrongWorld | None:
        """Plays given rounds in a world of their own, as far as they can be sent; what they showed, if anything."""
        try:
            self._open()
            played = Played()
            for round_ in rounds:
                if not all(self._is_taken(record) for _, record in round_.sends) or self._is_barred(round_):
                    return None
                self._play(played, round_)
            self._result.wholes += 1
        except WrongWorld as wrong:
            return wrong
        return None

    def try_again(self, rounds: Sequence[Round]) -> None:
        """Plays a history until it shows something or a limit is reached, and then counts how often it does."""
        race, result = self._race, self._result
        until = time.monotonic() + (race.seconds if race.seconds is not None else float("inf"))
        while result.worlds < (race.examples or _AGAIN) and time.monotonic() < until:
            self._players.connect_anew()
            wrong = self.again(rounds)
            self._tick(1)
            if wrong is not None:
                result.finding = RaceFinding(wrong.played, wrong.why)
                self._measure(result.finding, rounds)
                return
        if not result.wholes:
            result.why_none = NOT_SENT

    def shorten(self, finding: RaceFinding) -> bool:
        """Makes the history of a finding as short and plain as is found, and counts how often it shows.

        False where it does not show again. What is played for that is not counted as searching.
        """
        best, kind = finding.played.rounds, _kind(finding)
        until, times, needed = time.monotonic() + _SHRINK_SECONDS, 1, list[int]()

        def shows(rounds: list[Round]) -> bool:
            nonlocal best
            for number in range(1, min(_MOST_TRIES, times * _patience(needed)) + 1):
                if time.monotonic() > until:
                    return False
                wrong = self.again(rounds)
                # What becomes wrong in another way is another finding.
                if wrong is not None and _kind(wrong) == kind:
                    needed.append(number)
                    finding.played, finding.why, best = wrong.played, wrong.why, rounds
                    return True
            return False

        def fails(records: list[dict[str, Any]]) -> bool:
            nonlocal best
            rounds, before = rounds_of(records), (finding.played, finding.why, best)
            if not self._can_be_sent(rounds) or not shows(rounds):
                return False
            # What shows once may do so by chance, and hardly ever again.
            if not shows(rounds):
                needed.pop()
                finding.played, finding.why, best = before
                return False
            return True

        searched, self._result = self._result, RaceResult()
        try:
            if not shows(best):
                finding.tries += self._result.worlds
                return False
            while len(needed) < _SURE and needed[-1] == 1 and shows(best):
                pass
            for position, round_ in enumerate(best):
                if round_.kill is not None:
                    shows([*best[:position], replace(round_, kill=None), *best[position + 1 :]])
            shrink(records_of(best), fails, _CANDIDATES)
            # A shorter history may show by chance too, and more rarely: on a busy machine it was tried too seldom.
            until, times = time.monotonic() + _FEWER_SECONDS, _MORE_TRIES
            fewer(records_of(best), fails)
            until = time.monotonic() + _RENUMBER_SECONDS
            for plainer in (few_clients(best), in_order(best)):
                if plainer != best and shows(plainer):
                    break
            self._measure(finding, best)
            return True
        finally:
            self._result = searched

    def _can_be_sent(self, rounds: Sequence[Round]) -> bool:
        """Returns whether these are records that the implementation takes, and an id that comes again is that of a true retry."""
        first: dict[tuple[str, str], Record] = {}
        for round_ in rounds:
            for _, record in round_.sends:
                if not self._is_taken(record):
                    return False
                if "id" in record and first.setdefault((record["account"], record["id"]), record) != record:
                    return False
                try:
                    self._judge.meaning.reader.convert({**record, "at": round_.at})
                except BadRecord:
                    return False
        return True

    def _is_taken(self, record: Record) -> bool:
        """Returns whether the implementation lists the event of a record, and takes its values."""
        keys = self._keys[record["event"]]
        return record["event"] in self.terms.events and all(
            self.terms.takes(key, record[key], optional) for key, optional in keys.items() if key in record
        )

    def _measure(self, finding: RaceFinding, rounds: Sequence[Round]) -> None:
        searched, self._result = self._result, RaceResult()
        until, shown, tries = time.monotonic() + _MEASURE_SECONDS, 0, 0
        try:
            while tries < _MEASURED and time.monotonic() < (until if shown else until + _RARE_SECONDS):
                tries += 1
                wrong = self.again(rounds)
                if wrong is not None and _kind(wrong) == _kind(finding):
                    shown += 1
                    finding.played, finding.why = wrong.played, wrong.why
        finally:
            self._result = searched
        # It showed at least once before, when it was found.
        finding.shown, finding.tries = (shown, tries) if shown else (1, tries + 1)

    # The verdict

    def conclude(self) -> None:
        """Closes the world, and says why there is no verdict, where there is none."""
        result, race, judge = self._result, self._race, self._judge
        result.figures = self._players.openings.fixed_figures
        result.compared, result.held = judge.compared, judge.held
        if isinstance(judge.meaning, ManySettings):
            is_unexplained = result.finding is not None and isinstance(result.finding.why, NotLinearizable)
            result.policies, result.settings = judge.meaning.answers(judge.left), 0 if is_unexplained else judge.left.bit_count()
            result.policy = judge.meaning.first(judge.left)
        if result.finding is not None:
            result.finding.records = records_of_history(result.finding.played, lambda call: judge.part(call, Answer("refused")))
            return
        try:
            close(self._players.openings.client)
        except NotClosed as error:
            result.finding = RaceFinding(Played(), error)
            return
        if not result.compared:
            result.why_none = NOTHING_COMPARED
        elif race.overlaps and not result.overlaps:
            result.why_none = NO_OVERLAP
        elif race.kills and not result.kills:
            result.why_none = NO_KILL
        elif race.examples is not None and result.worlds < race.examples and result.ended_by:
            result.why_none = (
                f"{result.worlds:,} of {counted(race.examples, 'world was', 'worlds were', ',')} played when the time was over"
            )


def _patience(needed: Sequence[int]) -> int:
    """Returns the tries before a history is taken not to show what is wrong, of those that it needed the last times to show."""
    last = needed[-_SURE:]
    if not last:
        return _MOST_TRIES
    return _SURE_TRIES if len(last) == _SURE and max(last) == 1 else max(_TRIES, 3 * max(last))


def _kind(shown: WrongWorld | RaceFinding) -> tuple[object, ...]:
    """The kind of a finding: no order explains it, or the way in which a request failed; at once or after something was asked."""
    return (bool(shown.played.rounds), *(("no order",) if isinstance(shown.why, NotLinearizable) else shown.why.kind))


def race_for(
    players: Players, setting: SutSettings, race: Race, tick: Progress = lambda _: None, rounds: Sequence[Round] | None = None
) -> RaceResult:
    """Races at an implementation; with `rounds`, one history again. Raises `NotThere`, `WrongUsage`."""
    started, result = time.monotonic(), RaceResult(policy=setting.policy)
    try:
        campaign = Campaign(players, setting, race, result, tick)
        try:
            if rounds is None:
                campaign.search()
            else:
                campaign.try_again(rounds)
        except KeyboardInterrupt:
            # Whoever interrupts the search for a shorter history is shown what was found.
            if result.finding is None:
                raise
            result.is_interrupted = True
        campaign.conclude()
    except Diverged as error:
        result.finding = RaceFinding(Played(), error)
    except CannotOpen as fault:
        result.why_none = f"it cannot open this world: {fault}"
    except KeyboardInterrupt:
        result.why_none, result.is_interrupted = "it was interrupted", True
    result.seconds = time.monotonic() - started
    return result

"""Causes of a puzzling balance that fit a display. What is peculiar to an account comes with its specification.

Each cause is one function over the story of an account. No cause restates a rule of the account: each compares the
display with the oracle's figures, and quotes the clauses it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tokenspec.machine.lang.declaration import Kind
from tokenspec.oracle.base.specification import SPEC, hint, system
from tokenspec.oracle.base.text import as_text
from tokenspec.oracle.logs.history import WAITING, Carried, Change, Story, again, instant
from tokenspec.oracle.wire.log_files import place_of


@dataclass(frozen=True)
class BalanceCause:
    """A cause that fits, with the clauses it rests on and a sentence for the reader."""

    cause: str
    clauses: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Asked:
    """The story, the display (None where not given), and the zone in which instants are shown beside UTC."""

    story: Story
    shown: Mapping[str, int] | None
    zone: ZoneInfo | None

    @property
    def wrong(self) -> dict[str, int]:
        """Returns the shown figures that are not the true balance."""
        now = self.story.balances
        return {pool: tokens for pool, tokens in (self.shown or {}).items() if tokens != now[pool]}

    def when(self, at: int) -> str:
        """Returns an instant, as shown."""
        return instant(at, self.zone)

    def asks_for(self, *pools: str) -> bool:
        """Returns true if one of the pools was shown; with nothing shown, all of them are asked for."""
        return self.shown is None or any(pool in self.shown for pool in pools)


Finder = Callable[[Asked], Iterator[BalanceCause]]


class Diagnoses(NamedTuple):
    """The causes that a specification has of its own, and the clauses of those that every account has."""

    explanations: tuple[Finder, ...]
    """Causes of a wrong figure."""
    circumstances: tuple[Finder, ...]
    """Events in the account, whatever was shown."""
    last: Finder
    """The cause where a figure is wrong and no other cause fits."""
    behind_skipped: tuple[Finder, ...] = ()
    """Causes that can be told though a record of the account could not be read."""
    clauses: Mapping[str, tuple[str, ...]] = {}
    """By cause, by clock whose job has run, or by pool that holds what is shown as another's."""


def causes(asked: Asked) -> list[BalanceCause]:
    """Returns every cause that fits, those that explain a wrong figure first.

    After a record of the account that could not be read no balance is known, and no figure is explained.
    """
    own = _own()
    if asked.story.skipped:
        finders = (_skipped, _recorded_elsewhere, *own.behind_skipped)
        return [cause for finder in finders for cause in finder(asked)]
    found = [cause for finder in (_recorded, _stale_session, _job_has_run, *own.explanations) for cause in finder(asked)]
    if asked.wrong and not found:
        found += own.last(asked)
    return found + [cause for finder in (_recorded_elsewhere, *own.circumstances) for cause in finder(asked)]


def _own() -> Diagnoses:
    found: Diagnoses | None = hint("diagnoses")
    return found or Diagnoses((wrong_pool,), (emptied,), _never_true)


def _never_true(asked: Asked) -> Iterator[BalanceCause]:
    for pool, tokens in asked.wrong.items():
        told = f"What is shown was never true: {pool} is shown as {tokens:,} and holds {asked.story.balances[pool]:,}"
        yield BalanceCause("never_true", (), f"{told}.")


# Causes of a wrong figure


def _stale_session(asked: Asked) -> Iterator[BalanceCause]:
    """Yields the last time at which the display was right, for accounts without sessions under another name."""
    if not asked.wrong or asked.shown is None:
        return
    span = _last_true(asked.story.changes, asked.shown)
    if span is None:
        return
    since, until = span
    true = f"What is shown was the true balance from {asked.when(since)} until {asked.when(until)}"
    if SPEC.sessions(system()) is None:
        yield BalanceCause("out_of_date", _own().clauses.get("out_of_date", ()), f"{true}, and is out of date since then.")
        return
    names = sorted(asked.story.kept.sessions)
    devices = f" The log has {len(names)} sessions logged in, and each may show another moment." if len(names) > 1 else ""
    yield BalanceCause(
        "stale_session",
        _own().clauses.get("stale_session", ()),
        f"{true}: a session that fetched it then goes on showing it until it is refreshed or logs in again.{devices}",
    )


def _last_true(changes: list[Change], shown: Mapping[str, int]) -> tuple[int, int] | None:
    """Returns the last span in which all shown figures were true together."""
    since: int | None = None
    found: tuple[int, int] | None = None
    for change in changes:
        fits = all(change.after[pool] == tokens for pool, tokens in shown.items())
        if fits and since is None:
            since = change.at
        elif not fits and since is not None:
            found, since = (since, change.at), None
    return found


def _recorded(asked: Asked) -> Iterator[BalanceCause]:
    """Yields a wrong record of the log's own system with just the shown figure."""
    for recorded in reversed(asked.story.recorded):
        wrong = {name.removeprefix("balances.") for name, _, _ in recorded.differences if name.startswith("balances.")}
        if asked.wrong and all(pool in wrong and recorded.balances.get(pool) == n for pool, n in asked.wrong.items()):
            told = f"Your system recorded this at {place_of(recorded.line)}, and is wrong there"
            yield BalanceCause("recorded", _own().clauses.get("recorded", ()), f"{told}: see `tokenspec replay`.")
            return


def wrong_pool(asked: Asked) -> Iterator[BalanceCause]:
    """Yields the pools that hold what is shown as another's."""
    now = asked.story.balances
    for pool, tokens in asked.wrong.items():
        for other in (other for other, held in now.items() if other != pool and held == tokens and tokens > 0):
            told = f"{tokens:,} is what {other} holds; {pool} is a pool of its own and holds {now[pool]:,}."
            clauses = _own().clauses
            yield BalanceCause("wrong_pool", clauses.get(other, clauses.get("wrong_pool", ())), told)


def _job_has_run(asked: Asked) -> Iterator[BalanceCause]:
    """Yields a due job that the log lacks and after which the shown figures are true."""
    waiting = [due.clock for due in asked.story.due if due.state != WAITING]
    for clocks in (*((clock,) for clock in waiting), tuple(waiting)):
        balances = again(asked.story, {}, [clock.job for clock in clocks])
        if asked.wrong and all(balances[pool] == tokens for pool, tokens in (asked.shown or {}).items()):
            jobs = " and ".join(clock.job for clock in clocks)
            cited = tuple(dict.fromkeys(clause for clock in clocks for clause in _own().clauses.get(clock.name, clock.clauses)))
            yield BalanceCause(
                "job_has_run", cited, f"What is shown is right once {jobs} has run, which is due and not in the log."
            )
            return


# Events in the account, whatever was shown


_WENT: dict[Kind | Carried, str] = {
    Kind.SPENT: "were spent by",
    Kind.EXPIRED: "expired at",
    Kind.MOVED_OUT: "were moved to the bank by",
}
"""By kind of ledger line, the words for tokens that left a pool, before the event that took them."""


def emptied(asked: Asked) -> Iterator[BalanceCause]:
    """Yields, in words, the outflow of an empty pool since it was last filled."""
    for pool, held in asked.story.balances.items():
        steps = [list(step) for _, step in groupby((p for p in asked.story.postings if p.pool == pool), key=lambda p: p[:3])]
        then = accumulate(sum(p.tokens if p.kind.adds else -p.tokens for p in step) for step in steps)
        # Tokens that come and go in one step, such as a refund of a day that has ended, fill nothing.
        filling = [n for n, (step, left) in enumerate(zip(steps, then, strict=True)) if left and any(p.kind.adds for p in step)]
        since = max(filling, default=None)
        if held or since is None or not asked.asks_for(pool):
            continue
        went = [posting for step in steps[since + 1 :] for posting in step if not posting.kind.adds]
        by_event: dict[tuple[Kind | Carried, str], int] = {}
        for posting in went:
            by_event[posting.kind, posting.event] = by_event.get((posting.kind, posting.event), 0) + posting.tokens
        told = " and ".join(f"{tokens:,} {_WENT[kind]} {event}" for (kind, event), tokens in by_event.items())
        filled, last = steps[since][0], went[-1]
        place = f"at {place_of(last.line)}" if last.line is not None else "by itself"
        yield BalanceCause(
            "emptied",
            tuple(dict.fromkeys(clause for posting in went for clause in posting.clauses)),
            f"{pool} is empty: after {filled.event} of {asked.when(filled.at)} {told}, the last of them on "
            f"{asked.when(last.at)}, {place}.",
        )


def _skipped(asked: Asked) -> Iterator[BalanceCause]:
    """Yields the unreadable records of the account: their effects are in no balance here."""
    lines = asked.story.skipped
    if lines:
        more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
        yield BalanceCause(
            "skipped_record",
            (),
            f"The record of this account at {place_of(lines[0])}{more} could not be read, and whatever happened there is not in "
            "these balances: mend the log and ask again.",
        )


def _recorded_elsewhere(asked: Asked) -> Iterator[BalanceCause]:
    """Yields a wrong record of the log's own system with a figure other than the shown one."""
    if asked.story.recorded and not any(_recorded(asked)):
        first = asked.story.recorded[0]
        field, want, got = first.differences[0]
        yield BalanceCause(
            "recorded_otherwise",
            (),
            f"Your system recorded {field} {as_text(got)} at {place_of(first.line)}, where {as_text(want)} is right: see "
            "`tokenspec replay`.",
        )

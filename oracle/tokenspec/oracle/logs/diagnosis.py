"""Causes of a puzzling balance that fit a display (the article's, A01 to A18, and the FAQ's F21 and F23).

Each cause is one function over the story of an account. No cause restates a rule of the account: each compares the
display with the oracle's figures, and quotes the clauses it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, groupby
from zoneinfo import ZoneInfo

from tokenspec.machine.lang.declaration import Kind, Since
from tokenspec.oracle.base.specification import POLICIES, TOTAL_POOLS
from tokenspec.oracle.base.text import as_text
from tokenspec.oracle.logs.history import Carried, Change, Due, Story, again, instant
from tokenspec.oracle.wire.log_files import place_of
from tokenspec.spec.daily_job import LATE, OVERDUE, WAITING
from tokenspec.spec.words import FREE, PAST_DUE, SUBSCRIBED

_HOUR_MS = 3_600_000
_FAULT_SHARE = 5
"""A difference above one part in five of the allowance is a real fault (A14: more than 20 %)."""


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


_Finder = Callable[[Asked], Iterator[BalanceCause]]


def causes(asked: Asked) -> list[BalanceCause]:
    """Returns every cause that fits, those that explain a wrong figure first.

    After a record of the account that could not be read no balance is known, and no figure is explained.
    """
    if asked.story.skipped:
        return [cause for finder in (_skipped, _recorded_elsewhere, _clocks) for cause in finder(asked)]
    found = [cause for finder in _EXPLANATIONS for cause in finder(asked)]
    if asked.wrong and not found:
        found += _real_fault(asked)
    return found + [cause for finder in _CIRCUMSTANCES for cause in finder(asked)]


# Causes of a wrong figure


def _stale_session(asked: Asked) -> Iterator[BalanceCause]:
    if not asked.wrong or asked.shown is None:
        return
    span = _last_true(asked.story.changes, asked.shown)
    if span is None:
        return
    since, until = span
    names = sorted(asked.story.kept.sessions)
    devices = f" The log has {len(names)} sessions logged in, and each may show another moment." if len(names) > 1 else ""
    yield BalanceCause(
        "stale_session",
        ("A07", "A10"),
        f"What is shown was the true balance from {asked.when(since)} until {asked.when(until)}: a session that fetched it then "
        f"goes on showing it until it is refreshed or logs in again.{devices}",
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
            yield BalanceCause("recorded", ("F04",), f"{told}: see `tokenspec replay`.")
            return


def _wrong_pool(asked: Asked) -> Iterator[BalanceCause]:
    now = asked.story.balances
    for pool, tokens in asked.wrong.items():
        others = [other for other, held in now.items() if other != pool and held == tokens and tokens > 0]
        for other in others:
            clauses = ("A11",) if other == "api" else ("A06", "A01")
            yield BalanceCause(
                "wrong_pool", clauses, f"{tokens:,} is what {other} holds; {pool} is a pool of its own and holds {now[pool]:,}."
            )
    if asked.shown is None and now["api"]:
        yield BalanceCause(
            "wrong_pool",
            ("A11",),
            f"{now['api']:,} API tokens are held apart from the app's pools, and the main breakdown leaves them out.",
        )


def _plan_change(asked: Asked) -> Iterator[BalanceCause]:
    story = asked.story
    change = _upgrade_of_this_month(story)
    if change is None or not asked.asks_for("fast"):
        return
    added = change.after["fast"] - change.before["fast"]
    told = (
        f"At {asked.when(change.at)} the plan changed from {change.before['plan']} to {change.after['plan']}, which added "
        f"{added:,} fast tokens and left the renewal date alone"
    )
    if not asked.wrong:
        yield BalanceCause("plan_change", ("A09", "F26"), f"{told}.")
        return
    policy = next(p for p in POLICIES if p.name == "upgrade_grant")
    for choice, _ in policy.answers:
        balances = again(story, {policy.name: choice})
        if asked.shown is not None and all(balances[pool] == tokens for pool, tokens in asked.shown.items()):
            yield BalanceCause("plan_change", policy.clauses, f"{told}; what is shown is right where {policy.name} is {choice}.")


def _upgrade_of_this_month(story: Story) -> Change | None:
    last = next((c for c in reversed(story.changes) if c.event in ("upgrade", "renew", "subscribe")), None)
    return last if last is not None and last.event == "upgrade" else None


def _real_fault(asked: Asked) -> Iterator[BalanceCause]:
    now, figures = asked.story.balances, asked.story.oracle.parameters
    plan = asked.story.state["plan"]
    allowances = {"daily": int(figures["daily_allowance"]), "api": int(figures[f"api[{plan}]"])}
    for pool, tokens in asked.wrong.items():
        of = allowances.get(pool, int(figures[f"allowance[{plan}]"])) or allowances["daily"]
        off = abs(tokens - now[pool])
        told = f"What is shown was never true: {pool} is shown as {tokens:,} and holds {now[pool]:,}."
        told += f" {off:,} of an allowance of {of:,}"
        if off * _FAULT_SHARE > of:
            sentence = f"{told} is more than a fifth: if a fresh login shows the same, it is a case for support."
            yield BalanceCause("real_fault", ("A14",), sentence)
        else:
            yield BalanceCause(
                "small_difference", ("A14", "A07"), f"{told} is no more than a fifth: log in afresh and look again."
            )


def _job_has_run(asked: Asked) -> Iterator[BalanceCause]:
    """Yields a due job that the log lacks and after which the shown figures are true."""
    waiting = [due.clock for due in asked.story.due if due.state != WAITING]
    for clocks in (*((clock,) for clock in waiting), tuple(waiting)):
        balances = again(asked.story, {}, [clock.job for clock in clocks])
        if asked.wrong and all(balances[pool] == tokens for pool, tokens in (asked.shown or {}).items()):
            jobs = " and ".join(clock.job for clock in clocks)
            cited = tuple(dict.fromkeys("A03" if clock.name == "daily" else "F22" for clock in clocks))
            yield BalanceCause(
                "job_has_run", cited, f"What is shown is right once {jobs} has run, which is due and not in the log."
            )
            return


_EXPLANATIONS: tuple[_Finder, ...] = (_recorded, _stale_session, _job_has_run, _wrong_pool, _plan_change)


# Events in the account, whatever was shown


_WENT: dict[Kind | Carried, str] = {
    Kind.SPENT: "were spent by",
    Kind.EXPIRED: "expired at",
    Kind.MOVED_OUT: "were moved to the bank by",
}
"""By kind of ledger line, the words for tokens that left a pool, before the event that took them."""


def _emptied(asked: Asked) -> Iterator[BalanceCause]:
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


def _clocks(asked: Asked) -> Iterator[BalanceCause]:
    for due in asked.story.due:
        if asked.story.state["status"] == PAST_DUE and due.clock.name == "renewal":
            yield _payment_failed(asked, due)
            continue
        if due.clock.name == "daily":
            # A reset that would bring nothing leaves nothing to wait for.
            counts = asked.asks_for("daily") and _daily_reset_brings(asked.story) > 0
        else:
            counts = asked.asks_for("fast", "rollover") and (due.state != WAITING or _fast_is_short(asked))
        if counts:
            yield _clock_cause(asked, due)


def _daily_reset_brings(story: Story) -> int:
    """Returns the daily tokens that a reset would add if it ran now."""
    oracle = story.oracle
    row = tuple({**story.state, "daily_reset_due": True}.values())
    index, after, _ = oracle.compiled.steps["daily_reset"](row, ())
    position = list(story.state).index("daily")
    return int(after[position]) - story.balances["daily"] if index >= 0 else 0


def _fast_is_short(asked: Asked) -> bool:
    story = asked.story
    held = (asked.shown or {}).get("fast", story.balances["fast"])
    return held < int(story.oracle.parameters[f"allowance[{story.state['plan']}]"])


def _payment_failed(asked: Asked, due: Due) -> BalanceCause:
    frozen = asked.story.oracle.policy["past_due_spending"] == "frozen"
    until = "; until then only daily tokens can be spent" if frozen else ""
    return BalanceCause(
        "payment_failed", ("F24",), f"The renewal of {asked.when(due.at)} waits for a payment, which failed{until}."
    )


def _hours(milliseconds: int) -> str:
    hours = milliseconds // _HOUR_MS
    return "less than an hour" if not hours else "an hour" if hours == 1 else f"{hours:,} hours"


def _clock_cause(asked: Asked, due: Due) -> BalanceCause:
    what = "daily reset" if due.clock.name == "daily" else "renewal"
    waited = _hours(asked.story.at - due.at)
    when = asked.when(due.at)
    if due.state == WAITING:
        clauses = ("A18", "F14", "A02") if due.clock.name == "daily" else ("A13", "F22")
        return BalanceCause("not_due_yet", clauses, f"The next {what} is due at {when}; before then it brings nothing.")
    told = f"The {what} fell due at {when}; the log has no job for it in {waited}"
    support = tuple(clause for clause in due.clock.clauses if clause in ("F21", "F23"))
    if due.state == OVERDUE:
        return BalanceCause("overdue", support, f"{told}, and {_support(asked, due)}: a case for support.")
    if due.clock.name == "daily":
        usual = "longer than the usual one to four" if due.state == LATE else "and jobs may run hours late"
        return BalanceCause("job_late", ("A03",), f"{told}, {usual}.")
    return BalanceCause("job_late", support, f"{told}; a case for support only once that day is over, in UTC.")


def _support(asked: Asked, due: Due) -> str:
    """Explains the reason why a due job is a case for support."""
    if due.clock.overdue_since is Since.END_OF_DAY:
        return "the day on which it was due is over, in UTC"
    kept = asked.story.kept
    began = "the job last ran" if kept.daily is None or kept.daily_ran != kept.daily.anchor else "the account was opened"
    hours = due.clock.overdue_ms // _HOUR_MS
    return f"more than {hours} hours have gone by since {began}, at {asked.when(kept.daily_ran)}"


def _not_out_of_tokens(asked: Asked) -> Iterator[BalanceCause]:
    story = asked.story
    if story.state["status"] not in SUBSCRIBED or not asked.asks_for("daily") or _daily_reset_brings(story) > 0:
        return
    if story.balances["daily"] >= int(story.oracle.parameters["daily_allowance"]):
        return
    guard = next(p for p in POLICIES if p.name == "paid_daily_guard")
    means = dict(guard.answers)[story.oracle.policy[guard.name]]
    yield BalanceCause("not_out_of_tokens", guard.clauses, f"As things stand a daily reset brings a subscriber nothing: {means}.")


def _subscription_ended(asked: Asked) -> Iterator[BalanceCause]:
    story = asked.story
    if story.state["status"] != FREE:
        return
    end = next((c for c in reversed(story.changes) if c.before["status"] in SUBSCRIBED and c.after["status"] == FREE), None)
    if end is None or not asked.asks_for("fast", "rollover", "topup"):
        return
    lost = {pool: end.before[pool] - end.after[pool] for pool in ("fast", "rollover")}
    gone = " and ".join(f"{tokens:,} {pool}" for pool, tokens in lost.items() if tokens)
    frozen = [f"{tokens:,} {pool}" for pool, tokens in story.balances.items() if pool in ("rollover", "topup") and tokens]
    told = f"The subscription ended at {asked.when(end.at)}" + (f": {gone} tokens went with it." if gone else ".")
    if frozen:
        told += f" {' and '.join(frozen)} tokens are kept, and cannot be spent before the account subscribes again."
    yield BalanceCause("subscription_ended", ("F24",), told)


def _shared(asked: Asked) -> Iterator[BalanceCause]:
    sessions = sorted(asked.story.kept.sessions)
    spent = sum(asked.story.gained(pool).get(Kind.SPENT.value, 0) for pool in TOTAL_POOLS)
    if len(sessions) > 1 and spent:
        yield BalanceCause(
            "several_people",
            ("A15",),
            f"A hint, no more: {len(sessions)} sessions are logged in, and {spent:,} tokens were spent in all. Several people on "
            "one account use it up in ways that look like a missing reset.",
        )


_CIRCUMSTANCES: tuple[_Finder, ...] = (_recorded_elsewhere, _clocks, _not_out_of_tokens, _subscription_ended, _emptied, _shared)

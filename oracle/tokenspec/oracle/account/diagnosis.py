"""Causes of a puzzling balance that only this account has (the article's, A01 to A18, and the FAQ's F21 and F23)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenspec.machine.lang.declaration import Kind, Since
from tokenspec.oracle.base.specification import POLICIES, TOTAL_POOLS
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.logs.diagnosis import Asked, BalanceCause, Diagnoses, emptied, wrong_pool
from tokenspec.oracle.logs.history import Change, Due, Story, again
from tokenspec.oracle.runtime.journal import CLOCK_AT
from tokenspec.spec.system import LATE, OVERDUE, WAITING
from tokenspec.spec.words import FREE, PAST_DUE, SUBSCRIBED

_HOUR_MS = 3_600_000
_FAULT_SHARE = 5
"""A difference above one part in five of the allowance is a real fault (A14: more than 20 %)."""


_LEAVES_OPEN = {"upgrade": ("upgrade_grant",), "downgrade": ("downgrade_timing", "downgrade_bank")}
"""The changes of plan within a cycle, each with the policies that say what the documents leave open of it."""


# Causes of a wrong figure


def _wrong_pool(asked: Asked) -> Iterator[BalanceCause]:
    yield from wrong_pool(asked)
    if asked.shown is None and (held := asked.story.balances["api"]):
        told = f"{held:,} API tokens are held apart from the app's pools, and the main breakdown leaves them out."
        yield BalanceCause("wrong_pool", ("A11",), told)


def _plan_change(asked: Asked) -> Iterator[BalanceCause]:
    story = asked.story
    change = next((c for c in reversed(story.changes) if c.event in (*_LEAVES_OPEN, "renew", "subscribe")), None)
    if change is None or change.event not in _LEAVES_OPEN or not asked.asks_for("fast", "rollover"):
        return
    told = f"At {asked.when(change.at)} {_in_words(change)}"
    if not asked.wrong:
        yield BalanceCause("plan_change", ("A09", "F26"), f"{told}.")
        return
    for policy in (p for p in POLICIES if p.name in _LEAVES_OPEN[change.event]):
        for choice, _ in policy.answers:
            balances = again(story, {policy.name: choice})
            if asked.shown is not None and all(balances[pool] == tokens for pool, tokens in asked.shown.items()):
                yield BalanceCause(
                    "plan_change", policy.clauses, f"{told}; what is shown is right where {policy.name} is {choice}."
                )


def _in_words(change: Change) -> str:
    """Tells a change of plan, and what it did to the balances."""
    before, after = change.before, change.after
    if before["plan"] == after["plan"]:
        return f"a change from {before['plan']} to {after['scheduled_plan']} was put off to the renewal"
    moved = [f"{abs(after[pool] - before[pool]):,} {pool}" for pool in ("fast", "rollover") if after[pool] != before[pool]]
    did = f"{'took' if change.event == 'downgrade' else 'added'} {' and '.join(moved) or 'no'} tokens"
    return f"the plan changed from {before['plan']} to {after['plan']}, which {did} and left the renewal date alone"


def _real_fault(asked: Asked) -> Iterator[BalanceCause]:
    now, figures = asked.story.balances, asked.story.oracle.parameters
    plan = asked.story.state["plan"]
    monthly = int(figures[f"allowance[{plan}]"])
    allowances = {
        "daily": int(figures["daily_allowance"]),
        "fast": monthly,
        "rollover": monthly,
        "api": int(figures[f"api[{plan}]"]),
    }
    for pool, tokens in asked.wrong.items():
        of, off = allowances.get(pool, 0), abs(tokens - now[pool])
        told = f"What is shown was never true: {pool} is shown as {tokens:,} and holds {now[pool]:,}."
        told += f" {off:,} of an allowance of {of:,} is" if of else " The pool has no allowance of which it is a small part:"
        if off * _FAULT_SHARE > of:
            more = " more than a fifth:" if of else ""
            sentence = f"{told}{more} if a fresh login shows the same, it is a case for support."
            yield BalanceCause("real_fault", ("A14",), sentence)
        else:
            yield BalanceCause("small_difference", ("A14", "A07"), f"{told} no more than a fifth: log in afresh and look again.")


# Events in the account, whatever was shown


def _clocks(asked: Asked) -> Iterator[BalanceCause]:
    for due in asked.story.due:
        if asked.story.state["status"] == PAST_DUE and due.clock.name == "renewal":
            frozen = asked.story.oracle.policy["past_due_spending"] == "frozen"
            until = "; until then the app spends daily tokens alone" if frozen else ""
            told = f"The renewal of {asked.when(due.at)} waits for a payment, which failed{until}."
            yield BalanceCause("payment_failed", ("F24",), told)
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
    daily, ran = kept.dial("daily"), kept.ran[CLOCK_AT["daily"]]
    began = "the job last ran" if daily is None or ran != daily.anchor else "the account was opened"
    hours = due.clock.overdue_ms // _HOUR_MS
    return f"more than {hours} hours have gone by since {began}, at {asked.when(ran)}"


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


def standing(state: Mapping[str, Any]) -> str:
    """Returns the state of an account in a few words."""
    return FREE if state["status"] == FREE else f"{state['status']} on {one_line(state['plan'])}"


DIAGNOSES = Diagnoses(
    explanations=(_wrong_pool, _plan_change),
    circumstances=(_clocks, _not_out_of_tokens, _subscription_ended, emptied, _shared),
    last=_real_fault,
    behind_skipped=(_clocks,),
    clauses={
        "stale_session": ("A07", "A10"),
        "recorded": ("F04",),
        "wrong_pool": ("A06", "A01"),
        "api": ("A11",),
        "daily": ("A03",),
        "renewal": ("F22",),
    },
)

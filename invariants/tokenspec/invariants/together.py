"""Claims 26 and 29: how account, daily job and session stand to each other, and how late a daily reset may be."""

from __future__ import annotations

from tokenspec.invariants.machines import IN_TIME, WHOLE, in_its_time, of_whole
from tokenspec.invariants.words import event, rule_name, unchanged
from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, implies, ite, lift, ne, negation, one_of, var
from tokenspec.machine.lang.claims import Claim, StatePart, StepPart, claim, ghost, new
from tokenspec.machine.lang.derived.timed import PASSES, since, until
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import Bool, Tokens
from tokenspec.spec.system import CURRENT, DUE, LATE, LOGGED_OUT, OVERDUE, STALE, WAITING
from tokenspec.spec.words import *

_job, _session = var("job"), var("session_state")
_fetches = one_of(event, "login", "refresh")
# What the session fetched, and whether it has been true ever since, followed apart from the session's own state.
_fetched = {pool: var(f"fetched_{pool}") for pool in APP_POOLS}
_FETCHED = tuple(ghost(f"fetched_{pool}", Tokens(), 0, ite(_fetches, var(pool), fetched)) for pool, fetched in _fetched.items())
_has_been_true = var("has_been_true")
_is_true = all_of(*(eq(fetched, var(pool)) for pool, fetched in _fetched.items()))
_still_true = all_of(*(eq(fetched, new(var(pool))) for pool, fetched in _fetched.items()))
_TRUE = ghost("has_been_true", Bool(), False, ite(_fetches, True, all_of(_has_been_true, _still_true)))


def session_shows_the_truth(name: str, holds: Term, witness: Term, *events: str) -> StepPart:
    """A part about one session, whichever it is, and what it fetched."""
    kept = all_of(eq(eq(_session, CURRENT), all_of(ne(_session, LOGGED_OUT), _has_been_true)), implies(_has_been_true, _is_true))
    return of_whole(name, holds, witness, *events, ghosts=(*_FETCHED, _TRUE), keeps=kept)


def fetches_the_truth() -> StepPart:
    """The part of claim 20 that a login or refresh shows the true balances, whatever the session showed before."""
    shown = (eq(new(fetched), new(var(pool))) for pool, fetched in _fetched.items())
    refreshed = all_of(eq(event, "refresh"), eq(_session, STALE))
    return session_shows_the_truth("fetched", all_of(eq(new(_session), CURRENT), *shown), refreshed, "login", "refresh")


def together() -> Claim:
    """Claim 26."""
    return claim(
        26,
        "machines_agree",
        "The account, its daily job and its sessions agree: the job waits exactly while no daily reset is due, and a session is "
        "current exactly from when it fetches the balances until one of them changes.",
        "A03 A07 A10",
        of_machines.state("job", eq(eq(_job, WAITING), negation(daily_reset_due)), eq(_job, OVERDUE), WHOLE),
        session_shows_the_truth(
            "session",
            eq(eq(new(_session), CURRENT), all_of(ne(new(_session), LOGGED_OUT), new(_has_been_true))),
            all_of(eq(event, "generate"), eq(_session, CURRENT), eq(new(_session), STALE)),
        ),
        session_shows_the_truth(
            "nothing_else_makes_it_old",
            any_of(eq(new(_session), _session), _fetches, eq(event, "logout"), negation(_still_true)),
            all_of(eq(rule_name, "buys_api"), eq(_session, CURRENT)),
        ),
        of_whole(
            "comes_and_goes",
            ite(
                one_of(event, "login", "logout"),
                eq(eq(new(_session), LOGGED_OUT), eq(event, "logout")),
                eq(eq(new(_session), LOGGED_OUT), eq(_session, LOGGED_OUT)),
            ),
            all_of(eq(event, "logout"), eq(_session, STALE)),
        ),
        of_whole(
            "job_changes_no_balance",
            unchanged(*map(var, POOLS)),
            all_of(eq(event, "two_days_pass"), daily_reset_due),
            "four_hours_pass",
            "two_days_pass",
            "login",
            "refresh",
            "logout",
            "view",
        ),
    )


def overdue() -> Claim:
    """Claim 29."""
    return claim(
        29,
        "run_or_overdue_in_two_days",
        "A daily reset that is due is run, or the account is overdue, within 48 hours of the last one, or of opening.",
        "F21 A03",
        in_its_time(
            "two_days",
            any_of(one_of(_job, WAITING, OVERDUE), since("runs") <= 48 * HOUR_MS),
            all_of(eq(_job, LATE), since("runs") > 47 * HOUR_MS),
            PASSES,
        ),
        in_its_time(
            "not_before",
            implies(all_of(eq(new(_job), OVERDUE), ne(_job, OVERDUE)), new(since("runs")) > 48 * HOUR_MS),
            eq(rule_name, "becomes_overdue"),
        ),
        in_its_time(
            "late_after_four_hours",
            implies(all_of(eq(new(_job), LATE), ne(_job, LATE)), new(since("falls_due")) > 4 * HOUR_MS),
            eq(rule_name, "becomes_late"),
        ),
        where=daily_allowance > 0,
    )


def lemmas_in_time() -> tuple[StatePart, ...]:
    """Facts of the daily job and the time that has gone by, without which claim 29 could not be shown by one step."""
    day, usual = 24 * HOUR_MS, 4 * HOUR_MS + 1
    to_mark, since_due, since_run = until("falls_due"), since("falls_due"), since("runs")
    found = {
        "marks_a_day_apart": to_mark <= day,
        "waits_at_most_a_day": implies(eq(_job, WAITING), since_run + to_mark <= day),
        "due_is_fresh": implies(
            eq(_job, DUE), all_of(eq(since_due + to_mark, day), since_due <= usual, since_run <= since_due + day)
        ),
        "late_is_not_yet_overdue": implies(eq(_job, LATE), since_run <= 48 * HOUR_MS + 1),
    }
    return tuple(StatePart(name, IN_TIME, lift(holds), Lit(True)) for name, holds in found.items())

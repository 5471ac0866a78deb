"""Claims 15 to 21 and 23: jobs, order, repetition, what is shown, and time."""

from __future__ import annotations

from collections.abc import Iterator

from tokenspec.invariants.machines import WITH_ID, under_id
from tokenspec.invariants.refusals import refusals
from tokenspec.invariants.together import fetches_the_truth
from tokenspec.invariants.words import *
from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, implies, ite, lookup, ne, negation, one_of, var
from tokenspec.machine.lang.calendars import EveryDay, EveryHours, EveryMonth, Hour, ShortMonth, calendar_by
from tokenspec.machine.lang.claims import (
    CalendarPart,
    Claim,
    Law,
    LayerPart,
    LivenessPart,
    RefusalPart,
    answered,
    claim,
    flow,
    ghost,
    new,
)
from tokenspec.machine.lang.declaration import Actor, ClockAct, Kind
from tokenspec.machine.lang.derived.used_ids import ACCEPTED, REFUSED, REFUSED_UNDER_ID, REPEATED, UNDER_ID
from tokenspec.machine.lang.types import Bool, Value
from tokenspec.spec.account import CLOCKS, account
from tokenspec.spec.system import DUE, IDS, LATE, OVERDUE, WAITING
from tokenspec.spec.words import *

_RECORDS = tuple(e.name for e in account().events if e.actor is not Actor.CLOCK)
"""The events that come as records; time comes under no id."""


def _refused_for_the_id_alone() -> Iterator[RefusalPart]:
    """A record is refused for the id where it comes under it and the id is used, and otherwise as the account refuses it."""
    may_come = negation(all_of(var(UNDER_ID), var("id_is_used")))
    for record in (e for e in account().events if e.name in _RECORDS):
        own = ((need.code, Term(need.holds)) for need in record.requires)
        yield of_machines.refuses(record.name, (IDS.code, may_come), *own, machine=WITH_ID)


def repeats() -> Claim:
    """Claim 19, for any plans."""
    # What came under the id is followed here once more, so that nothing rests on what is remembered of it.
    happened, failed, is_kept = var("has_happened"), var("has_failed"), eq(var("refused_id"), "kept")
    follows = (
        ghost("has_happened", Bool(), False, any_of(happened, all_of(var(UNDER_ID), one_of(event, *_RECORDS)))),
        ghost("has_failed", Bool(), False, any_of(failed, eq(event, REFUSED_UNDER_ID))),
    )
    known = all_of(
        eq(var("id_is_used"), any_of(happened, all_of(failed, is_kept))),
        eq(eq(var("first_outcome"), ACCEPTED), happened),
        implies(all_of(happened, failed), negation(is_kept)),
    )
    booked = (flow(kind, var(pool)) for kind in Kind for pool in POOLS)
    clocks = (eq(var(f"clock.{clock.name}"), ClockAct.KEEPS.value) for clock in CLOCKS)
    as_first = ite(all_of(happened, ne(var("repeated_id"), "refused")), ACCEPTED, REFUSED)
    return claim(
        19,
        "repeated_id_changes_nothing",
        "An event under a used id changes nothing but what falls due by its instant, and is answered as the first one was, or "
        "refused, as `repeated_id` says; what comes under no used id is refused for its own reasons alone, a refund as `refund` "
        "and `api_refund` say. An id stands for one event; whether a refused one uses it up, `refused_id` says.",
        "F02",
        under_id(
            "once",
            implies(var(UNDER_ID), all_of(negation(happened), implies(failed, negation(is_kept)), new(var("id_is_used")))),
            all_of(eq(rule_name, "generates_for_tokens"), var(UNDER_ID), failed),
            *_RECORDS,
            ghosts=follows,
            keeps=known,
        ),
        under_id(
            "changes_nothing",
            all_of(unchanged(*map(var, VARIABLES)), *(eq(tokens, 0) for tokens in booked), *clocks),
            all_of(topup > 0, var("daily_reset_due")),
            REPEATED,
        ),
        under_id("answered", eq(answered("outcome"), as_first), all_of(failed, is_kept), REPEATED, ghosts=follows, keeps=known),
        *_refused_for_the_id_alone(),
        under_id("refused_uses_it_up", eq(new(var("id_is_used")), is_kept), negation(is_kept), REFUSED_UNDER_ID),
        LayerPart("repeated_id", "a repeat is answered as `repeated_id` says, marked, and the account as it would be without it"),
    )


def _plain(price: int) -> tuple[tuple[str, Value], ...]:
    """The facts of a generation that names neither model nor action, where the cheapest action has this price."""
    return (
        ("model_is_known", True),
        ("model_is_paid_only", False),
        ("action_is_named", False),
        ("price_is_listed", True),
        ("listed_price", price),
        ("job_is_new", True),
    )


def jobs(ranking: tuple[str, ...], cheapest: int) -> tuple[Claim, ...]:
    """Claims 15 to 21, for the plans of `ranking` and prices of which the `cheapest` is this."""
    becomes: dict[str, str | Term] = {
        "open_account": FREE,
        **dict.fromkeys(("subscribe", "upgrade", "downgrade", "resume"), ACTIVE),
        "cancel": ite(eq(status, ACTIVE), CANCELLING, FREE),
        "renew": ite(eq(status, CANCELLING), FREE, ACTIVE),
        "payment_failed": PAST_DUE,
        "lapse": FREE,
    }
    both_due = all_of(daily_reset_due, renewals_due >= 1, ne(status, FREE))
    was_opened = var("was_opened")
    supplement = any_of(
        var("qualifies_for_daily"),
        # A plan without tokens leaves its subscriber as empty after the renewal as the supplement asks for.
        all_of(eq(topup, 0), any_of(eq(next_ceiling, 0), eq(next_allowance, 0))),
    )
    ends_subscription = eq(status, CANCELLING)
    jobs, other_order = ("renew", "daily_reset"), ("daily_reset", "renew")
    return (
        claim(
            15,
            "resets_commute",
            "The order of a daily and a monthly reset that are both due makes no difference, but for a subscriber's supplement, "
            "for a plan without an allowance or a bank, and for the free allowance where the renewal ends the subscription.",
            "A05 F15 F03",
            two_runs("all_but_daily", both_due, jobs, other_order, tuple(v for v in VARIABLES if v != "daily")),
            two_runs("daily", both_due, jobs, other_order, ("daily",), any_of(supplement, ends_subscription)),
        ),
        claim(
            16,
            "exactly_one_outcome",
            "Every event in every state is accepted by one rule or refused with one code: the one that its conditions name, for "
            "a purchase and a generation by `past_due_spending` and `stranded_remainder`, for a refund by `refund` and "
            "`api_refund`.",
            "F12 F13 F14 F19 F20 F24",
            LayerPart("one_outcome", "the reference reader, which looks at every rule, finds exactly one outcome"),
            step("status", eq(new(status), lookup(event, becomes, status)), all_of(eq(event, "renew"), eq(status, PAST_DUE))),
            step(
                "opened_first",
                any_of(eq(event, "open_account"), was_opened),
                eq(event, "subscribe"),
                ghosts=(ghost("was_opened", Bool(), False, any_of(was_opened, eq(event, "open_account")), most=1),),
                keeps=implies(ne(status, ABSENT), was_opened),
            ),
            *refusals(ranking),
        ),
        claim(
            17,
            "never_stuck",
            "From every reachable state, without buying anything or paying for a renewal, some way leads to a generation at the "
            "cheapest price (where a day brings as many tokens); and as time goes by, a daily reset that is due is run or "
            "becomes overdue.",
            "F09 F14 F15 F21",
            LivenessPart(
                "generation",
                "account",
                "generate",
                (("cost", cheapest), ("media", "image"), ("origin", "first_party"), *_plain(cheapest)),
                (
                    "open_account",
                    "daily_reset_falls_due",
                    "daily_reset",
                    "renewal_falls_due",
                    "payment_failed",
                    "renew",
                    "lapse",
                    "cancel",
                ),
                ("renews",),
            ),
            leads_to(
                "daily_reset",
                one_of(var("job"), DUE, LATE),
                one_of(var("job"), WAITING, OVERDUE),
                "four_hours_pass",
                "two_days_pass",
                machine="daily_job",
            ),
            where=daily_allowance >= cheapest,
        ),
        claim(
            18,
            "late_equals_on_time",
            "Jobs that run late, in the order they fell due and with nothing between, give what they would have given on time "
            "(renewals with `missed_renewals = each`; nothing of one job falls due between two of the other that run as one).",
            "A03 A04",
            two_runs(
                "renewals",
                all_of(one_of(status, *SUBSCRIBED), eq(renewals_due, 0), eq(var("missed_renewals"), "each")),
                ("renewal_falls_due", "renew", "renewal_falls_due", "renew"),
                ("renewal_falls_due", "renewal_falls_due", "renew"),
                VARIABLES,
            ),
            two_runs(
                "days",
                all_of(ne(status, ABSENT), negation(daily_reset_due)),
                ("daily_reset_falls_due", "daily_reset", "daily_reset_falls_due", "daily_reset"),
                ("daily_reset_falls_due", "daily_reset_falls_due", "daily_reset"),
                VARIABLES,
            ),
            LayerPart(
                "late_equals_on_time",
                "jobs run at the end in due order lead to the same account as jobs run on time",
                FALLS_DUE,
                where=eq(var("missed_renewals"), "each").expr,
            ),
        ),
        repeats(),
        claim(
            20,
            "fresh_view_is_true",
            "A login or refresh shows the true balance, and a view is called impossible exactly when it was never true since.",
            "A07 A10",
            fetches_the_truth(),
            of_machines.step("said", _is_said, eq(var("verdict"), "stale"), "view", machine="session"),
            LayerPart("fresh_is_current", "what a session fetches is the true balance of that moment"),
            LayerPart("verdict_is_right", "the verdict on a view agrees with the whole history of balances"),
        ),
        claim(
            21,
            "periods_tile",
            "Billing periods follow each other without gap or overlap, whenever one asks, and so do the days of "
            "`daily_reset_clock`; a period ends on the day of the month on which the subscription began, in a shorter month "
            "and after one as `month_end` says, at the hour of `renewal_time`.",
            "F21 F22 A02 A04 A13",
            CalendarPart("billing_periods", "account", "renewal", Law.TILES),
            CalendarPart("anniversaries", "account", "renewal", Law.ANNIVERSARIES, _ANNIVERSARIES),
            CalendarPart("days", "account", "daily", Law.TILES, _DAYS),
            LayerPart(
                "periods_tile",
                "each instant lies in one period, and the clock's next renewal is that period's end",
                after=("subscribes",),
            ),
        ),
    )


_is_said = all_of(*(eq(eq(answered("shown_is"), each), eq(var("verdict"), each)) for each in ("current", "stale", "impossible")))
# Which calendar each answer means is said here once more: the laws hold of any that keeps to its own kind.
_ANNIVERSARIES = calendar_by(
    "renewal_time",
    same_instant=calendar_by(
        "month_end", return_to_day=EveryMonth(), stay_clamped=EveryMonth(ShortMonth.CLAMPS, Hour.SAME_INSTANT)
    ),
    start_of_day=calendar_by(
        "month_end",
        return_to_day=EveryMonth(ShortMonth.RETURNS, Hour.START_OF_DAY),
        stay_clamped=EveryMonth(ShortMonth.CLAMPS, Hour.START_OF_DAY),
    ),
)
_DAYS = calendar_by("daily_reset_clock", utc_time_of_day=EveryDay("daily_reset_time"), every_24h_from_opening=EveryHours(24))


def marks() -> Claim:
    """Claim 23."""
    return claim(
        23,
        "one_allowance_for_each_mark",
        "Daily marks come every 24 hours, the first strictly after opening, at the account's own time of day (counted from "
        "opening with `daily_reset_clock = every_24h_from_opening`); the daily allowance is granted at most once for each.",
        "F21 A02 A08 A12 F10",
        CalendarPart("marks", "account", "daily", Law.EVEN),
        step("granted_when_due", daily_reset_due, flow(Kind.GRANTED, daily) > 0, "daily_reset"),
        step(
            "due_by_its_mark_alone",
            any_of(
                eq(new(daily_reset_due), daily_reset_due),
                all_of(eq(event, "daily_reset_falls_due"), new(daily_reset_due)),
                all_of(eq(event, "daily_reset"), negation(new(daily_reset_due))),
            ),
            all_of(eq(event, "daily_reset_falls_due"), negation(daily_reset_due)),
        ),
        step(
            "granted_by_its_job_alone",
            any_of(eq(flow(Kind.GRANTED, daily), 0), one_of(event, "open_account", "daily_reset")),
            all_of(eq(event, "daily_reset"), flow(Kind.GRANTED, daily) > 0),
        ),
        where=daily_allowance > 0,
    )

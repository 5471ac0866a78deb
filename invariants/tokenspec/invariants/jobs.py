"""Claims 15 to 21 and 23: jobs, order, repetition, what is shown, and time."""

from __future__ import annotations

from tokenspec.invariants.refusals import refusals
from tokenspec.invariants.repeats import repeats
from tokenspec.invariants.together import fetches_the_truth
from tokenspec.invariants.words import *
from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, implies, ite, lookup, ne, negation, one_of, var
from tokenspec.machine.lang.calendars import EveryDay, EveryHours, EveryMonth, Hour, ShortMonth, calendar_by
from tokenspec.machine.lang.claims import CalendarPart, Claim, Law, LayerPart, LivenessPart, answered, claim, flow, ghost, new
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.types import Bool, Value
from tokenspec.spec.system import DUE, LATE, OVERDUE, WAITING
from tokenspec.spec.words import *


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

"""Scenarios of calendars and billing: month ends, reset times, jobs that are late or due together, plans that change."""

from __future__ import annotations

from tokenspec.oracle.vectors.build.moves import move
from tokenspec.oracle.vectors.build.script import DAY, MONTH, Scenario, Wait
from tokenspec.oracle.vectors.build.starting_points import (
    CANCEL,
    FAILED,
    LAPSE,
    OPEN,
    PACK,
    RENEW,
    RESET,
    RESUME,
    downgrade,
    generate,
    subscribe,
    upgrade,
)

_HOUR_MS = 3_600_000
_JANUARY_31 = "2027-01-31T22:30:00Z"
_EXPLICIT = ("explicit",)

CALENDAR: tuple[Scenario, ...] = (
    Scenario(
        "bank-stops-at-three-months",
        "the bank stops at three months after five idle months",
        (OPEN, subscribe("premium"), *(MONTH, RENEW) * 5),
        "F06 F11",
    ),
    Scenario(
        "month-end-returns-to-the-day",
        "a subscription of 31 January renews on 28 February, 31 March and 30 April",
        (OPEN, subscribe("essential"), *(MONTH, RENEW) * 3),
        "F22 A04",
        start=_JANUARY_31,
    ),
    Scenario(
        "month-end-stays-clamped",
        "a subscription of 31 January renews on the 28th for good, once moved there",
        (OPEN, subscribe("essential"), *(MONTH, RENEW) * 3),
        "F22 A04",
        {"month_end": "stay_clamped"},
        start=_JANUARY_31,
    ),
    Scenario(
        "month-end-in-a-leap-year",
        "a subscription of 31 January 2028 renews on 29 February and 31 March",
        (OPEN, subscribe("essential"), *(MONTH, RENEW) * 2),
        "F22 A04",
        start="2028-01-31T22:30:00Z",
    ),
    Scenario(
        "december-is-followed-by-january",
        "a subscription of 30 November renews in December and, in the next year, in January and on 28 February",
        (OPEN, subscribe("essential"), *(MONTH, RENEW) * 3),
        "F22 A04",
        start="2026-11-30T00:00:00Z",
    ),
    Scenario(
        "reset-time-of-its-own",
        "an account with a reset time of 09:30 is reset at 09:30 and next at 09:30 of the day after",
        (move("open_account", daily_reset_time="09:30"), generate("j1", 50), DAY, RESET, generate("j2", 1)),
        "A02 A12",
    ),
    Scenario(
        "reset-time-of-a-subscriber",
        "a subscriber who has run dry is reset at the account's own reset time",
        (
            move("open_account", daily_reset_time="09:30"),
            subscribe("premium"),
            generate("j1", 25_150),
            DAY,
            RESET,
            generate("j2", 1),
        ),
        "A02 A12 F15",
    ),
    Scenario(
        "day-is-every-24-hours",
        "the day ends every full 24 hours after opening, whatever reset time is asked for",
        (move("open_account", daily_reset_time="09:30"), generate("j1", 50), DAY, RESET, generate("j2", 1)),
        "F21 A12",
        {"daily_reset_clock": "every_24h_from_opening"},
    ),
    Scenario(
        "late-reset-keeps-the-mark",
        "a daily job that runs five hours late leaves the next reset at midnight",
        (OPEN, generate("j1", 50), DAY, Wait(ms=5 * _HOUR_MS), RESET, generate("j2", 1), DAY, RESET),
        "A03 A18 F14",
        resets=_EXPLICIT,
    ),
    Scenario(
        "missed-days-are-one-reset",
        "one daily job settles three missed days, and a second one finds nothing due",
        (OPEN, generate("j1", 50), DAY, DAY, DAY, Wait(ms=_HOUR_MS), RESET, RESET),
        "F10 F21",
        resets=_EXPLICIT,
    ),
    Scenario(
        "a-millisecond-before-the-reset",
        "a millisecond before the reset the old balance stands, at the reset it is due",
        (OPEN, generate("j1", 50), Wait("daily", -1), RESET, generate("j2", 1), DAY, RESET, generate("j3", 1)),
        "A02 A18 F14",
    ),
    Scenario(
        "a-millisecond-before-the-renewal",
        "a millisecond before the anniversary the old month stands, at the anniversary the next one is due",
        (OPEN, subscribe("premium"), generate("j1", 200), Wait("renewal", -1), RENEW, generate("j2", 1), MONTH, RENEW),
        "A13 F22",
    ),
)

BILLING: tuple[Scenario, ...] = (
    Scenario(
        "late-renewal-goes-on-with-old-balances",
        "while the billing job is late the old balances are spent, and the renewal date does not move",
        (OPEN, subscribe("premium"), MONTH, Wait(ms=5 * _HOUR_MS), generate("j1", 500), RENEW, RENEW),
        "A03 F11 F22",
        resets=_EXPLICIT,
    ),
    Scenario(
        "two-months-missed",
        "a billing job that missed two anniversaries makes good each of them",
        (OPEN, subscribe("premium"), generate("j1", 20_000), MONTH, MONTH, RENEW, upgrade("ultimate")),
        "A04 F06",
        resets=_EXPLICIT,
    ),
    Scenario(
        "two-months-missed-once",
        "a billing job that missed two anniversaries settles both at once",
        (OPEN, subscribe("premium"), generate("j1", 20_000), MONTH, MONTH, RENEW, upgrade("ultimate")),
        "A04 F06",
        {"missed_renewals": "once"},
        resets=_EXPLICIT,
    ),
    Scenario(
        "downgrade-counts-from-the-first-missed-month",
        "of two missed months the scheduled downgrade counts for the first, and cuts the bank",
        (OPEN, subscribe("ultimate"), MONTH, RENEW, downgrade("essential"), MONTH, MONTH, RENEW),
        "F05 F06",
        resets=_EXPLICIT,
    ),
    Scenario(
        "downgrade-replaced-and-taken-back",
        "a scheduled downgrade is replaced by another, taken back, and the plan renews as it was",
        (OPEN, subscribe("ultimate"), downgrade("premium"), downgrade("essential"), RESUME, MONTH, RENEW),
        "F26",
    ),
    Scenario(
        "upgrade-keeps-the-date",
        "an upgrade adds the difference of the allowances and does not move the billing date",
        (OPEN, subscribe("essential"), generate("j1", 500), DAY, upgrade("premium"), upgrade("ultimate"), MONTH, RENEW),
        "F25 F26 A09",
    ),
    Scenario(
        "cancelled-until-the-month-ends",
        "a cancelled subscription is spent to the end of its month, then it is gone and packs are kept, frozen",
        (OPEN, subscribe("premium"), PACK, CANCEL, generate("j1", 25_100), MONTH, RENEW, generate("j2", 151)),
        "F24",
    ),
    Scenario(
        "cancelled-is-not-renewed-later",
        "an ended subscription is not renewed in the months that follow",
        (OPEN, subscribe("premium"), CANCEL, MONTH, RENEW, Wait(ms=40 * 24 * _HOUR_MS), RENEW, RESET, generate("j1", 1)),
        "F24 F22",
    ),
    Scenario(
        "packs-come-back-with-a-plan",
        "frozen packs can be spent again with a new subscription, whose date counts from its own beginning",
        (OPEN, subscribe("essential"), PACK, CANCEL, MONTH, RENEW, subscribe("premium"), generate("j1", 26_100), MONTH, RENEW),
        "F24 F22",
    ),
    Scenario(
        "lapsed-leaves-nothing-due",
        "a subscription that lapsed leaves no renewal due to the next one",
        (OPEN, subscribe("premium"), MONTH, FAILED, LAPSE, subscribe("premium"), upgrade("ultimate")),
        "F24",
        resets=_EXPLICIT,
    ),
    Scenario(
        "paid-after-all",
        "an unpaid month is frozen but for daily tokens, and comes in full when it is paid",
        (OPEN, subscribe("premium"), PACK, MONTH, FAILED, generate("j1", 151), generate("j2", 150), RENEW, generate("j3", 1)),
        "F24",
        resets=_EXPLICIT,
    ),
    Scenario(
        "both-jobs-renewal-first",
        "both jobs are due and the renewal runs first: the day is then a subscriber's with tokens",
        (OPEN, subscribe("premium"), generate("j1", 25_150), MONTH, RENEW, RESET),
        "A05 F15",
        resets=_EXPLICIT,
    ),
    Scenario(
        "both-jobs-day-first",
        "both jobs are due and the daily one runs first: the subscriber has run dry and is topped up",
        (OPEN, subscribe("premium"), generate("j1", 25_150), MONTH, RESET, RENEW),
        "A05 F15",
        resets=_EXPLICIT,
    ),
    Scenario(
        "renewal-before-the-day-at-one-instant",
        "at midnight of the anniversary the renewal comes before the daily reset, and both before what the user does",
        (OPEN, DAY, subscribe("premium"), generate("j1", 25_150), MONTH, RENEW, RESET, generate("j2", 1)),
        "A05 F15",
    ),
    Scenario(
        "what-is-due-comes-before-spending",
        "what fell due comes before a generation that needs it, though nobody looked at the balance",
        (OPEN, generate("j1", 150), DAY, RESET, generate("j2", 150)),
        "F10 F14 A02",
    ),
)

"""Runs with a point that no single rule makes: calendars, jobs that are late, repeated ids, refunds, two devices, two accounts.

A scenario names what is to be shown, and never the answers: those are the oracle's.
"""

from __future__ import annotations

from tokenspec.oracle.vectors.moves import Move, move
from tokenspec.oracle.vectors.places import (
    CANCEL,
    FAILED,
    LAPSE,
    OPEN,
    PACK,
    RENEW,
    RESET,
    RESUME,
    SMALL,
    downgrade,
    generate,
    refund,
    subscribe,
    upgrade,
)
from tokenspec.oracle.vectors.told import DAY, MONTH, Scenario, Wait

_HOUR_MS = 3_600_000
_JANUARY_31 = "2027-01-31T22:30:00Z"
_EXPLICIT = ("explicit",)


def _by(account: str, what: Move) -> Move:
    return what | {"account": account}


def _with_id(event_id: str, what: Move) -> Move:
    return what | {"id": event_id}


def _login(session: str) -> Move:
    return move("login", session=session)


def _view(session: str, **shown: int) -> Move:
    return move("view", session=session, shown=shown)


_CALENDAR = (
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

_BILLING = (
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

_JOURNAL = (
    Scenario(
        "id-repeated-after-acceptance",
        "a repeated event id gets its first answer and charges nothing, whatever else it says",
        (
            OPEN,
            _with_id("e1", generate("j1", 20)),
            generate("j2", 5),
            _with_id("e1", generate("j1", 20)),
            _with_id("e1", subscribe("premium")),
            generate("j3", 1),
        ),
        "F02",
    ),
    Scenario(
        "id-repeated-after-refusal",
        "a refusal is repeated too, even where the event would be accepted by now",
        (OPEN, _with_id("e1", PACK), subscribe("premium"), _with_id("e1", PACK), _with_id("e2", PACK)),
        "F12",
    ),
    Scenario(
        "id-belongs-to-its-account",
        "an event id of one account is new to another",
        (
            OPEN,
            _by("bob", OPEN),
            _with_id("e1", generate("j1", 20)),
            _by("bob", _with_id("e1", generate("j1", 30))),
            _by("bob", _with_id("e1", generate("j1", 30))),
        ),
        "A15",
    ),
    Scenario(
        "job-belongs-to-its-account",
        "a job id of one account is new to another, and is refunded there alone",
        (
            OPEN,
            _by("bob", OPEN),
            generate("j1", 20),
            _by("bob", generate("j1", 30)),
            refund("j1"),
            generate("j2", 1),
            _by("bob", refund("j1")),
        ),
        "A15 F02",
    ),
    Scenario(
        "job-refused-is-not-used-up",
        "a refused attempt does not use a job id up, an accepted one does, in app and API alike",
        (
            OPEN,
            generate("j1", 151),
            generate("j1", 150),
            generate("j1", 1),
            move("buy_api", amount=10),
            move("api_generate", job="j1", cost=1),
            move("api_generate", job="j2", cost=1),
            generate("j2", 1),
        ),
        "F02 A11",
    ),
    Scenario(
        "relaxed-job-is-not-refunded",
        "an unlimited generation cost nothing, so nothing is given back, and an API job is not refundable",
        (
            OPEN,
            subscribe("premium"),
            generate("j1", 25_150),
            generate("j2", 8),
            refund("j2"),
            move("buy_api", amount=10),
            move("api_generate", job="j3", cost=4),
            refund("j3"),
        ),
        "F02 F18",
    ),
)

_REFUNDS = (
    Scenario(
        "refund-to-each-source",
        "a refund returns each part to the pool it came from, once",
        (
            OPEN,
            subscribe("premium"),
            MONTH,
            RENEW,
            PACK,
            generate("j1", 25_150 + 24_000),
            generate("j2", 1_500),
            refund("j2"),
            refund("j1"),
            refund("j1"),
        ),
        "F02",
    ),
    Scenario(
        "refund-after-the-day",
        "after a daily reset the daily part of a refund is gone, and the rest returns",
        (OPEN, subscribe("premium"), generate("j1", 200), DAY, RESET, refund("j1")),
        "F02 F10",
    ),
    Scenario(
        "refund-after-the-month",
        "after a renewal the fast part of a refund is gone",
        (OPEN, subscribe("premium"), generate("j1", 500), MONTH, RENEW, RESET, generate("j2", 100), refund("j1")),
        "F02 F05",
    ),
    Scenario(
        "refund-after-the-end",
        "after the end of the subscription the bank's part of a refund is gone, and the packs' returns",
        (
            OPEN,
            subscribe("premium"),
            MONTH,
            RENEW,
            PACK,
            generate("j1", 25_150 + 25_000 + 300),
            CANCEL,
            MONTH,
            RENEW,
            subscribe("premium"),
            refund("j1"),
        ),
        "F02 F24",
    ),
    Scenario(
        "refund-while-free",
        "a refund reaches a free account as well: packs return, and stay frozen",
        (
            OPEN,
            subscribe("essential"),
            PACK,
            generate("j1", 8_500 + 150 + 100),
            CANCEL,
            MONTH,
            RENEW,
            RESET,
            refund("j1"),
            generate("j2", 151),
        ),
        "F02 F24",
    ),
    Scenario(
        "refund-into-nothing-then-relaxed",
        "a refund whose daily part is gone leaves the account out of tokens, and unlimited generation goes on",
        (OPEN, generate("j1", 100), subscribe("premium"), DAY, RESET, generate("j2", 25_000), refund("j1"), generate("j3", 1)),
        "F02 F09",
    ),
    Scenario(
        "refund-beyond-counting",
        "a refund to packs beyond the greatest number that can be counted expires",
        (
            OPEN,
            subscribe("premium"),
            move("buy_topup", pack="small", quantity=5),
            generate("j1", 323),
            move("buy_topup", pack="small", quantity=2**53 - 3),
            refund("j1"),
        ),
        "F02",
        catalogue=SMALL,
    ),
)

_SESSIONS = (
    Scenario(
        "two-devices",
        "two devices show two balances of one account: the one that fetched last is right, the other is old",
        (
            OPEN,
            _login("phone"),
            generate("j1", 40),
            _login("desk"),
            _view("desk", daily=110),
            _view("phone", daily=150),
            _view("phone", daily=110),
            move("refresh", session="phone"),
            _view("phone", daily=150),
        ),
        "A07 A10",
    ),
    Scenario(
        "pools-are-judged-together",
        "two pools that were each true once, and never together, are impossible",
        (
            OPEN,
            subscribe("premium"),
            _login("s1"),
            generate("j1", 150),
            generate("j2", 1_000),
            _view("s1", daily=0, fast=25_000),
            _view("s1", daily=150, fast=24_000),
            _view("s1", daily=150, fast=25_000),
            _view("s1", fast=24_000),
        ),
        "A14 F04 A06",
    ),
    Scenario(
        "a-balance-that-came-back-is-current",
        "a balance that was left and came back is current, and one from before the login is impossible",
        (
            OPEN,
            generate("j1", 50),
            _login("s1"),
            _view("s1", daily=150),
            refund("j1"),
            _view("s1", daily=100),
            _view("s1", daily=150),
        ),
        "A07 A14",
    ),
    Scenario(
        "reset-behind-the-screen",
        "a screen that was not refreshed shows the balance of before the reset",
        (
            OPEN,
            generate("j1", 50),
            _login("s1"),
            DAY,
            RESET,
            _view("s1", daily=100),
            _view("s1", daily=150),
            _view("s1", daily=149),
        ),
        "A07",
    ),
    Scenario(
        "logout-forgets",
        "a session that logged out shows nothing, and a new login begins with the truth",
        (
            OPEN,
            _login("s1"),
            _login("s1"),
            generate("j1", 50),
            move("logout", session="s1"),
            _view("s1", daily=100),
            move("logout", session="s1"),
            move("refresh", session="s1"),
            _login("s1"),
            _view("s1", daily=150),
            _view("s1", daily=100),
            _login("s1"),
        ),
        "A07",
    ),
    Scenario(
        "sessions-before-the-account",
        "nobody logs in to an account that was never opened",
        (
            _login("s1"),
            move("refresh", session="s1"),
            move("logout", session="s1"),
            _view("s1", daily=0),
            OPEN,
            move("refresh", session="s1"),
        ),
        "A07",
    ),
    Scenario(
        "a-stale-session-logs-out",
        "a session whose balance is old may refresh, look, log out or be refused a second login",
        (
            OPEN,
            _login("s1"),
            generate("j1", 5),
            _login("s1"),
            move("refresh", session="s1"),
            move("refresh", session="s1"),
            generate("j2", 5),
            move("logout", session="s1"),
        ),
        "A07",
    ),
    Scenario(
        "session-belongs-to-its-account",
        "a session of one account is not logged in to another",
        (
            OPEN,
            _by("bob", OPEN),
            _login("s1"),
            _by("bob", _view("s1", daily=150)),
            _by("bob", _login("s1")),
            _view("s1", daily=150),
        ),
        "A10 A15",
    ),
)

_ACCOUNTS = (
    Scenario(
        "one-account-s-jobs-leave-the-other-alone",
        "the jobs of one account do nothing to another, and neither does what it spends",
        (
            OPEN,
            _by("bob", OPEN),
            subscribe("premium"),
            _by("bob", subscribe("essential")),
            generate("j1", 200),
            _by("bob", generate("j1", 100)),
            MONTH,
            RENEW,
            RESET,
            _by("bob", generate("j2", 1)),
            generate("j2", 1),
        ),
        "A05 A15",
    ),
    Scenario(
        "tokens-are-not-given-away",
        "a transfer is refused, and neither account changes",
        (
            OPEN,
            _by("bob", OPEN),
            subscribe("premium"),
            move("transfer", to="bob", amount=100),
            _by("bob", generate("j1", 151)),
            generate("j1", 1),
        ),
        "F13",
    ),
    Scenario(
        "app-and-api-apart",
        "API tokens do not pay in the app, nor app tokens for the API",
        (
            OPEN,
            move("buy_api", amount=500),
            generate("j1", 151),
            move("api_generate", job="j2", cost=501),
            move("api_generate", job="j3", cost=500),
            move("api_generate", job="j4", cost=1),
        ),
        "A11",
    ),
)

SCENARIOS: tuple[Scenario, ...] = (*_CALENDAR, *_BILLING, *_JOURNAL, *_REFUNDS, *_SESSIONS, *_ACCOUNTS)

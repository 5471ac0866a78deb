"""Scenarios of what an account remembers, and of several: repeated ids, jobs given back, devices, two accounts."""

from __future__ import annotations

from tokenspec.oracle.vectors.build.moves import Move, move
from tokenspec.oracle.vectors.build.script import DAY, MONTH, Scenario
from tokenspec.oracle.vectors.build.starting_points import CANCEL, OPEN, PACK, RENEW, RESET, SMALL, generate, refund, subscribe


def _by(account: str, what: Move) -> Move:
    return what | {"account": account}


def _with_id(event_id: str, what: Move) -> Move:
    return what | {"id": event_id}


def _login(session: str) -> Move:
    return move("login", session=session)


def _view(session: str, **shown: int) -> Move:
    return move("view", session=session, shown=shown)


JOURNAL: tuple[Scenario, ...] = (
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

REFUNDS: tuple[Scenario, ...] = (
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

SESSIONS: tuple[Scenario, ...] = (
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

ACCOUNTS: tuple[Scenario, ...] = (
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

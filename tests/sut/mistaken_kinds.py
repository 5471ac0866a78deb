"""Kinds of mistaken wallets, by what it takes to find them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from sut.mistaken import (
    ACCOUNTS,
    Elsewhere,
    JoinsNames,
    KnowsBetter,
    Mistaken,
    OneJobForAll,
    RemembersTheLast,
    TakesNamesForOne,
    _plain,
    _with_allowances,
    _without_api,
)
from sut.mistaken_memory import (
    AcceptsOnceMore,
    FetchesForAll,
    ForgetsOldJobs,
    ForgetsOldScreens,
    LeavesOneUnfetched,
    LogsOutEverywhere,
    NeverFetches,
    RemembersWhatItRefused,
)
from sut.mistaken_rules import (
    CatchesUpAYear,
    FailsAfterMany,
    Gives,
    GoesOnFromAShortMonth,
    KeepsMarch,
    KnowsMonthsByName,
    LosesOne,
    LosesOneInAChain,
    LosesOneWhereBothAreDue,
    NamesTheSameAgain,
    RefundsAfterPayment,
    UpgradesOnce,
)
from tokenspec.spec.catalogue import DEFAULT

BY_LISTS: dict[str, Callable[[], Mistaken]] = {
    "accounts without zeros in front": lambda: TakesNamesForOne(ACCOUNTS, lambda name: name.lstrip("0") or name),
    "accounts in one width": lambda: TakesNamesForOne(ACCOUNTS, lambda name: unicodedata.normalize("NFKC", name)),
    "the last thousand ids": lambda: RemembersTheLast(1_000),
    "leap days kept in March": KeepsMarch,
    "an upgrade in a short month": lambda: GoesOnFromAShortMonth("upgrade"),
    "months known by their names": KnowsMonthsByName,
    "screens of three hundred changes ago": lambda: ForgetsOldScreens(300),
}
"""Faults that dice seldom meet."""
AFTER_MANY: dict[str, Callable[[], Mistaken]] = {
    "the 30th purchase": lambda: FailsAfterMany("buy_topup", 30),
    "the 55th purchase of API tokens": lambda: FailsAfterMany("buy_api", 55),
    "the 60th job": lambda: FailsAfterMany("api_generate", 60),
    "the 48th upgrade": lambda: FailsAfterMany("upgrade", 48),
    "the 40th time that nobody pays": lambda: FailsAfterMany("lapse", 40),
    "the 60th renewal": lambda: FailsAfterMany("renew", 60),
    "the 50th session": lambda: FailsAfterMany("login", 50),
    "the 33rd cancellation": lambda: FailsAfterMany("cancel", 33),
    "refunds after 60 days": lambda: ForgetsOldJobs("daily_reset", 60),
    "refunds of split jobs after 60 days": lambda: ForgetsOldJobs("daily_reset", 60, 2),
    "refunds of split jobs after 60 months": lambda: ForgetsOldJobs("renew", 60, 2),
    "refunds after 50 purchases": lambda: ForgetsOldJobs("buy_topup", 50),
    "a reset and a renewal at one instant": LosesOneWhereBothAreDue,
    "refunds after 50 jobs": lambda: ForgetsOldJobs("generate", 50),
    "a refresh of all sessions": lambda: FetchesForAll("refresh"),
    "a logout of all sessions": lambda: FetchesForAll("logout"),
}
"""Faults that show when something has happened many times, long after, or to one of several."""
IN_CHAINS: dict[str, Callable[[], Mistaken]] = {
    "a second upgrade, a downgrade taken back in between": lambda: LosesOneInAChain("upgrade", "downgrade", "resume", "upgrade"),
    "a second upgrade, an end taken back in between": lambda: LosesOneInAChain("upgrade", "cancel", "resume", "upgrade"),
    "a second upgrade, a job refunded in between": lambda: LosesOneInAChain("upgrade", "generate", "refund", "upgrade"),
    "a second purchase, an end taken back in between": lambda: LosesOneInAChain("buy_topup", "cancel", "resume", "buy_topup"),
    "a second job, an end taken back in between": lambda: LosesOneInAChain("generate", "cancel", "resume", "generate"),
}
"""Faults that show when an event comes again after another one was undone, with nothing else in between."""
IN_MIXED_CHAINS: dict[str, Callable[[], Mistaken]] = {
    "a downgrade after an upgrade, an end taken back": lambda: LosesOneInAChain("upgrade", "cancel", "resume", "downgrade"),
    "a downgrade and an end, both taken back": lambda: LosesOneInAChain("downgrade", "resume", "cancel", "resume"),
}
"""Faults that show when one event comes after another, and a third one was undone in between."""
IN_SEQUENCES: dict[str, Callable[[], Mistaken]] = {
    "plan changes after a late payment": lambda: LosesOneInAChain("payment_failed", "renew", "upgrade", "downgrade"),
    "a purchase before an end is taken back": lambda: LosesOneInAChain("cancel", "buy_topup", "resume", "renew"),
    "a job after a purchase and an upgrade": lambda: LosesOneInAChain("buy_topup", "upgrade", "generate", "refund"),
    "two failed payments in a row": lambda: LosesOneInAChain("payment_failed", "renew", "payment_failed", "renew"),
    "an upgrade after a lower plan has begun": lambda: LosesOneInAChain("downgrade", "renew", "upgrade", "renew"),
    "a day before a downgrade is taken back": lambda: LosesOneInAChain("downgrade", "daily_reset", "resume", "upgrade"),
    "a day after an upgrade": lambda: LosesOneInAChain("upgrade", "daily_reset", "downgrade", "renew"),
    "a job while a downgrade is scheduled": lambda: LosesOneInAChain("downgrade", "generate", "resume", "refund"),
    "a job before an upgrade and a day": lambda: LosesOneInAChain("generate", "upgrade", "daily_reset", "refund"),
    "the same downgrade again": lambda: NamesTheSameAgain("downgrade", "upgrade", "downgrade", "renew"),
}
"""Faults that show after four events in a row, of which one undoes another or a period ends, be it a day."""


PRICES = [*DEFAULT.prices]
_PLAIN_PRICES = {name.lower(): name for name in PRICES}


def _first_that_begins_so(name: str) -> str:
    return next((price for price in PRICES if name and price.startswith(name)), name)


OF_OBJECTS = ("constructor", "__proto__", "toString")
BY_UNLISTED_NAMES: dict[str, Callable[[], Mistaken]] = {
    "plans that every object has": lambda: TakesNamesForOne(["plan"], lambda name: "premium" if name in OF_OBJECTS else name),
    "packs that every object has": lambda: TakesNamesForOne(["pack"], lambda name: "small" if name in OF_OBJECTS else name),
    "prices that every object has": lambda: TakesNamesForOne(["action"], lambda name: PRICES[0] if name in OF_OBJECTS else name),
    "prices by their beginning": lambda: TakesNamesForOne(["action"], _first_that_begins_so),
    "packs by their beginning": lambda: TakesNamesForOne(
        ["pack"], lambda name: {"smal": "small", "larg": "large"}.get(name, name)
    ),
    "prices without case": lambda: TakesNamesForOne(["action"], lambda name: _PLAIN_PRICES.get(name.lower(), name)),
}
"""Faults that show where a name is looked up that is not on a list, and may be taken for one that is."""


MISTAKEN: dict[str, Callable[[], Mistaken]] = {
    "ids without case": lambda: TakesNamesForOne(["id"], str.lower),
    "ids without blanks at the end": lambda: TakesNamesForOne(["id"], str.rstrip),
    "ids of 36 characters": lambda: TakesNamesForOne(["id"], lambda name: name[:36]),
    "accounts without case": lambda: TakesNamesForOne(ACCOUNTS, str.lower),
    "accounts without accents": lambda: TakesNamesForOne(ACCOUNTS, _plain),
    "jobs in one normal form": lambda: TakesNamesForOne(["job"], lambda name: unicodedata.normalize("NFC", name)),
    "jobs without zeros in front": lambda: TakesNamesForOne(["job"], lambda name: name.lstrip("0") or name),
    "plans without case": lambda: TakesNamesForOne(["plan"], str.lower),
    "sessions without blanks": lambda: TakesNamesForOne(["session"], str.strip),
    "ids joined to accounts": lambda: JoinsNames(":"),
    "ids joined to accounts by a dash": lambda: JoinsNames("-"),
    "ids put behind accounts": lambda: JoinsNames(""),
    "the last id": lambda: RemembersTheLast(1),
    "the last ten ids": lambda: RemembersTheLast(10),
    "one job for all": OneJobForAll,
    "five hours behind": lambda: Elsewhere(-5),
    "an hour ahead": lambda: Elsewhere(1),
    "gives": Gives,
    "a second upgrade": lambda: LosesOne(lambda request, _: request["event"] == "upgrade", "upgrade"),
    "relaxed, then renewed": lambda: LosesOne(lambda _, answer: answer.get("mode") == "relaxed", "renew"),
    "a daily allowance of its own": lambda: KnowsBetter(lambda _: {"daily": 150}),
    "a daily allowance of at least one": lambda: KnowsBetter(lambda figures: {"daily": max(1, figures["daily"])}),
    "paid plans of at least one": lambda: KnowsBetter(_with_allowances),
    "a refresh that fetches nothing": NeverFetches,
    **BY_LISTS,
    "an upgrade to a plan once": UpgradesOnce,
    "a refund after a late payment": RefundsAfterPayment,
    "no API tokens on a plan": lambda: KnowsBetter(_without_api),
}
ACROSS_EVENTS: dict[str, Callable[[], Mistaken]] = {
    "a session that is not fetched after a renewal": lambda: LeavesOneUnfetched("renew"),
    "a job begun again after a renewal": lambda: AcceptsOnceMore("generate", "renew"),
    "a job asked back again after a renewal": lambda: AcceptsOnceMore("refund", "renew"),
    "a job asked back again after an end": lambda: AcceptsOnceMore("refund", "lapse"),
    "a job asked back before it was begun": RemembersWhatItRefused,
    "a logout in all accounts": LogsOutEverywhere,
    "a purchase in a short month": lambda: GoesOnFromAShortMonth("buy_topup"),
    "twelve renewals at most": CatchesUpAYear,
}
"""Faults of what is remembered from before an event, and of months."""

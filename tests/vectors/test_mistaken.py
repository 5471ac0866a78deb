"""The shipped vectors find every wallet that takes one thing for another, and further ones of the same kinds.

For each the vector is named that shows it on the fewest steps: the others need not be run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import unquote_plus

import pytest

from sut.mistaken import ACCOUNTS, LOOK, Elsewhere, JoinsNames, KnowsBetter, Message, Mistaken, TakesNamesForOne
from sut.mistaken_kinds import ACROSS_EVENTS, IN_CHAINS, IN_MIXED_CHAINS, IN_SEQUENCES, MISTAKEN
from sut.mistaken_rules import LosesOne
from tokenspec.oracle.fuzz.names import _CHANGES, ALIKE, LONGEST
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.vectors.suite import Case, default_suite
from tokenspec.oracle.wire.answers import differences

SUITE = default_suite()


class Forgets(Mistaken):
    """Names are forgotten once a while has passed since their first use, or once an event was accepted."""

    def __init__(self, key: str, *, after: str = "", days: int = 10_000) -> None:
        super().__init__()
        self._key, self._after, self._days = key, after, timedelta(days=days)

    def begin(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, datetime]] = {}
        self._number = 0

    def apply(self, request: Message) -> Message:
        name, used, at = request["account"], request.get(self._key), datetime.fromisoformat(request["at"])
        if used is not None:
            if (name, used) in self._known and at - self._known[name, used][1] > self._days:
                del self._known[name, used]
            self._number += 1
            request[self._key] = self._known.setdefault((name, used), (f"{used} {self._number}", at))[0]
        answer = self.server.handle(request)
        if request["event"] == self._after and answer["outcome"] == "accepted" and not answer.get("duplicate"):
            self._known = {key: value for key, value in self._known.items() if key[0] != name}
        return answer


class ShowsDue(Mistaken):
    """Due instants are shown otherwise."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self._change = change

    def apply(self, request: Message) -> Message:
        answer = self.server.handle(request)
        due = {key: at for key, at in answer.items() if key.startswith("next_") and at is not None}
        return answer | {key: self._change(at) for key, at in due.items()}


class OneSessionForAll(Mistaken):
    """A session of one account is refused to another."""

    def begin(self) -> None:
        self._whose: dict[str, str] = {}

    def apply(self, request: Message) -> Message:
        name = request["account"]
        if request["event"] == "login" and self._whose.setdefault(request["session"], name) != name:
            return self.server.handle({**LOOK, "account": name, "at": request["at"]})
        return self.server.handle(request)


class GivesOnOnePlan(Mistaken):
    """A transfer between two accounts of one paid plan is accepted."""

    def apply(self, request: Message) -> Message:
        answer = self.server.handle(request)
        if request["event"] == "transfer" and request["to"] != request["account"]:
            other = self.server.handle({**LOOK, "account": request["to"], "at": request["at"]})
            return answer | ({"outcome": "accepted"} if answer["plan"] == other["plan"] != "free" else {})
        return answer


def as_number(name: str) -> str:
    return repr(float(name)) if re.fullmatch(r"[-+]?\d+\.?\d*(e\d+)?", name) else name


def in_summer(at: str) -> str:
    """A reset that is an hour early while clocks are put on."""
    earlier = datetime.fromisoformat(at) - timedelta(hours="03-28" <= at[5:10] < "10-31")
    return earlier.isoformat().replace("+00:00", "Z")


def loses_after(first: str, second: str) -> Mistaken:
    """A token is lost by one event after another, whatever comes between."""
    return LosesOne(lambda request, _: request["event"] == first, second)


LATER = {
    ("upgrade", "subscribe"): "rules-after-5",
    ("upgrade", "resume"): "rules-after-11",
    ("downgrade", "subscribe"): "rules-after-5",
    ("cancel", "upgrade"): "rules-after-6",
    ("cancel", "downgrade"): "rules-after-6",
    ("cancel", "payment_failed"): "rules-after-6",
    ("cancel", "renew"): "rules-by-each-4",
    ("resume", "subscribe"): "rules-after-5",
    ("resume", "payment_failed"): "rules-after-5",
}
FURTHER: dict[str, Callable[[], Mistaken]] = {
    "ids as numbers": lambda: TakesNamesForOne(["id"], as_number),
    "ids without tabs": lambda: TakesNamesForOne(["id"], lambda name: name.strip("\t")),
    "ids without signs that are not seen": lambda: TakesNamesForOne(
        ["id"], lambda name: "".join(each for each in name if unicodedata.category(each) != "Cf")
    ),
    "ids without letters beyond 16 bits": lambda: TakesNamesForOne(["id"], lambda name: re.sub("[^\u0000-\uffff]", "?", name)),
    "accounts of 64 characters": lambda: TakesNamesForOne(ACCOUNTS, lambda name: name[:64]),
    "accounts of 254 characters": lambda: TakesNamesForOne(ACCOUNTS, lambda name: name[:254]),
    "accounts in capitals": lambda: TakesNamesForOne(ACCOUNTS, str.upper),
    "jobs by their last 36 characters": lambda: TakesNamesForOne(["job"], lambda name: name[-36:]),
    "jobs as parts of an address": lambda: TakesNamesForOne(["job"], unquote_plus),
    "jobs folded": lambda: TakesNamesForOne(["job"], str.casefold),
    "sessions as words": lambda: TakesNamesForOne(["session"], lambda name: re.sub("[^a-z0-9]+", "-", name.lower())),
    "packs without blanks": lambda: TakesNamesForOne(["pack"], str.strip),
    "actions without case": lambda: TakesNamesForOne(["action"], str.lower),
    "ids joined by a bar": lambda: JoinsNames("|"),
    "one session for all": OneSessionForAll,
    "ids for a day": lambda: Forgets("id", days=1),
    "ids for a month": lambda: Forgets("id", days=31),
    "ids for a year": lambda: Forgets("id", days=366),
    **{f"ids until {event}": lambda event=event: Forgets("id", after=event) for event in ("renew", "cancel", "upgrade", "lapse")},  # type: ignore[misc]
    "jobs for a month": lambda: Forgets("job", days=31),
    **{f"jobs until {event}": lambda event=event: Forgets("job", after=event) for event in ("renew", "cancel", "downgrade")},  # type: ignore[misc]
    "a leap year in 2100": lambda: ShowsDue(lambda at: at.replace("2100-02-28", "2100-02-29")),
    "no leap year in 2400": lambda: ShowsDue(lambda at: at.replace("2400-02-29", "2400-02-28")),
    "summer time": lambda: ShowsDue(in_summer),
    "whole seconds": lambda: ShowsDue(lambda at: re.sub(r"\.\d+", "", at)),
    "whole minutes": lambda: ShowsDue(lambda at: re.sub(r":\d\d(\.\d+)?Z", ":00Z", at)),
    "half a day ahead": lambda: Elsewhere(12),
    "a bank of at least a month": lambda: KnowsBetter(lambda figures: {"bank_months": max(1, figures["bank_months"])}),
    "packs of at least two": lambda: KnowsBetter(lambda f: {"packs": {name: max(2, size) for name, size in f["packs"].items()}}),
    "prices of its own": lambda: KnowsBetter(lambda figures: {"prices": dict.fromkeys(figures["prices"], 8)}),
    "gives on one plan": GivesOnOnePlan,
    **IN_CHAINS,
    **IN_MIXED_CHAINS,
    **IN_SEQUENCES,
    **ACROSS_EVENTS,
    **{f"{second} after {first}": partial(loses_after, first, second) for first, second in LATER},
}
"""Faults of the same kinds that nothing was built for."""
SHOWN_BY = {
    "ids without case": "names-ids-numbers",
    "ids without blanks at the end": "names-ids-blanks",
    "ids of 36 characters": "names-ids-length",
    "accounts without case": "names-accounts-numbers",
    "accounts without accents": "names-accounts-letters",
    "jobs in one normal form": "names-jobs-letters",
    "jobs without zeros in front": "names-jobs-numbers",
    "plans without case": "names-subscribe-plan",
    "sessions without blanks": "names-sessions-blanks",
    "ids joined to accounts": "names-joined-ids",
    "ids joined to accounts by a dash": "names-joined-ids",
    "ids put behind accounts": "names-joined-ids",
    "the last id": "names-ids-length",
    "the last ten ids": "names-ids-length",
    "one job for all": "rules-retries-2",
    "five hours behind": "time-renewal-month-ends",
    "an hour ahead": "time-renewal-month-ends-start_of_day",
    "gives": "others-transfer",
    "a second upgrade": "upgrade-keeps-the-date",
    "relaxed, then renewed": "figures-daily-at-the-least",
    "a daily allowance of its own": "figures-others-2-prices",
    "a daily allowance of at least one": "figures-daily-at-the-least",
    "paid plans of at least one": "figures-plans-allowance-at-the-least",
    "a refresh that fetches nothing": "names-sessions-length",
    "accounts without zeros in front": "names-accounts-numbers",
    "accounts in one width": "names-accounts-blanks",
    "the last thousand ids": "names-ids-many",
    "leap days kept in March": "time-renewal-odd-instants",
    "an upgrade to a plan once": "rules-after-11",
    "a refund after a late payment": "rules-around-4",
    "no API tokens on a plan": "figures-others-1",
    "ids as numbers": "names-ids-numbers",
    "ids without tabs": "names-ids-blanks",
    "ids without signs that are not seen": "names-ids-blanks",
    "ids without letters beyond 16 bits": "names-ids-letters",
    "accounts of 64 characters": "names-accounts-length",
    "accounts of 254 characters": "names-accounts-length",
    "accounts in capitals": "names-accounts-numbers",
    "jobs by their last 36 characters": "names-jobs-length",
    "jobs as parts of an address": "names-jobs-blanks",
    "jobs folded": "names-jobs-numbers",
    "sessions as words": "names-sessions-length",
    "packs without blanks": "names-buy_topup-pack",
    "actions without case": "names-generate-action",
    "ids joined by a bar": "names-joined-ids",
    "one session for all": "names-joined-sessions",
    "ids for a day": "rules-retries-2",
    "ids for a month": "rules-retries-2",
    "ids for a year": "time-ids",
    "ids until renew": "rules-retries-1",
    "ids until cancel": "rules-retries-1",
    "ids until upgrade": "rules-retries-1",
    "ids until lapse": "rules-retries-1",
    "jobs for a month": "time-jobs",
    "jobs until renew": "rules-around-4",
    "jobs until cancel": "rules-around-2",
    "jobs until downgrade": "rules-around-4",
    "a leap year in 2100": "time-renewal-centuries",
    "no leap year in 2400": "time-renewal-centuries",
    "summer time": "figures-bank_months-at-the-least",
    "whole seconds": "time-renewal-odd-instants",
    "whole minutes": "time-renewal-odd-instants",
    "half a day ahead": "time-renewal-month-ends-start_of_day",
    "a bank of at least a month": "figures-bank_months-at-the-least",
    "packs of at least two": "figures-packs-at-the-least",
    "prices of its own": "figures-prices-at-the-least-prices",
    "gives on one plan": "others-transfer",
    "a second upgrade, a downgrade taken back in between": "rules-undone-5",
    "a second upgrade, an end taken back in between": "rules-undone-3",
    "a second upgrade, a job refunded in between": "rules-undone-5",
    "a second purchase, an end taken back in between": "rules-undone-3",
    "a second job, an end taken back in between": "rules-undone-4",
    "an upgrade in a short month": "time-renewal-changes",
    "months known by their names": "time-jobs-of-periods",
    "screens of three hundred changes ago": "memory-screens",
    "a downgrade after an upgrade, an end taken back": "policy-downgrade_bank-keep-1",
    "a downgrade and an end, both taken back": "rules-in-a-row-6",
    "plan changes after a late payment": "rules-after-10",
    "a purchase before an end is taken back": "rules-in-a-row-4",
    "a job after a purchase and an upgrade": "rules-in-a-row-5",
    "two failed payments in a row": "time-renewal-changes",
    "an upgrade after a lower plan has begun": "rules-by-each-7",
    "a day before a downgrade is taken back": "rules-in-a-row-4",
    "a day after an upgrade": "rules-in-a-row-7",
    "a job while a downgrade is scheduled": "resumes-then-refunds",
    "a job before an upgrade and a day": "rules-in-a-row-3",
    "the same downgrade again": "policy-daily_position-last-1",
    "a session that is not fetched after a renewal": "memory-sessions-2",
    "a job begun again after a renewal": "memory-jobs-2",
    "a job asked back again after a renewal": "memory-jobs-2",
    "a job asked back again after an end": "memory-jobs-1",
    "a job asked back before it was begun": "id-free-after-refusal",
    "a logout in all accounts": "memory-sessions-2",
    "a purchase in a short month": "time-renewal-changes",
    "twelve renewals at most": "figures-overdue-1",
    **{f"{second} after {first}": vector for (first, second), vector in LATER.items()},
}
"""By fault, a vector in which an answer shows it."""
NOT_SHOWN = {
    "names that end at a sign of value 0": "some databases cannot hold such names, so no vector has one; `fuzz` has none either",
    "requests at one time": "a vector is one request after the other: `fuzz --clients` is for that",
}
"""Faults of these kinds that no vector shows, with the reason."""


def case(name: str) -> Case:
    return SUITE.case(next(entry for entry in SUITE.index.vectors if entry.id == name))


def test_every_kind_has_a_vector_that_shows_it() -> None:
    assert {*SHOWN_BY, *NOT_SHOWN} >= {*MISTAKEN, *FURTHER} >= SHOWN_BY.keys()
    assert not NOT_SHOWN.keys() & SHOWN_BY.keys()


def fails(wallet: Mistaken, name: str) -> bool:
    vector = case(name).vector
    wallet.ask({"op": "open", "protocol": 1, "catalogue": vector.catalogue, "policy": vector.policy})
    return any(list(differences(step.expect, wallet.ask(dict(step.request)))) for step in vector.steps)


@pytest.mark.parametrize("fault", SHOWN_BY)
def test_a_wallet_that_takes_one_thing_for_another_fails_a_vector(fault: str) -> None:
    assert fails({**MISTAKEN, **FURTHER}[fault](), SHOWN_BY[fault])


@pytest.mark.parametrize("name", sorted(set(SHOWN_BY.values())))
def test_a_right_wallet_passes_it_under_both_kinds_of_resets(name: str) -> None:
    for resets, vector in (("explicit", name), ("implied", f"implied-{name}")):
        right = Mistaken()
        right.server = Server(resets)
        if any(entry.id == vector for entry in SUITE.index.vectors):
            assert not fails(right, vector)


@pytest.mark.parametrize("key", ["accounts", "ids", "jobs", "sessions"])
def test_every_name_of_a_list_occurs_under_each_key(key: str) -> None:
    field = key.removesuffix("s")
    for way, names in ALIKE.items():
        said = {step.request.get(field) for step in case(f"names-{key}-{way}").vector.steps}
        assert said >= set(names)


@pytest.mark.parametrize("number", range(len(_CHANGES)))
def test_every_way_in_which_the_tester_changes_a_name_is_on_a_list(number: int) -> None:
    found = {way: list(pairs(names, _CHANGES[number])) for way, names in ALIKE.items()}
    assert any(found.values())


def pairs(names: Sequence[str], change: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Two of the names of which the second is the first one, changed; of long names another last letter is as good as any."""
    for name in names:
        length = LONGEST - 1 if len(name) == LONGEST else LONGEST
        changed = change(name)[:LONGEST]
        yield from ((name, each) for each in names if changed != name != each and changed[:length] == each[:length])

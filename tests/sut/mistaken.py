"""Wallets that take one thing for another: a right server, and what it is asked changed on the way, each by one fault."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Client
from tokenspec.spec.catalogue import DEFAULT

Message = dict[str, Any]
LOOK = {"op": "apply", "event": "quote", "action": "no such action"}


class Mistaken(Client):
    """A client of the right server; `begin` is called with each world, `apply` with each event."""

    def __init__(self) -> None:
        self.server = Server()

    def ask(self, request: Message) -> Message:
        if request["op"] == "open":
            self.begin()
        return self.apply(dict(request)) if request["op"] == "apply" else self.server.handle(request)

    def begin(self) -> None:
        """An empty world."""

    def apply(self, request: Message) -> Message:
        return self.server.handle(request)

    def end(self) -> None:
        """Nothing was started."""


class TakesNamesForOne(Mistaken):
    """Names in some fields are changed, so that two of them are one."""

    def __init__(self, fields: Sequence[str], change: Callable[[str], str]) -> None:
        super().__init__()
        self._fields, self._change = fields, change

    def apply(self, request: Message) -> Message:
        changed = {key: self._change(value) for key, value in request.items() if key in self._fields}
        return self.server.handle(request | changed)


class TakesNoEmptyIds(Mistaken):
    """An empty id counts as none."""

    def apply(self, request: Message) -> Message:
        return self.server.handle({key: value for key, value in request.items() if key != "id" or value})


class RemembersTheLast(Mistaken):
    """Only so many ids of an account are remembered."""

    def __init__(self, many: int) -> None:
        super().__init__()
        self._many, self._number = many, 0

    def begin(self) -> None:
        self._known: dict[str, dict[str, str]] = {}

    def apply(self, request: Message) -> Message:
        if "id" in request:
            known = self._known.setdefault(request["account"], {})
            self._number += 1
            request["id"] = known.setdefault(request["id"], f"{request['id']} {self._number}")
            for forgotten in list(known)[: -self._many]:
                del known[forgotten]
        return self.server.handle(request)


class JoinsNames(Mistaken):
    """What an id was used for is kept under one text that joins it to its account."""

    def __init__(self, between: str) -> None:
        super().__init__()
        self._between = between

    def begin(self) -> None:
        self._first: dict[str, tuple[str, Message]] = {}

    def apply(self, request: Message) -> Message:
        name = request["account"]
        key = f"{name}{self._between}{request['id']}" if "id" in request else ""
        if key in self._first and self._first[key][0] != name:
            return self._first[key][1] | {"duplicate": True}
        answer = self.server.handle(request)
        self._first |= {key: (name, answer)} if key else {}
        return answer


class OneJobForAll(Mistaken):
    """A job that one account has is refused to another."""

    def begin(self) -> None:
        self._whose: dict[str, str] = {}

    def apply(self, request: Message) -> Message:
        starts = request["event"] in ("generate", "api_generate")
        if starts and self._whose.get(request["job"], request["account"]) != request["account"]:
            return self.server.handle({**LOOK, "account": request["account"], "at": request["at"]}) | {"outcome": "refused"}
        answer = self.server.handle(request)
        if starts and answer["outcome"] == "accepted":
            self._whose[request["job"]] = request["account"]
        return answer


class Elsewhere(Mistaken):
    """Days and months are counted in a zone other than UTC."""

    def __init__(self, hours: int) -> None:
        super().__init__()
        self._hours = hours

    def _moved(self, at: str, hours: int) -> str:
        return (datetime.fromisoformat(at) + timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def apply(self, request: Message) -> Message:
        if request["event"] == "open_account":
            hour, minute = request.get("daily_reset_time", "00:00").split(":")
            request["daily_reset_time"] = f"{(int(hour) + self._hours) % 24:02}:{minute}"
        answer = self.server.handle(request | {"at": self._moved(request["at"], self._hours)})
        due = {key: at for key, at in answer.items() if key in ("next_daily_reset_at", "next_renewal_at") and at is not None}
        return answer | {key: self._moved(at, -self._hours) for key, at in due.items()}


class Gives(Mistaken):
    """A transfer to an account that has top-up tokens is accepted."""

    def apply(self, request: Message) -> Message:
        answer = self.server.handle(request)
        if request["event"] == "transfer" and request["to"] != request["account"] and answer["balances"].get("topup"):
            other = self.server.handle({**LOOK, "account": request["to"], "at": request["at"]})
            return answer | ({"outcome": "accepted"} if other["balances"].get("topup") else {})
        return answer


class LosesOne(Mistaken):
    """A token is lost where one thing follows another within a period."""

    def __init__(self, first: Callable[[Message, Message], bool], second: str) -> None:
        super().__init__()
        self._is_first, self._second = first, second

    def begin(self) -> None:
        self._had: set[str] = set()

    def apply(self, request: Message) -> Message:
        answer, name, event = self.server.handle(request), request["account"], request["event"]
        if answer["outcome"] != "accepted" or answer.get("duplicate"):
            return answer
        if event == self._second and name in self._had and answer["balances"]["fast"]:
            answer["balances"]["fast"] -= 1
        if event in ("renew", "subscribe"):
            self._had.discard(name)
        if self._is_first(request, answer):
            self._had.add(name)
        return answer


class KnowsBetter(Mistaken):
    """Figures of the catalogue that it is sent are replaced, and it does not say so."""

    def __init__(self, change: Callable[[Message], Message]) -> None:
        super().__init__()
        self._change = change

    def ask(self, request: Message) -> Message:
        figures = request.get("catalogue", {})
        return super().ask(request | ({"catalogue": figures | self._change(figures)} if figures else {}))


def _plain(name: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each))


def _with_allowances(figures: Message) -> Message:
    free = figures["ranking"][0]
    return {"plans": {n: plan | {"allowance": max(int(n != free), plan["allowance"])} for n, plan in figures["plans"].items()}}


def _without_api(figures: Message) -> Message:
    return {"plans": {name: plan | {"api": 0} for name, plan in figures["plans"].items()}}


class NeverFetches(Mistaken):
    """A session shows for ever what it showed first: a refresh fetches nothing."""

    def apply(self, request: Message) -> Message:
        if request["event"] != "refresh":
            return self.server.handle(request)
        looked = self.server.handle({**request, "event": "view", "shown": {"daily": 0}})
        return {key: value for key, value in looked.items() if key != "shown_is"}


class FetchesForAll(Mistaken):
    """An event of one session happens to all others of the account as well."""

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event

    def begin(self) -> None:
        self._sessions: dict[str, list[str]] = {}

    def apply(self, request: Message) -> Message:
        answer, sessions = self.server.handle(request), self._sessions.setdefault(request["account"], [])
        if request["event"] == "login":
            sessions.append(request["session"])
        for other in sessions if request["event"] == self._event and answer["outcome"] == "accepted" else ():
            if other != request["session"]:
                self.server.handle({**request, "session": other})
        return answer


class UpgradesOnce(Mistaken):
    """A token is lost where a subscription comes to the same plan by an upgrade once more."""

    def begin(self) -> None:
        self._done: dict[str, set[str]] = {}

    def apply(self, request: Message) -> Message:
        answer, done = self.server.handle(request), self._done.setdefault(request["account"], set())
        if answer["outcome"] == "accepted" and not answer.get("duplicate"):
            if request["event"] == "subscribe":
                done.clear()
            if request["event"] == "upgrade":
                answer["balances"]["fast"] -= request["plan"] in done
                done.add(request["plan"])
        return answer


class LosesOneInAChain(Mistaken):
    """A token is lost by the last of these events, where they are accepted one directly after the other in one period."""

    def __init__(self, *chain: str) -> None:
        super().__init__()
        self._chain = list(chain)

    def begin(self) -> None:
        self._done: dict[str, list[str]] = {}

    def apply(self, request: Message) -> Message:
        answer, done = self.server.handle(request), self._done.setdefault(request["account"], [])
        if answer["outcome"] == "accepted" and not answer.get("duplicate"):
            done.append(request["event"])
            if done[-len(self._chain) :] == self._chain:
                answer["balances"]["fast"] -= 1
        return answer


class NamesTheSameAgain(LosesOneInAChain):
    """The same, where the first and the third event name the same plan."""

    def begin(self) -> None:
        super().begin()
        self._plans: dict[str, list[str | None]] = {}

    def apply(self, request: Message) -> Message:
        right = self.server.handle(request)
        plans = self._plans.setdefault(request["account"], [])
        if right["outcome"] == "accepted" and not right.get("duplicate"):
            plans.append(request.get("plan"))
            done = self._done.setdefault(request["account"], [])
            done.append(request["event"])
            if done[-4:] == self._chain and plans[-4] == plans[-2]:
                right["balances"]["fast"] -= 1
        return right


class GoesOnFromAShortMonth(Mistaken):
    """An upgrade in a month that ends on a day earlier than the subscription began on: it is that day from then on."""

    def begin(self) -> None:
        self._begun: dict[str, str] = {}
        self._due: dict[str, str | None] = {}
        self._day: dict[str, str] = {}

    def apply(self, request: Message) -> Message:
        answer, name, event = self.server.handle(request), request["account"], request["event"]
        due = self._due.get(name)
        if answer["outcome"] == "accepted" and event == "subscribe":
            self._begun[name] = request["at"][8:10]
            self._day.pop(name, None)
        if answer["outcome"] == "accepted" and event == "upgrade" and due and due[8:10] < self._begun[name]:
            self._day[name] = due[8:10]
        due = self._due[name] = answer.get("next_renewal_at")
        is_wrong = due and due[8:10] > self._day.get(name, "31")
        return answer | ({"next_renewal_at": f"{due[:8]}{self._day[name]}{due[10:]}"} if due and is_wrong else {})


class KnowsMonthsByName(Mistaken):
    """A job of the same month of a year before gives a token of this month back."""

    def begin(self) -> None:
        self._months: dict[str, int] = {}
        self._begun: dict[tuple[str, str], int] = {}

    def apply(self, request: Message) -> Message:
        answer, name, event = self.server.handle(request), request["account"], request["event"]
        if answer["outcome"] == "accepted" and not answer.get("duplicate"):
            months = self._months[name] = self._months.get(name, 0) + (event == "renew")
            if event == "generate" and answer.get("charge", {}).get("fast"):
                self._begun[name, request["job"]] = months
            if event == "refund" and months - self._begun.get((name, request["job"]), months) == 12:
                answer["balances"]["fast"] += 1
        return answer


class ForgetsOldScreens(Mistaken):
    """What a session showed more than so many changes ago is called impossible."""

    def __init__(self, many: int) -> None:
        super().__init__()
        self._many = many

    def begin(self) -> None:
        self._changes: dict[str, int] = {}
        self._held: dict[str, Message] = {}
        self._since: dict[tuple[str, str], int] = {}

    def apply(self, request: Message) -> Message:
        answer, name = self.server.handle(request), request["account"]
        changes = self._changes[name] = self._changes.get(name, 0) + (self._held.get(name) != answer["balances"])
        self._held[name] = dict(answer["balances"])
        if request["event"] in ("login", "refresh") and answer["outcome"] == "accepted":
            self._since[name, request["session"]] = changes
        is_old = answer.get("shown_is") == "stale" and changes - self._since[name, request["session"]] > self._many
        return answer | ({"shown_is": "impossible"} if is_old else {})


class LeavesOneUnfetched(Mistaken):
    """After an event, the session that began first of three is not refreshed until it logs in anew."""

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event

    def begin(self) -> None:
        self._sessions: dict[str, dict[str, bool]] = {}

    def apply(self, request: Message) -> Message:
        sessions, event = self._sessions.setdefault(request["account"], {}), request["event"]
        if event == "refresh" and sessions.get(request["session"]):
            looked = self.server.handle({**request, "event": "view", "shown": {"daily": 0}})
            return {key: value for key, value in looked.items() if key != "shown_is"}
        answer = self.server.handle(request)
        if answer["outcome"] == "accepted" and not answer.get("duplicate"):
            if event == "login":
                sessions[request["session"]] = False
            if event == "logout":
                sessions.pop(request["session"], None)
            if event == self._event and len(sessions) > 2:
                sessions[next(iter(sessions))] = True
        return answer


class UpgradesFromThePlanOfAnother(Mistaken):
    """An upgrade is counted from the plan that another account had which was upgraded in the ten minutes before."""

    def begin(self) -> None:
        self._plans: dict[str, str | None] = {}
        self._last: tuple[str, str | None, datetime] | None = None

    def apply(self, request: Message) -> Message:
        answer, name = self.server.handle(request), request["account"]
        if request["event"] == "upgrade" and answer["outcome"] == "accepted" and not answer.get("duplicate"):
            before, now, last = self._plans.get(name), datetime.fromisoformat(request["at"]), self._last
            if last is not None and last[0] != name and last[1] != before and now - last[2] < timedelta(minutes=10):
                answer["balances"]["fast"] += 1
            self._last = name, before, now
        self._plans[name] = answer.get("plan")
        return answer


class KeepsMarch(Mistaken):
    """What was begun on a leap day is renewed on the first of March where February has 28 days."""

    def begin(self) -> None:
        self._begun: dict[str, str] = {}

    def apply(self, request: Message) -> Message:
        answer = self.server.handle(request)
        if request["event"] == "subscribe" and answer["outcome"] == "accepted":
            self._begun[request["account"]] = request["at"][4:10]
        due = answer.get("next_renewal_at")
        is_leap = self._begun.get(request["account"]) == "-02-29"
        return answer | ({"next_renewal_at": due.replace("-02-28", "-03-01")} if due and is_leap else {})


class RefundsAfterPayment(Mistaken):
    """A job of the month before gives a token of the new month back, where its payment had failed first."""

    def begin(self) -> None:
        self._late: dict[str, bool] = {}
        self._old: dict[str, set[str]] = {}
        self._jobs: dict[str, set[str]] = {}

    def apply(self, request: Message) -> Message:
        answer, name, event = self.server.handle(request), request["account"], request["event"]
        if answer["outcome"] == "accepted" and not answer.get("duplicate"):
            jobs, old = self._jobs.setdefault(name, set()), self._old.setdefault(name, set())
            if event == "generate":
                jobs.add(request["job"])
            if event == "renew" and self._late.get(name):
                old |= jobs
            self._late[name] = answer.get("status") == "past_due"
            if event == "refund" and request["job"] in old and answer["balances"].get("fast") == 0:
                answer["balances"]["fast"] += 1
        return answer


class FailsAfterMany(Mistaken):
    """What happens for the N-th time in an account is refused."""

    def __init__(self, event: str, many: int) -> None:
        super().__init__()
        self._event, self._many = event, many

    def begin(self) -> None:
        self._times: dict[str, int] = {}

    def apply(self, request: Message) -> Message:
        answer, name = self.server.handle(request), request["account"]
        if request["event"] != self._event or answer["outcome"] != "accepted" or answer.get("duplicate"):
            return answer
        self._times[name] = self._times.get(name, 0) + 1
        return answer | ({"outcome": "refused"} if self._times[name] == self._many else {})


class ForgetsOldJobs(Mistaken):
    """The refund of a job is refused once some event has happened many times since; of a split one alone, if so wanted."""

    def __init__(self, event: str, many: int, pools: int = 1) -> None:
        super().__init__()
        self._event, self._many, self._pools = event, many, pools

    def begin(self) -> None:
        self._times: dict[str, int] = {}
        self._begun: dict[tuple[str, str], int] = {}

    def apply(self, request: Message) -> Message:
        answer, name, event = self.server.handle(request), request["account"], request["event"]
        if answer["outcome"] != "accepted" or answer.get("duplicate"):
            return answer
        times, job = self._times.get(name, 0), (name, request.get("job", ""))
        if event == "generate" and len(answer.get("charge", {})) >= self._pools:
            self._begun[job] = times
        self._times[name] = times + (event == self._event)
        is_old = event == "refund" and times - self._begun.get(job, times) >= self._many
        return answer | ({"outcome": "refused"} if is_old else {})


class LosesOneWhereBothAreDue(Mistaken):
    """A token is lost at a daily reset that is due at the very instant of a renewal."""

    def begin(self) -> None:
        self._both: dict[str, bool] = {}

    def apply(self, request: Message) -> Message:
        answer, name = self.server.handle(request), request["account"]
        daily, renewal = answer.get("next_daily_reset_at"), answer.get("next_renewal_at")
        is_meant = request["event"] == "daily_reset" and answer["outcome"] == "accepted" and self._both.get(name, False)
        self._both[name] = daily is not None and daily == renewal
        return answer | ({"balances": answer["balances"] | {"daily": answer["balances"]["daily"] - 1}} if is_meant else {})


ACCOUNTS = ("account", "to")
PRICES = [*DEFAULT.prices]
_PLAIN_PRICES = {name.lower(): name for name in PRICES}


def _first_that_begins_so(name: str) -> str:
    return next((price for price in PRICES if name and price.startswith(name)), name)


BY_LISTS: dict[str, Callable[[], Mistaken]] = {
    "accounts without zeros in front": lambda: TakesNamesForOne(ACCOUNTS, lambda name: name.lstrip("0") or name),
    "accounts in one width": lambda: TakesNamesForOne(ACCOUNTS, lambda name: unicodedata.normalize("NFKC", name)),
    "the last thousand ids": lambda: RemembersTheLast(1_000),
    "leap days kept in March": KeepsMarch,
    "an upgrade in a short month": GoesOnFromAShortMonth,
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


class LosesOneOfTheSecond(Mistaken):
    """A token is lost by an event that another account has had on the same day."""

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event

    def begin(self) -> None:
        self._first: dict[str, str] = {}

    def apply(self, request: Message) -> Message:
        answer = self.server.handle(request)
        if request["event"] == self._event and answer["outcome"] == "accepted" and not answer.get("duplicate"):
            answer["balances"]["fast"] -= self._first.setdefault(request["at"][:10], request["account"]) != request["account"]
        return answer


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

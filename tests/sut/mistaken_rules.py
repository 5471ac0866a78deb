"""Wallets that count otherwise after some events, in some months, or for one of two accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sut.mistaken import LOOK, Message, Mistaken


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
    """An event in a month that ends on a day earlier than the subscription began on: it is that day from then on."""

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event

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
        if answer["outcome"] == "accepted" and event == self._event and due and due[8:10] < self._begun[name]:
            self._day[name] = due[8:10]
        due = self._due[name] = answer.get("next_renewal_at")
        is_wrong = due and due[8:10] > self._day.get(name, "31")
        return answer | ({"next_renewal_at": f"{due[:8]}{self._day[name]}{due[10:]}"} if due and is_wrong else {})


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


class CatchesUpAYear(Mistaken):
    """Of the renewals that are due at once twelve are run at most."""

    def begin(self) -> None:
        self._due: dict[str, str | None] = {}

    def apply(self, request: Message) -> Message:
        answer, before = self.server.handle(request), self._due.get(request["account"])
        due = self._due[request["account"]] = answer.get("next_renewal_at")
        is_late = request["event"] == "renew" and before and due and due[:7] > f"{int(before[:4]) + 1}{before[4:7]}"
        return answer | ({"next_renewal_at": f"{int(str(before)[:4]) + 1}{str(before)[4:]}"} if is_late else {})

"""Implementations under test that answer as the oracle does, but for one fault; good ones are among them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import cycle
from typing import Any

from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.wire.protocol import JOBS

Message = dict[str, Any]
Fault = Callable[[Message, Message], Message]
"""The request and the right answer to it; what is answered instead, which is always an object."""


def on_apply(change: Fault) -> Fault:
    return lambda request, answer: change(request, answer) if request["op"] == "apply" else answer


def on_open(**changes: Any) -> Fault:
    return lambda request, answer: answer | changes if request["op"] == "open" else answer


def on_open_by_turns(*changes: Message) -> Fault:
    turns = cycle(changes)
    return lambda request, answer: answer | next(turns) if request["op"] == "open" else answer


def in_world(number: int, change: Fault) -> Fault:
    """A fault of one world alone, which does not come again."""
    worlds = 0

    def changed(request: Message, answer: Message) -> Message:
        nonlocal worlds
        worlds += request["op"] == "open"
        return change(request, answer) if worlds == number else answer

    return changed


def overdraws(request: Message, answer: Message) -> Message:
    """Rollover pays what fast should: a mistake of one pool, seen where one pool does not suffice."""
    charge = dict(answer.get("charge") or {})
    if charge.get("rollover"):
        charge["topup"] = charge.pop("rollover")
    return answer | ({"charge": charge} if charge else {})


def without_jobs(request: Message, answer: Message) -> Message:
    events = [name for name in answer.get("events", []) if name not in JOBS]
    return answer | {"events": events} if request["op"] == "open" else answer


def uses_up_refused_jobs() -> Fault:
    """A job that was refused once is refused for ever."""
    jobs: set[tuple[str, str]] = set()

    def changed(request: Message, answer: Message) -> Message:
        if request["op"] == "open":
            jobs.clear()
        if request.get("event") != "generate":
            return answer
        job = request["account"], request["job"]
        if answer["outcome"] == "refused":
            jobs.add(job)
        return answer | {"outcome": "refused"} if job in jobs else answer

    return changed


def opens_at_its_mark_and_is_due(request: Message, answer: Message) -> Message:
    """An account that opens at its own reset time is due at once, and not a day later."""
    mark = f"T{request.get('daily_reset_time', '00:00')}:00Z"
    is_meant = request.get("event") == "open_account" and answer["outcome"] == "accepted" and request["at"].endswith(mark)
    return answer | ({"next_daily_reset_at": request["at"]} if is_meant else {})


FAULTS: dict[str, Fault] = {
    "opens_at_its_mark_and_is_due": on_apply(opens_at_its_mark_and_is_due),
    "uses_up_refused_jobs": uses_up_refused_jobs(),
    "good": lambda request, answer: answer,
    "in_other_words": on_apply(
        lambda request, answer: answer | {"reason": f"E_{answer['reason'][:5]}".upper()} if "reason" in answer else answer
    ),
    "other_notation": on_apply(
        lambda request, answer: (
            answer
            | {"duplicate": answer.get("duplicate", False), "charge": answer.get("charge") or {}, "mode": answer.get("mode")}
            | {key: at.replace("Z", "+00:00") for key in ("next_daily_reset_at",) if (at := answer[key])}
        )
    ),
    "without_jobs": without_jobs,
    "outcomes_alone": lambda request, answer: (
        answer | {"observes": ["outcome"]} if request["op"] == "open" else {"outcome": answer["outcome"]} if answer else {}
    ),
    "one_medium": on_open(values={"media": ["image"], "plan": ["premium", "free"], "daily_reset_time": []}),
    "fixed": on_open(policy={"refund": "to_source"}),
    "cannot_open": lambda request, answer: {"error": "no such catalogue"},
    "nothing_listed": on_open(events=[]),
    "nothing_observed": on_open(observes=[]),
    "nothing_sendable": on_open(events=["subscribe"], values={"plan": []}),
    "cannot_close": lambda request, answer: {"error": "not now"} if request["op"] == "close" else answer,
    "error": on_apply(lambda request, answer: {"error": "not today"}),
    "an_unknown_event": on_open(events=["explode"]),
    "an_unknown_field": on_open(observes=["colour"]),
    "no_events": on_open(events=None),
    "jobs_though_implied": on_open(resets="implied"),
    "an_unknown_policy": on_open(policy={"refund": "sometimes"}),
    "values_of_nothing": on_open(values={"colour": ["red"]}),
    "changes_its_mind": on_open_by_turns({"observes": ["outcome"]}, {"observes": ["outcome", "mode"]}),
    "a_field_missing": on_apply(lambda request, answer: {k: v for k, v in answer.items() if k != "status"}),
    "a_wrong_type": on_apply(lambda request, answer: answer | {"balances": {k: float(v) for k, v in answer["balances"].items()}}),
    "lists_for_objects": on_apply(lambda request, answer: answer | {"balances": list(answer["balances"].values())}),
    "lies_about_charges": on_apply(overdraws),
    "forgets_nothing": in_world(3, on_apply(lambda request, answer: answer | {"outcome": "undecided"})),
    "implied": lambda request, answer: answer,
    "begins_opened": lambda request, answer: answer,
    "records_requests": lambda request, answer: answer,
    "gives_away": on_apply(
        lambda request, answer: answer | {"outcome": "accepted"} if request["event"] == "transfer" else answer
    ),
}


class Beside(Client):
    """A client of an implementation with a fault, in this process. `settings` are those it has without saying so.

    Three faults are none of a single answer: `implied`, `begins_opened` (accounts are opened by themselves) and
    `records_requests` (it answers nothing, under `terms`, and keeps what it is sent).
    """

    def __init__(self, fault: str, **settings: str) -> None:
        resets = "implied" if fault == "implied" else "explicit"
        self._server, self._change, self._hides = Server(resets, settings), FAULTS[fault], bool(settings)
        self._begins, self._records = fault == "begins_opened", fault == "records_requests"
        self.requests: list[Message] = []
        self.terms: Message = {}

    def ask(self, request: Message) -> Message:
        self.requests.append(request)
        if self._records:
            return {"resets": "explicit"} | self.terms if request["op"] == "open" else {}
        if self._begins and request["op"] == "apply":
            self._server.handle({key: request[key] for key in ("op", "account", "at")} | {"event": "open_account"})
        answer = self._server.handle(request)
        if self._begins and request["op"] == "open":
            answer["events"].remove("open_account")
        if self._hides:
            answer.pop("policy", None)
        return self._change(request, answer)

    def end(self) -> None:
        pass


class Undecided(Client):
    """Two right implementations in one, with other settings each, of which it does not tell.

    Accounts that subscribe to premium first are kept by the second; or, where `by` is "world", every other world is.
    """

    def __init__(self, first: dict[str, str], second: dict[str, str], by: str = "plan") -> None:
        self._servers, self._by = (Server("explicit", first), Server("explicit", second)), by
        self._worlds, self._second = 0, dict[str, bool]()

    def ask(self, request: Message) -> Message:
        answers = [server.handle(request) for server in self._servers]
        if request["op"] != "apply":
            self._worlds, self._second = self._worlds + (request["op"] == "open"), {}
            return {key: value for key, value in answers[0].items() if key != "policy"}
        if request["event"] == "subscribe":
            self._second.setdefault(request["account"], request["plan"] == "premium")
        second = self._worlds % 2 == 0 if self._by == "world" else self._second.get(request["account"], False)
        return answers[second]

    def end(self) -> None:
        pass


def main(*options: str) -> None:
    """A right implementation as a process, with settings that it does not tell of; after "or", those of the other half."""
    halves = [dict(option.split("=") for option in half.split()) for half in " ".join(options).split(" or ")]
    client: Beside | Undecided = Undecided(halves[0], halves[1]) if halves[1:] else Beside("good", **halves[0])
    for line in sys.stdin:
        print(json.dumps(client.ask(json.loads(line))), flush=True)


class Wallet:
    """The same for `python:`."""

    def __init__(self) -> None:
        self._server = Server()

    def handle(self, request: Message) -> Message:
        print("this is not an answer")
        return self._server.handle(request)


class Broken(Wallet):
    def handle(self, request: Message) -> Message:
        raise ValueError("the wallet is empty")


class Refunding:
    """Gives refunds, and says so."""

    def __init__(self) -> None:
        self.handle = Server(policy={"refund": "to_source"}).handle


NUMBER = 7

if __name__ == "__main__":
    main(*sys.argv[1:])

"""Wallets that forget, or remember too much, of sessions and jobs."""

from __future__ import annotations

from sut.mistaken import Message, Mistaken


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


class AcceptsOnceMore(Mistaken):
    """An event that names a job is accepted once more where another event has happened since."""

    def __init__(self, event: str, after: str) -> None:
        super().__init__()
        self._event, self._after = event, after

    def begin(self) -> None:
        self._named: dict[tuple[str, str], bool] = {}

    def apply(self, request: Message) -> Message:
        answer, name, event = self.server.handle(request), request["account"], request["event"]
        named = name, request.get("job", "")
        if answer["outcome"] == "refused":
            return answer | ({"outcome": "accepted"} if event == self._event and self._named.get(named) else {})
        if event == self._event:
            self._named.setdefault(named, False)
        if event == self._after:
            self._named |= {known: True for known in self._named if known[0] == name}
        return answer


class RemembersWhatItRefused(Mistaken):
    """A job that was asked back before it was begun cannot be asked back later."""

    def begin(self) -> None:
        self._refused: set[tuple[str, str]] = set()

    def apply(self, request: Message) -> Message:
        answer, named = self.server.handle(request), (request["account"], request.get("job", ""))
        if request["event"] != "refund":
            return answer
        if answer.get("reason") == "job_must_have_been_charged":
            self._refused.add(named)
        return answer | ({"outcome": "refused"} if named in self._refused else {})


class LogsOutEverywhere(Mistaken):
    """A logout ends the sessions of that name in all accounts."""

    def begin(self) -> None:
        self._accounts: set[str] = set()

    def apply(self, request: Message) -> Message:
        answer = self.server.handle(request)
        if request["event"] == "logout" and answer["outcome"] == "accepted":
            for other in self._accounts - {request["account"]}:
                self.server.handle({**request, "account": other})
        self._accounts |= {request["account"]} if request["event"] == "login" else set()
        return answer

"""Wallets that take one thing for another: a right server, and what it is asked changed on the way, each by one fault."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Client

Message = dict[str, Any]
LOOK = {"op": "apply", "event": "quote", "action": "no such action"}


ACCOUNTS = ("account", "to")


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

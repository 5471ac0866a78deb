"""A small wallet of free accounts, for several clients at once: right, or with one of the classical bugs.

In memory it is called from threads (`Right`, `NoLock`, ...). As a process, `small_wallet.py FILE [BUG]`, it shares the file with
the processes of other clients, and what is in the file is there after a crash.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Message = dict[str, Any]

ABOUT: Message = {
    "name": "small",
    "resets": "explicit",
    "events": ["open_account", "generate", "enable_relaxed"],
    "observes": ["outcome", "reason", "balances.daily", "duplicate"],
    "values": {"media": ["image"], "origin": ["first_party"], "daily_reset_time": []},
}
ONLY_REFUSES: Message = {"events": ["enable_relaxed"], "observes": ["outcome"]}
KNOWN = ["tokens_must_cover_cost", "relaxed_cannot_be_switched_on"]
KNOWS_LITTLE: Message = {"refusals": KNOWN, "repeats": "none", "largest": 200}
A_MOMENT = 0.005
"""Seconds between looking and acting, as long as a query of a data base takes."""
UNHURRIED = 0.02
"""Seconds under the lock in which another client gets to ask, however busy the machine is."""


class Memory:
    """The memory of the wallet: by account its tokens, jobs and answers."""

    def __init__(self) -> None:
        self.accounts: dict[str, Any] = {}
        self._lock = threading.Lock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._lock:
            yield

    def load(self) -> dict[str, Any]:
        return self.accounts

    def save(self, accounts: dict[str, Any]) -> None:
        self.accounts = accounts


class File(Memory):
    """The same in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def load(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return found

    def save(self, accounts: dict[str, Any]) -> None:
        new = self._path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(accounts))
        new.rename(self._path)


class SmallWallet:
    def __init__(self, memory: Memory, bug: str = "") -> None:
        self._memory, self._bug = memory, bug
        self.after: Any = None
        """Work that is left when the answer has been given."""

    def handle(self, request: Message) -> Message:
        if request["op"] == "open":
            if not request.get("join"):
                with self._memory.locked():
                    self._memory.save({})
            return ABOUT | {"only_refuses": ONLY_REFUSES, "knows_little": KNOWS_LITTLE}.get(self._bug, {})
        if request["op"] == "close":
            return {}
        if self._bug == "no_lock":
            return self._apply(request, None)
        first = None
        if self._bug == "id_outside":
            first = self._first(self._memory.load(), request)
            time.sleep(A_MOMENT)
        with self._memory.locked():
            time.sleep(UNHURRIED if self._bug == "unhurried" else 0)
            return self._apply(request, first)

    @staticmethod
    def _first(accounts: dict[str, Any], request: Message) -> Message | None:
        account = accounts.get(request["account"], {})
        first: Message | None = account.get("answers", {}).get(request.get("id"))
        return first

    def _apply(self, request: Message, first: Message | None) -> Message:
        accounts = json.loads(json.dumps(self._memory.load()))
        if self._bug != "id_outside":
            first = self._first(accounts, request)
        if first is not None:
            return {**first, "duplicate": True}
        if self._bug == "no_lock":
            time.sleep(A_MOMENT)
        account = accounts.setdefault(request["account"], {"daily": None, "jobs": [], "answers": {}})
        reason = self._happens(account, request)
        if self._bug == "knows_little" and (request.get("cost", 0) > 200 or reason not in (None, *KNOWN)):
            return {"error": "nobody said that this could happen"}
        answer: Message = {"outcome": "refused", "reason": reason} if reason else {"outcome": "accepted"}
        answer["balances"] = {} if account["daily"] is None else {"daily": account["daily"]}
        if "id" in request:
            account["answers"][request["id"]] = answer
        if self._bug == "answers_first":
            self.after = lambda: self._memory.save(accounts)
        else:
            self._memory.save(accounts)
        return answer

    @staticmethod
    def _happens(account: dict[str, Any], request: Message) -> str | None:
        if request["event"] == "open_account":
            if account["daily"] is not None:
                return "account_must_be_new"
            account["daily"] = 150
            return None
        if account["daily"] is None:
            return "account_must_exist"
        if request["event"] == "enable_relaxed":
            return "relaxed_cannot_be_switched_on"
        if request["cost"] < 1:
            return "cost_must_be_at_least_one"
        if request["job"] in account["jobs"]:
            return "job_must_be_new"
        if request["cost"] > account["daily"]:
            return "tokens_must_cover_cost"
        account["jobs"].append(request["job"])
        account["daily"] -= request["cost"]
        return None


def right() -> SmallWallet:
    return SmallWallet(Memory())


def no_lock() -> SmallWallet:
    return SmallWallet(Memory(), "no_lock")


def unhurried() -> SmallWallet:
    return SmallWallet(Memory(), "unhurried")


def knows_little() -> SmallWallet:
    return SmallWallet(Memory(), "knows_little")


def id_outside() -> SmallWallet:
    return SmallWallet(Memory(), "id_outside")


class Dies(SmallWallet):
    """Raises at the first charge, as a broken disk makes it."""

    def handle(self, request: Message) -> Message:
        if request.get("event") == "generate":
            raise OSError("the ledger is on fire")
        return super().handle(request)


def dies() -> Dies:
    return Dies(Memory())


def main(path: str, bug: str = "") -> None:
    wallet = SmallWallet(File(Path(path)), bug)
    Path(f"{path}.clients").open("a").write(os.environ.get("TOKENSPEC_CLIENT", "alone") + "\n")
    for line in sys.stdin:
        print(json.dumps(wallet.handle(json.loads(line))), flush=True)
        if wallet.after is not None:
            time.sleep(0.02)
            wallet.after()
            wallet.after = None


if __name__ == "__main__":
    main(*sys.argv[1:])

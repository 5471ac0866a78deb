#!/usr/bin/env python3
"""The wallet behind the protocol of the tester: one JSON object a line each way, or `handle` in the same process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from settings import POLICY
from store import Store
from wallet import Wallet

OBSERVES = [
    "outcome",
    "reason",
    "mode",
    "charge",
    "status",
    "plan",
    "scheduled_plan",
    "balances",
    "next_daily_reset_at",
    "next_renewal_at",
    "duplicate",
    "shown_is",
    "cost",
]


class Adapter:
    """Answers requests. Without `bugs`, those of the environment variable `WALLET_BUGS` (names with commas between)."""

    def __init__(self, bugs: Iterable[str] | None = None) -> None:
        named = os.environ.get("WALLET_BUGS", "").split(",") if bugs is None else bugs
        self._bugs = [name.strip() for name in named if name.strip()]
        self._wallet: Wallet | None = None

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request; what cannot be answered is an `error`."""
        op = request.get("op")
        if op == "open":
            return self._open(request)
        if op == "close":
            self._close()
            return {}
        if op == "apply" and self._wallet is not None:
            if request.get("event") not in self._wallet.events:
                return {"error": f"unknown event {request.get('event')!r}"}
            return self._wallet.apply(request)
        return {"error": f"{op!r} is not understood here; open comes first, then apply, then close"}

    def _open(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("protocol") != 1:
            return {"error": f"protocol {request.get('protocol')!r} is not spoken here, only 1"}
        self._close()
        self._wallet = Wallet(request["catalogue"], Store(), self._bugs)
        return {
            "name": "python-wallet",
            "version": "1",
            "resets": "explicit",
            "events": self._wallet.events,
            "observes": OBSERVES,
            "policy": POLICY,
        }

    def _close(self) -> None:
        if self._wallet is not None:
            self._wallet.store.close()
            self._wallet = None


def main() -> None:
    """Answer standard input on standard output until it ends."""
    adapter = Adapter()
    for line in sys.stdin:
        try:
            answer = adapter.handle(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

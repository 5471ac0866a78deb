"""A wallet that knows one number for all pools, and what each event did to it; and two that are wrong in it."""

from __future__ import annotations

from typing import Any

from tokenspec.oracle.serve.server import Server
from tokenspec.spec.words import APP_POOLS


class Wallet(Server):
    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = super().handle(request)
        if "observes" in answer:
            self.totals: dict[str, int] = {}
            return answer | {"name": "one-balance", "observes": ["outcome", "total", "delta"]}
        if request["op"] != "apply":
            return answer
        balances, before = answer["balances"], self.totals.get(request["account"], 0)
        total = sum(balances[pool] for pool in APP_POOLS) if balances else None
        happened = not answer.get("duplicate") and answer["outcome"] == "accepted"
        if not answer.get("duplicate"):
            self.totals[request["account"]] = total or 0
        said = {"outcome": answer["outcome"], "total": total, "delta": (total or 0) - before if happened else 0}
        return said | self.wrongly(request, said)

    def wrongly(self, request: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
        return {}


class WrongTotal(Wallet):
    def wrongly(self, request: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
        return {"total": said["total"] + 1} if request["event"] == "refund" and said["outcome"] == "accepted" else {}


class WrongDelta(Wallet):
    def wrongly(self, request: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
        return {"delta": abs(said["delta"])}

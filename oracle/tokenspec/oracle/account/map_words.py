"""Ledgers of the shipped account: the words by which rows are recognised, and what a beginning leaves out."""

from __future__ import annotations

from typing import Any

from tokenspec.oracle.audit.map_model import MapWords
from tokenspec.spec.catalogue import FREE_PLAN
from tokenspec.spec.words import ACTIVE

MAP_WORDS = MapWords(
    events=(
        ("payment_failed", r"payment.?fail|dunning"),
        ("daily_reset", r"daily|reset"),
        ("downgrade", r"downgrad"),
        ("upgrade", r"upgrad"),
        ("resume", r"resum|reactivat|uncancel"),
        ("lapse", r"lapse"),
        ("cancel", r"cancel"),
        ("renew", r"renew|monthly|period|ended|grant"),
        ("subscribe", r"subscri"),
        ("refund", r"refund|revers|giv.*back"),
        ("buy_topup", r"purchas|top.?up|pack|buy|bought"),
        ("open_account", r"sign.?up|regist|open|welcome|creat"),
        ("generate", r"generat|usage|spen[dt]|charg|consum|debit|prompt|render|image|video"),
    ),
    usual="generate",
    amount="cost",
    tables={"plan": "plans"},
    grouped=r"expir|rollover|forfeit",
    grouped_with="renew",
    sold=("buy_topup", "pack", "packs", "quantity"),
    defaults={"media": "image", "origin": "first_party"},
)


def complete(state: dict[str, Any]) -> None:
    """Adds the status of an account on a paid plan, where it is not said."""
    if state.get("plan", FREE_PLAN) != FREE_PLAN:
        state.setdefault("status", ACTIVE)

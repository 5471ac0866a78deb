"""The words by which the rows of a ledger of the shipped account are recognised."""

from __future__ import annotations

from tokenspec.oracle.audit.guess import MapWords

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

"""A divergence that is a known way of real wallets, which no setting allows, says so and where it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command.conftest import Record, generate, opened, record, within, write_log
from tokenspec.oracle.account.known_ways import WAYS

JULY, DAY, AUGUST = "2026-07-15T09:00:00Z", "2026-07-16T00:00:00Z", "2026-08-15T09:00:00Z"
THIRTY, MONTH, UPGRADE, ONE_POOL, OLDEST, CEILING, END, NO_PLAN, REFUND, JOB, NO_DAILY, BELOW = (
    next(row for row in WAYS if word in row)
    for word in (
        "thirty",
        "new period",
        "whole new",
        "one pool",
        "spent first",
        "ceiling",
        "outlive",
        "without a subscription",
        "refund",
        "a job that",
        "no subscriber",
        "below 0",
    )
)
FREE = [opened("ada", JULY)]
PAID = [*FREE, record("ada", JULY, "subscribe", plan="essential")]
PACKED = [*PAID, record("ada", JULY, "buy_topup", pack="small", quantity=1)]
ENDED = [*PACKED, record("ada", JULY, "cancel")]
BANKED = [*PAID, *[record("ada", f"2026-{month:02}-15T09:00:00Z", "renew") for month in (8, 9, 10)]]
SEEN: dict[str, tuple[str, list[Record], Record, dict[str, Any]]] = {
    "thirty days, at subscribing": (
        THIRTY,
        FREE,
        record("ada", JULY, "subscribe", plan="premium"),
        {"next_renewal_at": "2026-08-14T09:00:00Z"},
    ),
    "thirty days, at the second renewal": (
        THIRTY,
        [*PAID, record("ada", AUGUST, "renew")],
        record("ada", AUGUST, "buy_api", amount=1),
        {"next_renewal_at": "2026-09-13T09:00:00Z"},
    ),
    "on top": (UPGRADE, PAID, record("ada", DAY, "upgrade", plan="premium"), {"balances": {"fast": 33_500}}),
    "a new period": (
        MONTH,
        PAID,
        record("ada", DAY, "upgrade", plan="premium"),
        {"balances": {"fast": 25_000}, "next_renewal_at": "2026-08-16T00:00:00Z"},
    ),
    "no single pool covers it": (ONE_POOL, PAID, generate("ada", JULY, "j", 8_600), {"outcome": "refused"}),
    "a pack alone pays": (
        ONE_POOL,
        PACKED,
        generate("ada", JULY, "j", 200),
        {"outcome": "accepted", "balances": {"daily": 150, "fast": 8_500, "topup": 800}},
    ),
    "a pack pays before fast tokens": (
        OLDEST,
        PACKED,
        generate("ada", JULY, "j", 300),
        {"balances": {"daily": 0, "fast": 8_500, "topup": 850}},
    ),
    "no ceiling": (CEILING, BANKED, record("ada", "2026-11-15T09:00:00Z", "renew"), {"balances": {"rollover": 34_000}}),
    "fast tokens are kept": (END, ENDED, record("ada", AUGUST, "renew"), {"balances": {"fast": 8_500, "topup": 1_000}}),
    "packs are lost": (END, ENDED, record("ada", AUGUST, "renew"), {"balances": {"fast": 0, "topup": 0}}),
    "a pack is sold": (NO_PLAN, FREE, record("ada", JULY, "buy_topup", pack="small", quantity=1), {"outcome": "accepted"}),
    "a pack is spent": (
        NO_PLAN,
        [*ENDED, record("ada", AUGUST, "renew")],
        generate("ada", AUGUST, "j", 160),
        {"outcome": "accepted"},
    ),
    "a refund beyond the allowance": (
        REFUND,
        [*PAID, generate("ada", JULY, "j", 1_150), record("ada", AUGUST, "renew")],
        record("ada", AUGUST, "refund", job="j"),
        {"outcome": "accepted", "balances": {"fast": 9_500}},
    ),
    "a refund as bought tokens": (
        REFUND,
        [*PAID, generate("ada", JULY, "j", 1_150)],
        record("ada", JULY, "refund", job="j"),
        {"outcome": "accepted", "balances": {"daily": 0, "fast": 7_500, "topup": 1_150}},
    ),
    "a job is answered again": (
        JOB,
        [*PAID, generate("ada", JULY, "j", 50)],
        generate("ada", JULY, "j", 50),
        {"outcome": "accepted", "balances": {"daily": 100}},
    ),
    "a refused job is used up": (
        JOB,
        [*FREE, generate("ada", JULY, "j", 500)],
        generate("ada", JULY, "j", 50),
        {"outcome": "refused", "reason": "job_must_be_new"},
    ),
    "no daily tokens": (NO_DAILY, FREE, record("ada", JULY, "subscribe", plan="premium"), {"balances": {"daily": 0}}),
    "always accepted": (BELOW, FREE, generate("ada", JULY, "j", 151), {"outcome": "accepted"}),
    "below zero": (BELOW, PAID, generate("ada", JULY, "j", 9_000), {"outcome": "accepted", "balances": {"fast": -350}}),
    "always accepted by API": (BELOW, FREE, record("ada", JULY, "api_generate", job="j", cost=1), {"outcome": "accepted"}),
}
OTHERS: dict[str, tuple[list[Record], Record, dict[str, Any]]] = {
    "another date": (FREE, record("ada", JULY, "subscribe", plan="premium"), {"next_renewal_at": "2026-08-13T09:00:00Z"}),
    "a token too many": (PAID, record("ada", DAY, "upgrade", plan="premium"), {"balances": {"fast": 25_001}}),
    "a token too few": (PAID, generate("ada", JULY, "j", 200), {"balances": {"daily": 0, "fast": 8_449}}),
    "refused though it is covered": (PAID, generate("ada", JULY, "j", 100), {"outcome": "refused"}),
    "a bank above its ceiling": (BANKED, record("ada", "2026-11-15T09:00:00Z", "renew"), {"balances": {"rollover": 26_000}}),
    "a setting explains it": (PAID, record("ada", DAY, "upgrade", plan="premium"), {"balances": {"fast": 8_500}}),
    "no such account": ([], generate("ada", JULY, "j", 1), {"outcome": "accepted"}),
}


def known(folder: Path, records: list[Record], last: Record, observed: dict[str, Any]) -> tuple[list[str], str]:
    log = write_log(folder / "log.jsonl", [*records, {**last, "observed": observed}])
    data = within("replay", log, "--format", "json")
    assert data.code == 15
    return data.report["divergences"][0]["known"], within("replay", log).out


@pytest.mark.parametrize(("row", "records", "last", "observed"), list(SEEN.values()), ids=list(SEEN))
def test_a_divergence_that_is_a_known_way_says_so(
    row: str, records: list[Record], last: Record, observed: dict[str, Any], tmp_path: Path
) -> None:
    rows, text = known(tmp_path, records, last, observed)
    assert rows == [row]
    assert f"  known     some wallets do so, and no setting allows it: {row} (docs/comparison.md)\n" in text


@pytest.mark.parametrize(("records", "last", "observed"), list(OTHERS.values()), ids=list(OTHERS))
def test_another_divergence_is_not_called_one(
    records: list[Record], last: Record, observed: dict[str, Any], tmp_path: Path
) -> None:
    rows, text = known(tmp_path, records, last, observed)
    assert rows == []
    assert "  known  " not in text


def test_every_way_is_tried_and_stands_in_the_comparison() -> None:
    page = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text(encoding="utf-8")
    table = page.split("## What real wallets do that no setting allows")[1].split("\n## ")[0]
    listed = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")][2:]
    assert listed == list(WAYS)
    assert {row for row, *_ in SEEN.values()} == set(WAYS)

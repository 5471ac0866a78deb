"""Random histories of accounts as a ledger in shuffled files: all of it conforms, and a wrong balance is found at its row."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest

from audit.test_ready_maps import add_up
from command.conftest import within
from tokenspec.oracle import Oracle
from tokenspec.oracle.audit.map_files import ready_map
from tokenspec.oracle.base.instants import format_instant, parse_instant

pytest.importorskip("duckdb")
KINDS = """
signup = "open_account"
subscribed = "subscribe"
cancelled = "cancel"
renewed = "renew"
reset = "daily_reset"
bought = { event = "buy_topup", pack = "small", quantity = { column = "delta", divide = 1000 } }
made = "generate"
back = "refund"
"""
MAP = ready_map("ledger").partition("[events.kinds]")[0] + "[events.kinds]" + KINDS
MAP += '[defaults]\nmedia = "video"\norigin = "third_party"\n[observed]\ntotal = "balance_after"\ndelta = "delta"\n'
NEWEST = {"made": "generate", "back": "refund", "reset": "daily_reset", "renewed": "renew", "bought": "buy_topup"}


def history(dice: random.Random, oracle: Oracle, account: str) -> list[dict[str, Any]]:
    """What happened to one account, as rows; what the oracle refused is no row of a ledger."""
    at, held, jobs, rows = parse_instant("2026-01-31T09:00:00Z") + dice.randrange(10**8), 0, list[str](), list[dict[str, Any]]()
    story = ["signup", "subscribed", *dice.choices([*NEWEST, "cancelled"], [8, 2, 2, 2, 1, 0.2], k=60)]
    for number, kind in enumerate(story):
        at += dice.choice((0, 60_000, 3_600_000, 86_400_000, 5 * 86_400_000))
        plan = dice.choice(("essential", "premium", "ultimate"))
        job = dice.choice(jobs) if kind == "back" and jobs else f"{account}-{number}"
        packs = dice.randint(1, 3)
        payloads: dict[str, dict[str, Any]] = {
            "signup": {"event": "open_account"},
            "subscribed": {"event": "subscribe", "plan": plan},
            "cancelled": {"event": "cancel"},
            "bought": {"event": "buy_topup", "pack": "small", "quantity": packs},
            "made": {"event": "generate", "job": job, "cost": dice.randint(1, 3000), "media": "video", "origin": "third_party"},
            "back": {"event": "refund", "job": job},
        }
        answer = oracle.apply({"account": account, "at": at, **payloads.get(kind, {"event": NEWEST.get(kind)})})
        if answer.outcome == "refused":
            continue
        jobs += [job] * (kind == "made")
        total = sum(tokens for pool, tokens in answer.balances.items() if pool != "api")
        meta = f'{{"plan": "{plan}"}}' if kind == "subscribed" else ""
        row = {"user_id": account, "kind": kind, "delta": total - held, "balance_after": total, "ref_id": job, "meta": meta}
        rows.append({**row, "created_at": format_instant(at)})
        held = total
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_a_random_ledger_conforms_until_a_balance_in_it_is_wrong(seed: int, tmp_path: Path) -> None:
    dice, oracle = random.Random(seed), Oracle()
    rows = [row for number in range(8) for row in history(dice, oracle, f"a{number}")]
    rows = [{"id": number, **row} for number, row in enumerate(rows)]
    (tmp_path / "map.toml").write_text(MAP)
    parts: list[list[dict[str, Any]]] = [[], []]
    for row in rows:
        dice.choice(parts).append(row)
    for part in parts:
        dice.shuffle(part)

    def audited() -> Any:
        for number, part in enumerate(parts):
            with (tmp_path / f"{number}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(part)
        return within("replay", tmp_path / "1.csv", tmp_path / "0.csv", "--map", tmp_path / "map.toml", "--format", "json")

    done = audited()
    assert (done.code, done.report["divergences"], done.report["compared"]) == (0, [], len(rows))
    assert add_up(done.report["rows"])
    assert len(rows) > 200
    file = dice.choice((0, 1))
    place = dice.randrange(len(parts[file]))
    parts[file][place]["balance_after"] += dice.choice((-1, 1))
    done = audited()
    [found] = done.report["divergences"]
    assert (done.code, Path(found["file"]).name, found["line"]) == (15, f"{file}.csv", place + 2)

"""What a divergence says it rests on: the machine's own reason, and under implied resets what fell due."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command.conftest import Record, generate, opened, record, within, write_log
from tokenspec.machine.lang.declaration import Actor
from tokenspec.spec.system import system

JULY, NEXT, LATER = "2026-07-15T09:00:00Z", "2026-07-16T09:00:00Z", "2026-08-15T09:00:00Z"
MIDNIGHT = "2026-07-16T00:00:00Z"
SPENT = [opened(), generate("ada", JULY, "j", 150)]
PAID = [opened(), record("ada", JULY, "subscribe", plan="essential")]
FELL_DUE: dict[str, tuple[list[Record], Record, dict[str, Any], str, str]] = {
    "spends what a reset brought": (SPENT, generate("ada", NEXT, "k", 10), {"outcome": "refused"}, "daily_reset", MIDNIGHT),
    "reads a balance after it": (
        SPENT,
        record("ada", NEXT, "login", session="s"),
        {"balances": {"daily": 0}},
        "daily_reset",
        MIDNIGHT,
    ),
    "reads the next instant": (
        SPENT,
        record("ada", NEXT, "buy_api", amount=1),
        {"next_daily_reset_at": MIDNIGHT},
        "daily_reset",
        MIDNIGHT,
    ),
    "brings another amount": (
        SPENT,
        record("ada", NEXT, "buy_api", amount=1),
        {"balances": {"daily": 140}},
        "daily_reset",
        MIDNIGHT,
    ),
    "sets a balance that was so before": (
        [opened()],
        record("ada", NEXT, "open_account"),
        {"balances": {"daily": 300}},
        "daily_reset",
        MIDNIGHT,
    ),
    "is not renewed": (PAID, record("ada", LATER, "buy_api", amount=1), {"balances": {"rollover": 0}}, "renew", LATER),
    "is renewed and spends": (
        PAID,
        generate("ada", LATER, "j", 16_000),
        {"outcome": "refused", "reason": "tokens_must_cover_cost"},
        "renew",
        LATER,
    ),
}
EVENT = {
    "charges wrongly": (
        SPENT,
        generate("ada", NEXT, "k", 10),
        {"charge": {"daily": 11}, "balances": {"daily": 139}},
        "generates_for_tokens",
    ),
    "refuses what is asked": (
        SPENT,
        record("ada", NEXT, "transfer", to="bob", amount=1),
        {"outcome": "accepted"},
        "tokens_cannot_be_transferred",
    ),
    "touches another pool": (SPENT, record("ada", NEXT, "buy_api", amount=1), {"balances": {"api": 7}}, "buys_api"),
}


def told(folder: Path, records: list[Record], last: Record, observed: dict[str, Any], *options: str) -> tuple[Any, str]:
    log = write_log(folder / "log.jsonl", [*records, {**last, "observed": observed}])
    data = within("replay", log, *options, "--format", "json")
    assert data.code == 15
    return data.report["divergences"][0], within("replay", log, *options).out


@pytest.mark.parametrize(("records", "last", "observed", "job", "at"), list(FELL_DUE.values()), ids=list(FELL_DUE))
def test_what_fell_due_is_named_and_not_the_event_that_showed_it(
    records: list[Record], last: Record, observed: dict[str, Any], job: str, at: str, tmp_path: Path
) -> None:
    divergence, text = told(tmp_path, records, last, observed, "--resets", "implied")
    rules = [rule.name for rule in system().machines[0].event_named[job].rules]
    assert divergence["outcome"] in rules
    assert f"because   {divergence['outcome']}: {job} fell due at {at}, before this record, and ran by itself: " in text


@pytest.mark.parametrize(("records", "last", "observed", "outcome"), list(EVENT.values()), ids=list(EVENT))
def test_an_event_that_is_wrong_by_itself_is_named_though_something_fell_due(
    records: list[Record], last: Record, observed: dict[str, Any], outcome: str, tmp_path: Path
) -> None:
    divergence, text = told(tmp_path, records, last, observed, "--resets", "implied")
    assert divergence["outcome"] == outcome
    assert "fell due at" not in text


SHARED = [
    (machine, event, need)
    for machine in system().machines
    for event in machine.events
    for need in event.requires
    if event.actor is not Actor.CLOCK and need.code == "account_must_exist"
]


@pytest.mark.parametrize(("machine", "event", "need"), SHARED, ids=[event.name for _, event, _ in SHARED])
def test_a_code_of_two_machines_has_the_reason_of_each(machine: Any, event: Any, need: Any, tmp_path: Path) -> None:
    payload = {
        "plan": "premium",
        "pack": "small",
        "quantity": 1,
        "job": "j",
        "cost": 1,
        "media": "image",
        "origin": "first_party",
        "amount": 1,
        "to": "bob",
        "session": "s",
        "shown": {"daily": 1},
        "action": "a",
    }
    keys = {f.key for f in event.fields} | {k.name for k in event.keys if not k.optional}
    asked = record("ada", JULY, event.name, **{key: value for key, value in payload.items() if key in keys})
    divergence, text = told(tmp_path, [], asked, {"outcome": "accepted"})
    assert divergence["outcome"] == "account_must_exist"
    assert f"account_must_exist: {need.because}\n" in text
    assert ("logs in" in text) is (machine.name == "session")

"""The example wallets, as processes: one story, told by both of them alike, and told otherwise by every fault they offer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processes import PATIENCE_S
from programs import path_of

EXAMPLES = Path(__file__).parents[2] / "examples"
JOBS = {"renew", "payment_failed", "lapse", "daily_reset"}
OPEN = {
    "op": "open",
    "protocol": 1,
    "catalogue": {
        "ranking": ["free", "essential", "premium", "ultimate"],
        "daily": 150,
        "bank_months": 3,
        "plans": {
            "free": {"allowance": 0, "api": 0, "relaxed": []},
            "essential": {"allowance": 8_500, "api": 0, "relaxed": []},
            "premium": {"allowance": 25_000, "api": 0, "relaxed": ["image"]},
            "ultimate": {"allowance": 60_000, "api": 0, "relaxed": ["image", "video"]},
        },
        "packs": {"small": 1_000, "large": 10_000},
        "prices": {"image": 24},
    },
    "policy": {},
}
VIDEO = {"media": "video", "origin": "first_party"}

# When, what, with which fields; then daily, fast, rollover, topup and api tokens afterwards, and what else is answered.
STORY: list[tuple[str, str, dict[str, Any], tuple[int, int, int, int, int], dict[str, Any]]] = [
    ("2026-01-31T10:00:00Z", "open_account", {}, (150, 0, 0, 0, 0), {"next_daily_reset_at": "2026-02-01T00:00:00Z"}),
    (
        "2026-01-31T10:00:00Z",
        "subscribe",
        {"plan": "premium"},
        (150, 25_000, 0, 0, 0),
        {"next_renewal_at": "2026-02-28T10:00:00Z"},
    ),
    ("2026-01-31T10:30:00Z", "login", {"session": "phone"}, (150, 25_000, 0, 0, 0), {}),
    (
        "2026-01-31T11:00:00Z",
        "generate",
        {"job": "j1", "cost": 400, **VIDEO},
        (0, 24_750, 0, 0, 0),
        {"mode": "tokens", "charge": {"daily": 150, "fast": 250}},
    ),
    (
        "2026-01-31T11:01:00Z",
        "generate",
        {"job": "j2", "cost": 10, "id": "e-2", **VIDEO},
        (0, 24_740, 0, 0, 0),
        {"mode": "tokens"},
    ),
    (
        "2026-01-31T11:05:00Z",
        "generate",
        {"job": "j2", "cost": 10, "id": "e-2", **VIDEO},
        (0, 24_740, 0, 0, 0),
        {"duplicate": True},
    ),
    (
        "2026-01-31T11:06:00Z",
        "view",
        {"session": "phone", "shown": {"daily": 150, "fast": 25_000}},
        (0, 24_740, 0, 0, 0),
        {"shown_is": "stale"},
    ),
    ("2026-02-01T03:00:00Z", "daily_reset", {}, (0, 24_740, 0, 0, 0), {"next_daily_reset_at": "2026-02-02T00:00:00Z"}),
    ("2026-02-10T12:00:00Z", "daily_reset", {}, (0, 24_740, 0, 0, 0), {}),
    ("2026-02-10T12:00:00Z", "upgrade", {"plan": "ultimate"}, (0, 59_740, 0, 0, 0), {"next_renewal_at": "2026-02-28T10:00:00Z"}),
    ("2026-02-28T10:00:00Z", "daily_reset", {}, (0, 59_740, 0, 0, 0), {}),
    ("2026-02-28T10:00:00Z", "renew", {}, (0, 60_000, 59_740, 0, 0), {"next_renewal_at": "2026-03-31T10:00:00Z"}),
    ("2026-02-28T10:00:00Z", "renew", {}, (0, 60_000, 59_740, 0, 0), {"reason": "renewal_must_be_due"}),
    ("2026-02-28T10:00:00Z", "buy_topup", {"pack": "small", "quantity": 1}, (0, 60_000, 59_740, 1_000, 0), {}),
    (
        "2026-02-28T10:05:00Z",
        "generate",
        {"job": "j3", "cost": 60_500, **VIDEO},
        (0, 0, 59_240, 1_000, 0),
        {"charge": {"fast": 60_000, "rollover": 500}},
    ),
    ("2026-02-28T10:06:00Z", "refund", {"job": "j3"}, (0, 60_000, 59_740, 1_000, 0), {}),
    (
        "2026-02-28T10:07:00Z",
        "refund",
        {"job": "j3"},
        (0, 60_000, 59_740, 1_000, 0),
        {"reason": "job_must_not_be_refunded_already"},
    ),
    ("2026-03-31T10:00:00Z", "renew", {}, (0, 60_000, 119_740, 1_000, 0), {"next_renewal_at": "2026-04-30T10:00:00Z"}),
    ("2026-04-30T10:00:00Z", "renew", {}, (0, 60_000, 179_740, 1_000, 0), {"next_renewal_at": "2026-05-31T10:00:00Z"}),
    ("2026-05-31T10:00:00Z", "renew", {}, (0, 60_000, 180_000, 1_000, 0), {"next_renewal_at": "2026-06-30T10:00:00Z"}),
    ("2026-05-31T11:00:00Z", "daily_reset", {}, (0, 60_000, 180_000, 1_000, 0), {}),
    ("2026-05-31T11:00:00Z", "buy_api", {"amount": 50}, (0, 60_000, 180_000, 1_000, 50), {}),
    ("2026-05-31T11:01:00Z", "generate", {"job": "j5", "cost": 241_000, **VIDEO}, (0, 0, 0, 0, 50), {"mode": "tokens"}),
    ("2026-05-31T11:02:00Z", "generate", {"job": "j6", "cost": 5, **VIDEO}, (0, 0, 0, 0, 50), {"mode": "relaxed"}),
    (
        "2026-05-31T11:03:00Z",
        "generate",
        {"job": "j7", "cost": 5, "media": "video", "origin": "third_party"},
        (0, 0, 0, 0, 50),
        {"reason": "third_party_model_must_be_paid_with_tokens"},
    ),
    ("2026-05-31T11:04:00Z", "refund", {"job": "j1"}, (0, 0, 0, 0, 50), {"outcome": "accepted"}),
    ("2026-06-01T00:00:00Z", "daily_reset", {}, (150, 0, 0, 0, 50), {}),
    ("2026-06-01T09:00:00Z", "buy_topup", {"pack": "small", "quantity": 2}, (150, 0, 0, 2_000, 50), {}),
    ("2026-06-10T09:00:00Z", "daily_reset", {}, (0, 0, 0, 2_000, 50), {}),
    ("2026-06-10T09:00:00Z", "cancel", {}, (0, 0, 0, 2_000, 50), {"status": "cancelling", "plan": "ultimate"}),
    ("2026-06-30T10:00:00Z", "daily_reset", {}, (0, 0, 0, 2_000, 50), {}),
    ("2026-06-30T10:00:00Z", "renew", {}, (0, 0, 0, 2_000, 50), {"status": "free", "next_renewal_at": None}),
    ("2026-07-01T12:00:00Z", "daily_reset", {}, (150, 0, 0, 2_000, 50), {}),
    ("2026-07-01T12:00:00Z", "login", {"session": "tv"}, (150, 0, 0, 2_000, 50), {"status": "free", "plan": "free"}),
    ("2026-07-02T12:00:00Z", "daily_reset", {}, (150, 0, 0, 2_000, 50), {"next_daily_reset_at": "2026-07-03T00:00:00Z"}),
    (
        "2026-07-02T12:00:00Z",
        "refresh",
        {"session": "tv"},
        (150, 0, 0, 2_000, 50),
        {"next_daily_reset_at": "2026-07-03T00:00:00Z"},
    ),
]


def command(wallet: str) -> list[str]:
    if wallet == "python-wallet":
        return [sys.executable, str(EXAMPLES / wallet / "adapter.py")]
    return [path_of("node"), str(EXAMPLES / wallet / "stdio.js")]


def requests(resets: str) -> list[dict[str, Any]]:
    """The story as an implementation is told it: the jobs only where it does not run them by itself."""
    told = [(at, event, fields) for at, event, fields, _, _ in STORY if resets == "explicit" or event not in JOBS]
    return [
        OPEN,
        *({"op": "apply", "account": "a", "at": at, "event": event, **fields} for at, event, fields in told),
        {"op": "close"},
    ]


def ask(wallet: str, requests: list[dict[str, Any]], bugs: str = "") -> list[dict[str, Any]]:
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    environment = {**os.environ, "WALLET_BUGS": bugs}
    done = subprocess.run(
        command(wallet), input=lines, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    answers: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests)
    return answers


def offered_bugs(wallet: str) -> list[str]:
    """What the wallet says it offers, when asked for a fault that it does not know."""
    error = ask(wallet, [OPEN], bugs="no_such_bug")[0]["error"]
    return re.findall(r"\w+", error.partition("known are")[2])


WALLETS = [("python-wallet", "explicit"), ("node-wallet", "implied")]


@pytest.mark.parametrize(("wallet", "resets"), WALLETS)
def test_each_wallet_tells_the_story_as_it_is_written(wallet: str, resets: str) -> None:
    opened, *answers, closed = ask(wallet, requests(resets))
    assert (opened["name"], opened["resets"], closed) == (wallet, resets, {})
    assert JOBS.isdisjoint(opened["events"]) == (resets == "implied")
    lines = [line for line in STORY if resets == "explicit" or line[1] not in JOBS]
    for (at, event, _, balances, more), answer in zip(lines, answers, strict=True):
        expected = {"outcome": "refused" if "reason" in more else "accepted", **more}
        assert (tuple(answer["balances"].values()), {key: answer[key] for key in expected}) == (balances, expected), (at, event)


@pytest.mark.parametrize(("wallet", "resets"), WALLETS)
def test_every_bug_is_described_and_changes_the_story(wallet: str, resets: str) -> None:
    bugs = offered_bugs(wallet)
    assert len(bugs) >= 8
    assert re.findall(r"^\| `(\w+)`", (EXAMPLES / wallet / "README.md").read_text(), re.MULTILINE) == sorted(bugs)
    right = ask(wallet, requests(resets))
    assert [bug for bug in bugs if ask(wallet, requests(resets), bug) == right] == []


@pytest.mark.parametrize(("wallet", "resets"), WALLETS)
def test_a_second_open_forgets_the_first_world(wallet: str, resets: str) -> None:
    story = requests(resets)
    answers = ask(wallet, [*story[:-1], *story])
    assert answers[: len(story) - 1] == answers[len(story) - 1 : -1]


@pytest.mark.parametrize("wallet", ["python-wallet", "node-wallet"])
@pytest.mark.parametrize("request_", [{"op": "apply"}, {"op": "dance"}, {**OPEN, "protocol": 2}, {}])
def test_what_cannot_be_answered_is_an_error_and_not_the_end(wallet: str, request_: dict[str, Any]) -> None:
    error, opened = ask(wallet, [request_, OPEN])
    assert error.keys() == {"error"}
    assert opened["name"] == wallet


@contextmanager
def serving() -> Iterator[str]:
    """The wallet for Node behind HTTP, on a free port of its own choice."""
    with subprocess.Popen(
        [path_of("node"), str(EXAMPLES / "node-wallet" / "http.js")], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().strip()
        finally:
            process.kill()


def test_over_http_the_answers_are_the_same() -> None:
    story = requests("implied")
    with serving() as address:
        answers = []
        for request in story:
            with urllib.request.urlopen(address, data=json.dumps(request).encode(), timeout=PATIENCE_S) as response:
                answers.append(json.load(response))
    assert answers == ask("node-wallet", story)

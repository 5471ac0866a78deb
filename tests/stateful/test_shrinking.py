"""What is found is told as a story that nobody can make plainer: to the boundary, and the same from every seed."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from sut.calling import call
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.fuzz.shrink import shrink
from tokenspec.oracle.wire.records import asked
from tokenspec.oracle.wire.settings import as_toml
from tokenspec.spec.catalogue import DEFAULT

WALLET = Path(__file__).parents[2] / "examples" / "python-wallet" / "adapter.py"
HOUR_MS = 3_600_000
STORY: list[dict[str, Any]] = [
    {"account": "Shop-1", "at": "2027-03-05T07:11:13.017Z", "event": "open_account", "daily_reset_time": "22:30", "id": "e0"},
    {"account": "b", "at": "2027-03-06T07:11:13Z", "event": "login", "session": "tv"},
    {"account": "Shop-1", "at": "2027-05-05T07:11:13.017Z", "event": "api_generate", "job": "j17", "cost": 987_654, "id": "e9"},
    {"account": "b", "at": "2027-05-06T07:11:13Z", "event": "api_generate", "job": "j18", "cost": 40, "id": "e9"},
]


def passed(records: list[dict[str, Any]]) -> int:
    return parse_instant(records[-1]["at"]) - parse_instant(records[0]["at"])


@pytest.mark.parametrize("boundary", [0, 1, 60_000, 49 * HOUR_MS, 49 * HOUR_MS + 1, 31 * 24 * HOUR_MS, 1_234_567_891])
def test_time_is_shrunk_to_the_instant_from_which_on_it_fails(boundary: int) -> None:
    found = shrink(STORY, lambda records: len(records) > 1 and passed(records) >= boundary)
    assert (len(found), passed(found), found[0]["at"]) == (2, boundary, "2027-01-01T00:00:00Z")


@pytest.mark.parametrize("boundary", [0, 1, 2, 777, 40_000, 987_654])
def test_amounts_are_shrunk_to_the_smallest_that_fails(boundary: int) -> None:
    found = shrink(STORY, lambda records: any(record.get("cost", -1) >= boundary for record in records))
    plain = {"account": "a1", "at": "2027-01-01T00:00:00Z", "event": "api_generate", "job": "j1", "cost": boundary}
    assert found == [plain]


def test_an_island_of_amounts_is_found_though_less_does_not_fail_in_between() -> None:
    found = shrink(STORY, lambda records: any(900 <= r.get("cost", 0) <= 1_100 or r.get("cost", 0) > 500_000 for r in records))
    assert 900 <= found[0]["cost"] <= 1_000


def test_names_and_ids_go_or_are_plain_and_what_they_are_needed_for_stays() -> None:
    def fails(records: list[dict[str, Any]]) -> bool:
        return len({r["account"] for r in records if r.get("id", "") == records[-1].get("id", "x")}) == 2

    found = shrink(STORY, fails)
    assert [(record["account"], record["id"]) for record in found] == [("a1", "e1"), ("a2", "e1")]


def test_names_that_differ_in_case_alone_stay_so_where_that_is_the_fault() -> None:
    story = [{"account": name, "at": "2027-03-05T07:11:13Z", "event": "open_account"} for name in ("Shop", "shop")]
    found = shrink(story, lambda rs: len({r["account"] for r in rs}) == 2 and len({r["account"].lower() for r in rs}) == 1)
    assert sorted(record["account"] for record in found) == ["Shop", "shop"]


def test_a_repeat_is_of_the_same_request_where_that_fails_too() -> None:
    story = [STORY[2], {**STORY[0], "at": STORY[3]["at"], "id": "e9"}]
    found = shrink(story, lambda records: len(records) == 2 and records[0].get("id", 0) == records[1].get("id", 1))
    assert {key: value for key, value in found[1].items() if key != "at"} == {k: v for k, v in found[0].items() if k != "at"}


def test_the_number_of_attempts_is_bounded() -> None:
    tries: list[int] = []

    def fails(records: list[dict[str, Any]]) -> bool:
        tries.append(len(records))
        return len(tries) % 3 == 0

    shrink(STORY * 50, fails, 40)
    assert len(tries) == 40


def at(day: str, event: str, **fields: object) -> dict[str, object]:
    return {"account": "a1", "at": f"2027-{day}", "event": event, **fields}


OPENED = at("01-01T00:00:00Z", "open_account")
SUBSCRIBED = at("01-01T00:00:00Z", "subscribe", plan="essential")
PACK = at("01-01T00:00:00Z", "buy_topup", pack="small", quantity=1)
CANCELLED = at("01-01T00:00:00Z", "cancel")
GENERATED = {"job": "j1", "media": "image", "origin": "first_party"}
PLANTED = {
    "bank_without_ceiling": [OPENED, SUBSCRIBED, at("05-01T00:00:00Z", "renew")],
    "lapse_takes_topup": [OPENED, SUBSCRIBED, CANCELLED, PACK, at("02-01T00:00:00Z", "renew")],
    "refund_to_fast_first": [OPENED, at("01-01T00:00:00Z", "subscribe", plan="premium"), at("02-01T00:00:00Z", "renew"),
                             at("02-01T00:00:00Z", "generate", cost=25_151, **GENERATED),
                             at("02-01T00:00:00Z", "refund", job="j1")],
    "renewal_job_runs_twice": [OPENED, SUBSCRIBED, at("02-01T00:00:00Z", "renew"), at("02-01T00:00:00Z", "renew")],
    "daily_adds_up": [OPENED, at("01-02T00:00:00Z", "daily_reset")],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("bug", PLANTED)
def test_what_is_found_in_a_wallet_is_told_to_the_boundary(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALLET_BUGS", bug)
    log, figures = tmp_path / "found.jsonl", tmp_path / "figures.toml"
    figures.write_text(as_toml(DEFAULT))
    few = ("--examples", "150", "--format", "json", "--catalogue", figures)
    done = call("fuzz", "--sut", shlex.join([sys.executable, str(WALLET)]), *few, "--save", log)
    assert done.code == 15
    found = json.loads(done.out)["counterexample"]
    told = [asked(json.loads(line)) for line in log.read_text().splitlines()]
    assert told == PLANTED[bug] == [asked(record) for record in found["records"]]
    judged = json.loads(call("replay", log, *few[2:]).out)["divergences"]
    assert judged[0]["field"] == found["field"]

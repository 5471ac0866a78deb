"""The oracle's state: when one asks makes no difference, and a saved state goes on as if nothing had happened."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_worlds import Run, recorded
from tokenspec.oracle import BadRecord, BadSetting, Oracle
from tokenspec.oracle.account.daily import daily_job_state, next_daily_reset
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.runtime import snapshot
from tokenspec.oracle.runtime.snapshot import VERSION, SavedState, load, save
from tokenspec.oracle.runtime.steps import Stepped
from tokenspec.spec.catalogue import DEFAULT

OPEN = {"account": "a", "at": "2026-07-15T09:00:00Z", "event": "open_account"}


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return recorded(60, 60, 11)


def answers(oracle: Oracle, records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for record in records:
        yield oracle.apply({k: v for k, v in record.items() if k != "observed"}).as_dict()


@pytest.mark.slow
def test_going_on_from_a_saved_state_is_going_on(runs: list[Run]) -> None:
    dice = random.Random(1)
    for world, records in runs:
        whole = list(answers(Oracle(world.policy, world.catalogue, world.resets), records))
        cut = dice.randint(0, len(records))
        first = Oracle(world.policy, world.catalogue, world.resets)
        before = list(answers(first, records[:cut]))
        loaded = load(save(first))
        assert whole == before + list(answers(loaded, records[cut:]))
        assert loaded.accounts == {**first.accounts} or cut < len(records)


def test_an_oracle_under_other_settings_answers_as_a_new_one(runs: list[Run]) -> None:
    for world, records in runs[:10]:
        other = Oracle(None, world.catalogue, world.resets).under(world.policy)
        assert list(answers(other, records)) == list(answers(Oracle(world.policy, world.catalogue, world.resets), records))


@pytest.mark.parametrize("block", [1, 100, 1 << 20])
def test_a_saved_state_is_the_same_bytes_each_time(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is written and read in many parts, and names look like what stands between accounts."""
    oracle = Oracle(catalogue=DEFAULT.but(models={name: {"origin": "first_party"} for name in ("a", "accounts")}))
    names = ["a", '},"b":{"row":[', '":{"row":[', '"', ',"accounts":{', "é\n", "", '},"remember":null,"progress":null}']
    for number, name in enumerate(names):
        oracle.apply({**OPEN, "account": name, "id": names[number - 1]})
    content = save(oracle)
    monkeypatch.setattr(snapshot, "_BLOCK", block)
    parts = list(SavedState(BytesIO(content), "state").accounts.parts())
    assert (content, list(oracle.accounts)) == (save(load(content)), [name for part in parts for name in part])
    assert len(parts) == (1 if block > len(content) else len(names))
    cut = SavedState(BytesIO(content), "state")
    cut._file.truncate(len(content) - 100)
    with pytest.raises(BadSetting, match="it has changed while it was read"):
        list(cut.accounts.items())


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"version": VERSION + 1}, f"version {VERSION + 1}"),
        ({"digest": "0" * 64}, "another declaration"),
        ({"accounts": 3}, "not a saved state"),
    ],
)
def test_a_state_that_cannot_be_gone_on_from_is_refused(change: dict[str, Any], rule: str) -> None:
    saved = msgspec.json.decode(save(Oracle())) | change
    with pytest.raises(BadSetting, match=rule):
        load(msgspec.json.encode(saved))


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place of a JSON document that holds no list and no object: what it lies in, and its key."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from leaves(inner)
        else:
            yield value, key


def test_a_state_that_was_edited_anywhere_is_refused(runs: list[Run]) -> None:
    world, records = max(runs, key=lambda run: len({record["account"] for record in run[1]}))
    oracle = Oracle(world.policy, world.catalogue, world.resets)
    list(answers(oracle, records))
    state = msgspec.json.decode(save(oracle))
    tried = 0
    for inside, key in list(leaves(state)):
        before = inside[key]
        inside[key] = not before if isinstance(before, bool) else before + 1 if isinstance(before, int) else f"{before or ''}x"
        with pytest.raises(BadSetting):
            load(msgspec.json.encode(state))
        inside[key], tried = before, tried + 1
    assert tried > len(records)
    load(msgspec.json.encode(state))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"fast": 2**53 - 1}, "no account is ever like this: claim 3, pools_within_allowance"),
        ({"rollover": 75_001}, "no account is ever like this: lemma, bank_bounded"),
        ({"daily": -1}, "daily has a value that it cannot have"),
        ({"plan": "free", "fast": 0}, "no account is ever like this: lemma, subscribed_is_paid"),
    ],
)
def test_a_state_that_no_claim_allows_is_refused_whatever_its_checksum(change: dict[str, Any], wrong: str) -> None:
    oracle = Oracle()
    oracle.apply(OPEN)
    oracle.apply({**OPEN, "event": "subscribe", "plan": "premium"})
    account = oracle.accounts["a"]
    values = dict(zip((v.name for v in oracle.machine.variables), account.row, strict=True)) | change
    account.row = tuple(values.values())
    with pytest.raises(BadSetting, match=f"account a: {re.escape(wrong)}"):
        load(save(oracle))


def test_a_file_that_is_no_state_is_refused() -> None:
    with pytest.raises(BadSetting, match="not a saved state"):
        load(b"{")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50 * 86_400_000), max_size=8), st.sampled_from(("explicit", "implied")))
def test_looking_in_between_changes_nothing(pauses: list[int], resets: str) -> None:
    """A refused event is only a moment at which the oracle was asked."""
    asked, unasked = Oracle(resets=resets), Oracle(resets=resets)
    start = parse_instant(OPEN["at"])
    for oracle in (asked, unasked):
        oracle.apply(OPEN)
        oracle.apply({**OPEN, "event": "subscribe", "plan": "premium"})
    at = start
    for pause in pauses:
        at += pause
        asked.apply({"account": "a", "at": at, "event": "enable_relaxed"})
    last = {"account": "a", "at": at + 1, "event": "refresh", "session": "s"}
    assert asked.apply(last) == unasked.apply(last)
    assert asked.accounts["a"].row == unasked.accounts["a"].row


def test_what_falls_due_exactly_at_an_event_is_due() -> None:
    oracle = Oracle()
    oracle.apply(OPEN)
    assert oracle.apply({**OPEN, "at": "2026-07-15T23:59:59.999Z", "event": "daily_reset"}).reason == "daily_reset_must_be_due"
    assert oracle.apply({**OPEN, "at": "2026-07-16T00:00:00Z", "event": "daily_reset"}).outcome == "accepted"


def test_one_late_run_settles_every_day_and_each_missed_month() -> None:
    oracle = Oracle()
    oracle.apply(OPEN)
    oracle.apply({**OPEN, "event": "subscribe", "plan": "essential"})
    renewed = oracle.apply({**OPEN, "at": "2026-10-20T00:00:00Z", "event": "renew"})
    assert renewed.balances["rollover"] == 25_500
    assert renewed.next_renewal_at == "2026-11-15T09:00:00Z"
    reset = oracle.apply({**OPEN, "at": "2026-10-20T00:00:00Z", "event": "daily_reset"})
    assert reset.next_daily_reset_at == "2026-10-21T00:00:00Z"


def test_the_reset_is_shown_in_local_time_through_summer_and_winter() -> None:
    oracle = Oracle()
    oracle.apply(OPEN)
    assert next_daily_reset(oracle, "a", "America/Los_Angeles").isoformat() == "2026-07-15T17:00:00-07:00"
    oracle.apply({**OPEN, "at": "2026-12-15T09:00:00Z", "event": "daily_reset"})
    assert next_daily_reset(oracle, "a", "America/Los_Angeles").isoformat() == "2026-12-15T16:00:00-08:00"
    with pytest.raises(KeyError):
        next_daily_reset(oracle, "a", "Mars/Olympus")
    with pytest.raises(KeyError):
        next_daily_reset(oracle, "nobody")


@pytest.mark.parametrize(
    ("hours", "state"), [(-1, "waiting"), (0, "due"), (4, "due"), (4.001, "late"), (33, "late"), (33.001, "overdue")]
)
def test_the_daily_job_is_late_after_four_hours_and_overdue_48_after_opening(hours: float, state: str) -> None:
    oracle = Oracle()
    oracle.apply(OPEN)
    assert state == daily_job_state(oracle, "a", parse_instant("2026-07-16T00:00:00Z") + int(hours * 3_600_000))


def test_time_never_goes_back_within_an_account_but_does_across_accounts() -> None:
    oracle = Oracle()
    oracle.apply(OPEN)
    with pytest.raises(BadRecord, match="never goes back"):
        oracle.apply({**OPEN, "at": format_instant(parse_instant(OPEN["at"]) - 1), "event": "enable_relaxed"})
    assert oracle.apply({**OPEN, "account": "b", "at": 10**11}).outcome == "accepted"


def test_a_copy_of_an_account_goes_its_own_way() -> None:
    oracle = Oracle()
    for record in (
        {"event": "open_account"},
        {"event": "login", "session": "s"},
        {"event": "subscribe", "plan": "premium", "id": "e"},
        {"event": "generate", "job": "j", "cost": 5, "media": "image", "origin": "first_party"},
    ):
        oracle.apply({"account": "a", "at": "2026-07-15T09:00:00Z", **record})
    account = oracle.accounts["a"]
    before = msgspec.json.encode(account)
    copied = account.copy()
    assert msgspec.json.encode(copied) == before
    oracle.memory.note(copied, "j", {"job_is_refunded": True})
    copied.sessions["s"].state = "logged_out"
    copied.timeline.append((0, 0, 0, 0))
    copied.answers.clear()
    for dial in copied.dials:
        assert dial is not None
        dial.settle()
        dial.upcoming += 1
    assert msgspec.json.encode(account) == before


def test_a_step_says_what_decided_it_and_every_event_of_the_machine_in_order() -> None:
    oracle = Oracle(resets="implied")

    def stepped(at: str, **payload: Any) -> Stepped:
        return oracle.step(oracle.reader.convert({"account": "a", "at": at, **payload}))

    opened = stepped("2026-07-15T09:00:00Z", event="open_account", id="e")
    assert (opened.decided_by, [step.event for step in opened.steps]) == ("opens", ["open_account"])
    assert stepped("2026-07-15T09:00:00Z", event="subscribe", plan="premium").decided_by == "subscribes"
    later = stepped("2026-08-15T10:00:00Z", event="cancel")
    at = [format_instant(step.at) for step in later.steps if step.event in ("renewal_falls_due", "renew")]
    assert set(at) == {"2026-08-15T09:00:00Z"}
    assert later.steps[-1].event == "cancel"
    assert [step.is_further_run for step in later.steps if step.event == "renew"] == [False, True]
    for before, after in pairwise(later.steps):
        assert after.before == (before.outcome[1] if before.outcome[0] >= 0 else before.before)
    again = stepped("2026-08-15T10:00:00Z", event="open_account", id="e")
    assert (again.decided_by, again.answer.duplicate, again.steps) == (None, True, [])
    refused = stepped("2026-08-15T10:00:00Z", event="open_account")
    assert (refused.decided_by, refused.answer.outcome) == (refused.answer.reason, "refused")


def test_a_record_can_happen_to_an_account_of_no_world() -> None:
    oracle = Oracle()
    oracle.apply(OPEN)
    account = oracle.accounts["a"]
    aside, saved = account.copy(), save(oracle)
    record = oracle.reader.convert({**OPEN, "event": "subscribe", "plan": "premium"})
    assert oracle.step(record, aside).answer.plan == "premium"
    assert (save(oracle), aside.row) == (saved, oracle.step(record).steps[-1].outcome[1])

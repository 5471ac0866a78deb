"""After a divergence a replay goes on from what was observed, and tells divergences by cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command.conftest import Record, generate, opened, record, within, write_log
from command.test_observations import is_right, replayed

AT, LATER, LAST = (f"2026-07-{day}T09:00:00Z" for day in (15, 16, 17))
SUBSCRIBED = [opened(), record("ada", AT, "subscribe", plan="premium")]
WHOLE = {"status": "active", "plan": "premium", "scheduled_plan": None}
WHOLE |= {"next_daily_reset_at": "2026-07-16T00:00:00Z", "next_renewal_at": "2026-08-15T09:00:00Z"}


def whole(**balances: int) -> Record:
    """An observation of all that says how a subscriber stands."""
    return {**WHOLE, "balances": {"daily": 150, "fast": 25_000, "rollover": 0, "topup": 0, "api": 0, **balances}}


def generated(cost: int, job: str, **observed: Any) -> Record:
    return generate("ada", AT, job, cost, observed=observed)


TAKEN: dict[str, tuple[Record, Record]] = {
    "a pool": (generated(24, "j", balances={"daily": 120}), generated(20, "k", balances={"daily": 100})),
    "a pool of packs": (generated(24, "j", balances={"topup": 7}), generated(24, "k", balances={"daily": 102, "topup": 7})),
    "a renewal date": (
        generated(24, "j", next_renewal_at="2026-08-14T09:00:00Z"),
        record(
            "ada", "2026-08-14T10:00:00Z", "renew", observed={"outcome": "accepted", "next_renewal_at": "2026-09-14T09:00:00Z"}
        ),
    ),
    "a daily mark": (
        generated(24, "j", next_daily_reset_at="2026-07-15T20:00:00+02:00"),
        record(
            "ada",
            "2026-07-15T18:00:00Z",
            "daily_reset",
            observed={"outcome": "accepted", "next_daily_reset_at": "2026-07-16T18:00:00Z"},
        ),
    ),
    "a plan": (
        generated(24, "j", plan="ultimate"),
        record("ada", AT, "upgrade", plan="ultimate", observed={"outcome": "refused", "reason": "plan_must_be_higher"}),
    ),
    "a charge": (
        generated(24, "j", charge={"daily": 0, "fast": 24}, balances={"daily": 150, "fast": 24_976}),
        record("ada", AT, "refund", job="j", observed={"balances": {"daily": 150, "fast": 25_000}}),
    ),
    "an outcome with all beside it": (
        generated(24, "j", outcome="refused", reason="no", **whole()),
        generated(24, "j", outcome="accepted", balances={"daily": 126}),
    ),
    "an accepted job": (
        generate("ada", AT, "j", 90_000, observed={"outcome": "accepted", "charge": {"fast": 90_000}, **whole(fast=0)}),
        generated(1, "j", outcome="refused", reason="job_must_be_new"),
    ),
}
"""By what differs: a record that diverges in it, and one that is right from there on."""


@pytest.mark.parametrize("kind", list(TAKEN))
def test_an_account_goes_on_from_what_was_observed_of_it(kind: str, tmp_path: Path) -> None:
    done = replayed(tmp_path, [*SUBSCRIBED, *TAKEN[kind]])
    assert (done.code, [d["line"] for d in done.report["divergences"]]) == (15, [3])
    assert (done.report["compared"], is_right(done.report)) == (2, True)


IMPOSSIBLE: dict[str, tuple[Record, Record]] = {
    "daily above the allowance": ({"balances": {"daily": 151}}, {"balances": {"daily": 126}}),
    "fast above the allowance": ({"balances": {"fast": 25_001}}, {"balances": {"fast": 25_000, "daily": 126}}),
    "bank above the ceiling": ({"balances": {"rollover": 75_001}}, {"balances": {"rollover": 0}}),
    "a pool below nothing": ({"balances": {"topup": -1}}, {"balances": {"topup": 0}}),
    "free with fast tokens": ({"status": "free"}, {"status": "active"}),
    "a plan that nobody sells": ({"plan": "gold"}, {"plan": "premium"}),
}
"""What no account is like, and what is right afterwards, since it is not taken over."""


@pytest.mark.parametrize("kind", list(IMPOSSIBLE))
def test_what_no_account_may_be_is_not_taken_over(kind: str, tmp_path: Path) -> None:
    wrong, right = IMPOSSIBLE[kind]
    told = [record("ada", AT, "login", session="s", observed=wrong), generated(24, "k", **right)]
    assert [d["line"] for d in replayed(tmp_path, [*SUBSCRIBED, *told]).report["divergences"]] == [3]


def test_after_another_outcome_without_the_state_the_account_is_not_checked(tmp_path: Path) -> None:
    told = [generated(24, "j", outcome="refused"), generated(1, "k", balances={"daily": 7}), generate("ada", AT, "l", 1)]
    done = replayed(tmp_path, [*SUBSCRIBED, *told, opened("bea", observed={"outcome": "accepted"})])
    assert {why: n for why, n in done.report["not_compared"].items() if n} == {"nothing_observed": 3, "after_divergence": 1}
    assert ([d["line"] for d in done.report["divergences"]], done.report["compared"]) == ([3], 2)


def test_the_same_difference_again_belongs_to_the_first_cause(tmp_path: Path) -> None:
    told = [generated(10, f"j{n}", balances={"daily": 141 - 10 * n}) for n in range(5)]
    told[0]["observed"]["total"] = 25_141
    for n, each in enumerate(told):
        each["observed"]["balances"]["daily"] = 150 - 10 * (n + 1) + (n + 1)
    done = replayed(tmp_path, [*SUBSCRIBED, *told])
    assert [d["line"] for d in done.report["divergences"]] == [3]
    (cause,) = done.report["causes"]
    assert (cause["accounts"], cause["delta"]) == (1, 1)


def test_two_bugs_in_many_accounts_are_two_causes(tmp_path: Path) -> None:
    records = []
    for n in range(30):
        records.append(opened(f"u{n}", AT, observed={"balances": {"daily": 151}}))
        records.append(record(f"u{n}", AT, "subscribe", plan="premium", observed={"balances": {"fast": 25_001}}))
    done = replayed(tmp_path, records)
    common = {"delta": 1, "accounts": 30, "file": "log.jsonl", "explained_by": [], "resets": None}
    assert done.report["causes"] == [
        {"event": "open_account", "rule": "opens", "field": "balances.daily", "line": 1, **common},
        {"event": "subscribe", "rule": "subscribes", "field": "balances.fast", "line": 2, **common},
    ]
    assert len(done.report["divergences"]) == 60
    text = within("replay", "log.jsonl", cwd=tmp_path).out
    assert text.count(" diverges at ") == 2


def test_a_second_divergence_is_explained_from_where_the_account_went_on(tmp_path: Path) -> None:
    told = [
        generated(24, "j", balances={"topup": 7}),
        record("ada", AT, "upgrade", plan="ultimate", observed={"balances": {"fast": 60_000}}),
        record("ada", AT, "login", session="s", observed={"balances": {"fast": 59_999}}),
    ]
    done = replayed(tmp_path, [*SUBSCRIBED, generate("ada", AT, "i", 1_000), *told])
    assert [[s["policy"] for s in d["explained_by"]] for d in done.report["divergences"]] == [[], ["upgrade_grant"], []]
    assert [d["explained"] for d in done.report["divergences"]] == [True] * 3


def test_differences_are_explained_field_by_field(tmp_path: Path) -> None:
    upgrade = record("ada", LATER, "upgrade", plan="ultimate")
    upgrade["observed"] = {"balances": {"fast": 25_000}, "next_renewal_at": "2026-08-16T09:00:00Z"}
    done = replayed(tmp_path, [*SUBSCRIBED, upgrade])
    (found,) = done.report["divergences"]
    by_field = {name: [(s["policy"], s["answer"]) for s in settings] for name, settings in found["explained_by_field"].items()}
    assert (found["explained_by"], by_field) == (
        [],
        {"balances.fast": [("upgrade_grant", "next_renewal")], "next_renewal_at": []},
    )
    text = within("replay", "log.jsonl", cwd=tmp_path).out
    assert "balances.fast under upgrade_grant=next_renewal, next_renewal_at under none" in text


BY_ITSELF = [
    opened(observed={"balances": {"daily": 150}}),
    generate("ada", AT, "j1", 150, observed={"balances": {"daily": 0}}),
    generate("ada", LAST, "j2", 10, observed={"balances": {"daily": 140}}),
]


def test_the_other_way_in_which_jobs_come_is_tried(tmp_path: Path) -> None:
    done = replayed(tmp_path, BY_ITSELF)
    assert [d["resets"] for d in done.report["divergences"]] == ["implied"]
    text = within("replay", "log.jsonl", cwd=tmp_path).out
    assert "right under  --resets implied" in text
    assert "no other answer" not in text
    for verb in (("infer",), ("replay", "--policy", "infer")):
        inferred = within(*verb, "log.jsonl", cwd=tmp_path)
        assert (inferred.code, "under --resets implied some do" in inferred.out) == (15, True)
    assert within("replay", "log.jsonl", "--resets", "implied", cwd=tmp_path).code == 0


RENEWAL = "2026-08-15T09:00:00Z"


def test_one_of_the_jobs_may_run_by_itself_and_the_other_be_written(tmp_path: Path) -> None:
    records = [
        *BY_ITSELF,
        record("ada", LAST, "subscribe", plan="premium", observed={"balances": {"fast": 25_000}}),
        record("ada", "2026-08-20T09:00:00Z", "view", session="s", shown={"fast": 1}, observed={"balances": {"daily": 0}}),
        record("ada", "2026-08-20T10:00:00Z", "renew", observed={"outcome": "accepted", "balances": {"rollover": 25_000}}),
    ]
    done = replayed(tmp_path, records)
    assert (done.code, done.report["divergences"][0]["resets"]) == (15, "implied")
    assert within("replay", "log.jsonl", "--resets", "implied", cwd=tmp_path).code == 15
    for words in (("--resets", "daily=implied"), ("--resets", "implied", "--resets", "renewal=explicit")):
        assert within("replay", "log.jsonl", *words, cwd=tmp_path).code == 0
        assert within("infer", "log.jsonl", *words, cwd=tmp_path).code == 0
    inferred = within("infer", "log.jsonl", cwd=tmp_path)
    assert (inferred.code, "under --resets daily=implied some do" in inferred.out) == (15, True)
    state = ("--save-state", "state.json")
    assert within("replay", "log.jsonl", "--resets", "daily=implied", *state, cwd=tmp_path).code == 0
    assert '"resets":"daily=implied"' in (tmp_path / "state.json").read_text()


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("sometimes",), "--resets: it is explicit or implied, or an object of them by clock"),
        (("weekly=implied",), "--resets.weekly: there is no such clock; there are renewal, daily"),
        (("daily=often",), "--resets.daily: it is explicit or implied"),
        (("explicit", "implied"), "--resets implied: it is given twice"),
        (("daily=implied", "daily=explicit"), "--resets daily=explicit: daily is given twice"),
    ],
)
def test_what_is_no_way_for_jobs_to_come_is_wrong_usage(words: tuple[str, ...], rule: str, tmp_path: Path) -> None:
    replayed(tmp_path, BY_ITSELF)
    options = [part for word in words for part in ("--resets", word)]
    done = within("replay", "log.jsonl", *options, cwd=tmp_path)
    assert (done.code, rule in done.err) == (64, True), done.err


LOG_FAULTS: dict[str, tuple[list[Record], str]] = {
    "a line twice": ([generated(24, "j", outcome="accepted")] * 2, "this line is the same as line 3, byte for byte"),
    "a purchase twice": (
        [record("ada", AT, "buy_topup", pack="small", quantity=1, observed={"balances": {"topup": 1_000}})] * 2,
        "this line is the same as line 3, byte for byte",
    ),
    "a tie": (
        [
            generate("ada", AT, "i", 25_150),
            generate("ada", RENEWAL, "j", 100, observed={"outcome": "accepted", "charge": {"fast": 100}}),
            record("ada", RENEWAL, "renew", observed={"balances": {"fast": 24_900}}),
        ],
        "",
    ),
    "a tie the other way": (
        [
            record("ada", RENEWAL, "renew", observed={"balances": {"rollover": 24_900}}),
            generate(
                "ada", RENEWAL, "j", 250, observed={"charge": {"daily": 150, "fast": 100}, "balances": {"rollover": 24_900}}
            ),
        ],
        "",
    ),
    "a skipped record": (
        [record("ada", AT, "chargeback"), generated(24, "j", balances={"daily": 100})],
        "of this account 1 earlier line was skipped: log.jsonl:3",
    ),
    "a field that is not used": (
        [generated(100, "j"), record("ada", AT, "refund", job="j", amount=60, observed={"balances": {"daily": 110}})],
        "not used, since refund has no such field: amount",
    ),
    "a plan that is nearly right": (
        [record("ada", AT, "upgrade", plan="Ultimate", observed={"outcome": "accepted"})],
        'the catalogue has no plan "Ultimate"; did you mean "ultimate"?',
    ),
    "a pack that is nearly right": (
        [record("ada", AT, "buy_topup", pack="smal", quantity=1, observed={"outcome": "accepted"})],
        'the catalogue has no pack "smal"; did you mean "small"?',
    ),
    "the first use of an id": (
        [
            record("ada", AT, "buy_topup", pack="small", quantity=1, id="e"),
            record("ada", AT, "buy_topup", pack="small", quantity=1, id="f"),
            record("ada", AT, "buy_topup", pack="small", quantity=1, id="e", observed={"balances": {"topup": 2_000}}),
        ],
        "the id was used before, so the first answer stands (log.jsonl:3)",
    ),
}
"""By kind: the records after subscribing, and what is said of the divergence."""


@pytest.mark.parametrize("kind", [kind for kind, (_, says) in LOG_FAULTS.items() if says])
def test_a_fault_of_the_log_is_named_where_the_account_diverges(kind: str, tmp_path: Path) -> None:
    told, says = LOG_FAULTS[kind]
    write_log(tmp_path / "log.jsonl", [*SUBSCRIBED, *told])
    done = within("replay", "log.jsonl", cwd=tmp_path)
    assert (done.code, says in done.out) == (15, True)


@pytest.mark.parametrize("kind", [kind for kind, (_, says) in LOG_FAULTS.items() if not says])
def test_two_lines_of_one_instant_that_would_be_right_the_other_way_round_are_named(kind: str, tmp_path: Path) -> None:
    told, _ = LOG_FAULTS[kind]
    first, second = told[-2:]
    right = first if first["event"] == "generate" else second
    write_log(tmp_path / "log.jsonl", [*SUBSCRIBED, *told[:-2], first, second])
    done = within("replay", "log.jsonl", cwd=tmp_path)
    swapped = write_log(tmp_path / "swapped.jsonl", [*SUBSCRIBED, *told[:-2], second, first])
    is_right_swapped = within("replay", swapped, cwd=tmp_path).code == 0
    assert right["at"] == RENEWAL
    assert ("with the two lines swapped it would be right" in done.out) == is_right_swapped
    assert done.code == 15


def test_lines_that_were_delivered_twice_are_counted(tmp_path: Path) -> None:
    retry = record("ada", AT, "buy_topup", pack="small", quantity=1, id="e", observed={"outcome": "accepted"})
    quiet = record("ada", AT, "enable_relaxed", observed={"outcome": "refused"})
    done = replayed(tmp_path, [*SUBSCRIBED, retry, retry, quiet, quiet])
    assert (done.code, done.report["identical_lines"]) == (0, 1)


def test_after_time_that_goes_back_the_account_is_not_checked(tmp_path: Path) -> None:
    back = record("ada", "2026-07-14T09:00:00Z", "cancel", observed={"outcome": "accepted"})
    told = [back, generated(24, "j", balances={"daily": 1}), opened("bea", observed={"outcome": "accepted"})]
    done = replayed(tmp_path, [*SUBSCRIBED, *told])
    assert (done.code, done.report["not_compared"]["after_time_went_back"], is_right(done.report)) == (65, 1, True)
    assert "sort the log by account and instant" in within("replay", "log.jsonl", cwd=tmp_path).out


def repeats(events: list[str]) -> list[Record]:
    return [record("ada", AT, event, id="e", observed={"outcome": "accepted"}) for event in events]


@pytest.mark.parametrize("verb", [("replay",), ("replay", "--policy", "infer"), ("infer",)], ids=" ".join)
@pytest.mark.parametrize(
    ("events", "code"),
    [
        (["open_account", "renew", "lapse", "cancel"], 20),
        (["open_account", "open_account", "open_account"], 0),
        (["open_account", "open_account", "renew"], 0),
        (["open_account", "renew"], 0),
    ],
    ids=["one id everywhere", "retries", "as many retries", "as many as were compared"],
)
def test_a_log_in_which_ids_are_none_of_events_is_no_verdict(
    verb: tuple[str, ...], events: list[str], code: int, tmp_path: Path
) -> None:
    write_log(tmp_path / "log.jsonl", repeats(events))
    done = within(*verb, "log.jsonl", "--format", "json", cwd=tmp_path)
    assert (done.code, is_right(done.report)) == (code, True)
    assert done.report["repeated"]["compared"] == len(events) - 1


def test_the_first_repeat_of_another_event_is_named(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", repeats(["open_account", "open_account", "renew"]))
    assert (
        "the first is renew at log.jsonl:3, whose id was used by open_account at log.jsonl:1"
        in within("replay", "log.jsonl", cwd=tmp_path).out
    )


def test_a_first_answer_with_an_instant_as_a_number_can_be_saved(tmp_path: Path) -> None:
    """It is kept as every answer has it, so that the state can be loaded."""
    observed = {"balances": {"daily": 149}, "next_daily_reset_at": 1784160000000}
    write_log(tmp_path / "one.jsonl", [record("ada", "2026-07-15T09:00:00Z", "open_account", id="i", observed=observed)])
    again = {"duplicate": True, "next_daily_reset_at": "2026-07-16T00:00:00Z", "balances": {"daily": 149}}
    write_log(tmp_path / "two.jsonl", [record("ada", "2026-07-15T09:01:00Z", "open_account", id="i", observed=again)])
    assert within("replay", "one.jsonl", "--save-state", "state.json", cwd=tmp_path).code == 15
    assert within("replay", "two.jsonl", "--load-state", "state.json", cwd=tmp_path).code == 0

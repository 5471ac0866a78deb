"""What another setting would have changed in a log: accounts touched, tokens by pool, the first differing record of each."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.conftest import EXAMPLES, Finished, Record, generate, opened, read_lines, record, within, write_log
from tokenspec.spec.policies import DEFAULTS, POLICIES
from tokenspec.spec.words import POOLS

AT, LATER = "2026-01-10T09:00:00Z", "2026-01-10T10:00:00Z"
OTHER = ("--against", "refund=none")


def refunded(account: str, cost: int) -> list[Record]:
    return [opened(account, AT), generate(account, AT, "j", cost), record(account, LATER, "refund", job="j")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three accounts: two get a refund, of 10 and of 30 tokens; nobody's answers are observed."""
    write_log(tmp_path / "log.jsonl", [*refunded("ada", 10), opened("cy", AT), *refunded("bo", 30)])
    return tmp_path


def against(folder: Path, *options: str) -> Any:
    done = within("replay", "log.jsonl", *OTHER, "--format", "json", *options, cwd=folder)
    assert (done.code, done.err) == (0, "")
    return done.report


def test_touched_accounts_are_counted_and_named_with_their_first_differing_record(folder: Path) -> None:
    report = against(folder)
    found = report["against"]
    assert (found["accounts"], found["touched"], found["records"], found["changed"]) == (3, 2, 2, {"refund": "none"})
    assert found["tokens"]["daily"] == {"sum": -40, "median": 10, "p95": 30, "most": 30}
    assert [(t["account"], t["line"], t["event"], t["tokens"]["daily"]) for t in report["most_touched"]] == [
        ("bo", 7, "refund", -30),
        ("ada", 3, "refund", -10),
    ]
    assert {"field": "balances.daily", "own": 150, "other": 120} in report["most_touched"][0]["fields"]


@pytest.mark.parametrize(("limit", "code"), [("0", 16), ("1", 16), ("2", 0)])
def test_more_touched_accounts_than_allowed_exit_with_16(limit: str, code: int, folder: Path) -> None:
    done = within("replay", "log.jsonl", *OTHER, "--fail-above", limit, "-q", cwd=folder)
    assert done.code == code
    assert ("more than the" in done.out) == (code == 16)


def test_every_form_tells_it(folder: Path) -> None:
    forms = ("json", "jsonl", "junit", "sarif", "md", "text")
    reports = [word for form in forms[:-1] for word in ("--report", f"{form}={form}")]
    done = within("replay", "log.jsonl", *OTHER, "--fail-above", "1", "-o", "text", *reports, cwd=folder)
    assert done.code == 16
    told = {form: (folder / form).read_text() for form in forms}
    assert "2 of 3 accounts are touched" in told["text"]
    assert "| daily | -40 | 10 | 30 | 30 |" in told["md"]
    assert [line["touched"]["account"] for line in map(json.loads, told["jsonl"].splitlines()) if "touched" in line] == [
        "bo",
        "ada",
    ]
    (suite,) = [s for s in ElementTree.fromstring(told["junit"]) if s.get("name") == "against"]
    assert suite.get("failures") == "1"
    results = json.loads(told["sarif"])["runs"][0]["results"]
    assert [r["ruleId"] for r in results] == ["other_setting_touches_no_more"] * 2


def test_a_divergence_outranks_the_comparison_and_what_was_observed_counts_for_neither_setting(folder: Path) -> None:
    log = read_lines(folder / "log.jsonl")
    # A support person gave 5 tokens; both settings go on as if nobody had.
    log[1]["observed"] = {"balances": {"daily": 145}}
    write_log(folder / "observed.jsonl", log)
    done = within("replay", "observed.jsonl", *OTHER, "--fail-above", "0", "--format", "json", cwd=folder)
    plain = against(folder)
    assert done.code == 15
    assert done.report["most_touched"] == [t | {"file": "observed.jsonl"} for t in plain["most_touched"]]
    assert done.report["against"] == plain["against"] | {"fail_above": 0}


def test_an_account_with_a_record_that_is_bad_under_the_other_setting_counts_as_touched(folder: Path) -> None:
    # A repeated id is answered whatever its instant; where the id of a refused request is free again, this one goes back.
    asked = generate("dot", AT, "j", 999, id="x")
    write_log(
        folder / "log.jsonl", [opened("dot", AT), asked, record("dot", LATER, "login", session="s"), asked, opened("ed", AT)]
    )
    options = ("--against", "refused_id=free", "--fail-above", "0")
    done = within("replay", "log.jsonl", *options, "--format", "json", cwd=folder)
    assert (done.code, done.report["against"]["touched"]) == (16, 0)
    (found,) = done.report["against"]["impossible"]
    assert (found["account"], found["line"], found["field"]) == ("dot", 4, "at")
    assert "log.jsonl:4: a bad record under it alone" in within("replay", "log.jsonl", *options, cwd=folder).out


def test_an_account_that_begins_in_mid_life_is_compared_as_both_settings_have_it(folder: Path) -> None:
    state = {"status": "active", "plan": "premium", "balances": {"fast": 500}, "next_renewal_at": "2026-02-01T00:00:00Z"}
    begun = record("flo", AT, "snapshot", state=state)
    # The first refund is of a job before the log. Neither setting gives it back, for reasons of their own, whatever was observed.
    earlier = record("flo", AT, "refund", job="old", observed={"balances": {"fast": 524}})
    spent = generate("flo", LATER, "k", 500)
    write_log(folder / "log.jsonl", [begun, earlier, spent, record("flo", LATER, "refund", job="k")])
    report = against(folder)
    (flo,) = report["most_touched"]
    assert (flo["line"], flo["records"], flo["tokens"]["fast"]) == (2, 2, -500)
    assert [field["field"] for field in flo["fields"]] == ["reason"]


def test_the_same_setting_touches_nobody_and_says_so(folder: Path) -> None:
    done = within("replay", "log.jsonl", "--against", "refund=to_source", "-q", cwd=folder)
    assert (done.code, done.out) == (0, "replayed; nothing was compared; under the same setting 0 of 3 accounts are touched\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--against", "refnd=none"), "refund"),
        (("--against", "refund=nobody"), "none"),
        (("--against", "refund=none", "--against", "refund=to_source"), "given twice"),
        (("--against", "infer"), "NAME=ANSWER"),
        (("--fail-above", "3"), "give --against as well"),
        ((*OTHER, "--policy", "infer"), "leave one of them out"),
        ((*OTHER, "--save-state", "s"), "leave one of them out"),
        ((*OTHER, "--fail-above", "-1"), "-1"),
        (("--against-catalogue", "a.toml", "--against-catalogue", "b.toml"), "make one file of them"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(options: tuple[str, ...], told: str, folder: Path) -> None:
    done = within("replay", "log.jsonl", *options, cwd=folder)
    assert (done.code, done.out) == (64, "")
    assert told in done.err


def test_another_catalogue_that_is_not_there_is_66_and_a_wrong_one_65(folder: Path) -> None:
    assert within("replay", "log.jsonl", "--against-catalogue", "no.toml", cwd=folder).code == 66
    (folder / "wrong.toml").write_text("daily = 3\n")
    done = within("replay", "log.jsonl", "--against-catalogue", "wrong.toml", cwd=folder)
    assert done.code == 65
    assert "wrong.toml" in done.err


# By brute force

NEXT = DEFAULTS | {policy.name: next(a for a, _ in policy.answers if a != DEFAULTS[policy.name]) for policy in POLICIES}


def answers(folder: Path, log: Path, *options: str) -> list[Any]:
    done: Finished = within("replay", log, "--answers", folder / "answers.jsonl", "-q", *options)
    assert done.code == 0, done.err
    return read_lines(folder / "answers.jsonl")


def plain(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as it is compared: what is absent, null or empty is the same."""
    kept = {key: value for key, value in answer.items() if key != "delta" and value not in (None, {}, False)}
    return kept | {"relaxed": sorted(answer["relaxed"] or [])}


def recount(
    records: list[Record], own: list[Any], other: list[Any]
) -> tuple[dict[str, tuple[int, int]], dict[str, dict[str, int]]]:
    """By touched account its first differing record and their number, and its tokens."""
    touched: dict[str, tuple[int, int]] = {}
    last: dict[str, list[Any]] = {}
    for number, (r, ours, theirs) in enumerate(zip(records, own, other, strict=True), 1):
        for side, answer in enumerate((ours, theirs)):
            # A repeated answer says how the account stood when it was given first.
            if not answer.get("duplicate"):
                last.setdefault(r["account"], [{}, {}])[side] = answer
        if plain(ours) != plain(theirs):
            first, times = touched.get(r["account"], (number, 0))
            touched[r["account"]] = first, times + 1
    tokens = {
        name: {pool: theirs.get("balances", {}).get(pool, 0) - ours.get("balances", {}).get(pool, 0) for pool in POOLS}
        for name, (ours, theirs) in last.items()
        if name in touched
    }
    return touched, tokens


def largest(amounts: list[int], percent: int) -> int:
    return min(a for a in amounts if sum(b <= a for b in amounts) * 100 >= percent * len(amounts)) if amounts else 0


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    changed=st.sets(st.sampled_from(sorted(DEFAULTS)), max_size=4),
    has_catalogue=st.booleans(),
    resets=st.sampled_from(["explicit", "implied"]),
    observes=st.sampled_from(["nothing", "its answers", "shifted answers"]),
    logs=st.sets(st.sampled_from(sorted(path.name for path in EXAMPLES.glob("*.jsonl"))), min_size=1, max_size=8),
)
def test_the_comparison_is_a_recount_by_brute_force(
    changed: set[str], has_catalogue: bool, resets: str, observes: str, logs: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("recount")
    records = [{k: v for k, v in r.items() if k != "observed"} for log in sorted(logs) for r in read_lines(EXAMPLES / log)]
    log = write_log(folder / "log.jsonl", records)
    mode = ("--resets", resets)
    policy = [word for name in sorted(changed) for word in ("policy", f"{name}={NEXT[name]}")]
    catalogue = ["catalogue", str(EXAMPLES / "catalogue.toml")] * has_catalogue
    own = answers(folder, log, *mode)
    other = answers(folder, log, *mode, *(f"--{w}" if w in ("policy", "catalogue") else w for w in policy + catalogue))
    touched, tokens = recount(records, own, other)
    if observes != "nothing":
        log = write_log(folder / "observed.jsonl", [r | {"observed": a} for r, a in zip(records, own, strict=True)])
    if observes == "shifted answers":
        shifted = read_lines(log)
        for r in shifted[::5]:
            r["observed"]["balances"] = {pool: n + 1 for pool, n in r["observed"]["balances"].items()}
        write_log(log, shifted)
    against = [{"policy": "--against", "catalogue": "--against-catalogue"}.get(word, word) for word in policy + catalogue]
    if not against:
        against = ["--against", f"refund={DEFAULTS['refund']}"]
    report = within("replay", log, *mode, *against, "--format", "json").report
    found, named = report["against"], report["most_touched"]
    assert (found["touched"], found["records"]) == (len(touched), sum(times for _, times in touched.values()))
    for pool in POOLS:
        amounts = [abs(t[pool]) for t in tokens.values()]
        assert found["tokens"][pool] == {
            "sum": sum(t[pool] for t in tokens.values()),
            "median": statistics.median_low(amounts) if amounts else 0,
            "p95": largest(amounts, 95),
            "most": max(amounts, default=0),
        }
    amount = {name: sum(map(abs, t.values())) for name, t in tokens.items()}
    wanted = sorted(touched, key=lambda name: (-amount[name], -touched[name][1], name))[:20]
    assert [(t["account"], t["line"], t["records"], t["tokens"]) for t in named] == [
        (name, *touched[name], tokens[name]) for name in wanted
    ]

"""What is observed has one form: nothing in it is passed over, and what it cannot be is named with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command.conftest import LARGEST, Finished, Record, generate, opened, record, within, write_log

AT = "2026-07-15T09:00:00Z"
UNKNOWN: dict[str, tuple[Any, str, str]] = {
    "field": ({"balance": {"daily": 7}}, "observed.balance", "did you mean balances?"),
    "field in capitals": ({"Outcome": "accepted"}, "observed.Outcome", "did you mean outcome?"),
    "field of a wire answer": ({"nextRenewalAt": None, "outcome": "accepted"}, "observed.nextRenewalAt", "next_renewal_at"),
    "pool": ({"balances": {"daily": 150, "fst": 99}}, "observed.balances.fst", "did you mean fast?"),
    "pool of a charge": ({"charge": {"top_up": 0}}, "observed.charge.top_up", "did you mean topup?"),
    "total within balances": ({"balances": {"total": 150}}, "observed.balances.total", "there is no such pool"),
}
"""By kind: what was observed, the field that is named, and words of the rule."""
FORMS: dict[str, list[Any]] = {
    "outcome": ["Accepted", "", 1, True, []],
    "status": ["absent", "Free", 0],
    "mode": ["fast", "Tokens", 5],
    "shown_is": ["old", False],
    "reason": [5, ["tokens_must_cover_cost"]],
    "plan": [5, {}],
    "scheduled_plan": [0, []],
    "cost": ["24", 24.0, True, 2**53],
    "duplicate": ["true", 1],
    "total": ["150", 150.0, 150.5, True, 2**53, []],
    "delta": ["+150", 1.0, -(2**53)],
    "balances": [150, "150", [], {"daily": "150"}, {"daily": 150.0}, {"daily": True}, {"daily": 2**53}, {"daily": [1]}],
    "charge": [24, [], {"daily": "24"}, {"daily": 1e3}],
    "next_daily_reset_at": ["2026-07-16", "2026-07-20T04:39:00+99:99", "2026-07-16T00:00:00", 1_784_106_000, True, 1.5, ""],
    "next_renewal_at": ["never", "2026-08-15T09:00:00+24:00", 0],
}
"""By field of an answer, what it cannot be."""
OTHER_FORMS = [(field, value) for field, values in FORMS.items() for value in values]


def replayed(folder: Path, records: list[Record], *options: str) -> Finished:
    write_log(folder / "log.jsonl", records)
    return within("replay", "log.jsonl", "--format", "json", *options, cwd=folder)


def is_right(report: Any) -> bool:
    """Returns whether every record stands once in the sum of a replay."""
    parts = [len(report["bad_records"]), report["compared"], *report["not_compared"].values()]
    parts += [report["repeated"]["compared"], report["repeated"]["not_compared"]]
    return bool(report["records"] == sum(parts))


@pytest.mark.parametrize("verb", ["replay", "infer"])
@pytest.mark.parametrize("kind", list(UNKNOWN))
def test_an_unknown_name_in_what_is_observed_is_bad_and_its_event_happened(kind: str, verb: str, tmp_path: Path) -> None:
    observed, field, says = UNKNOWN[kind]
    right = generate("ada", AT, "j", 24, observed={"balances": {"daily": 126}})
    write_log(tmp_path / "log.jsonl", [opened(observed=observed), right])
    done = within(verb, "log.jsonl", "--format", "json", cwd=tmp_path)
    (bad,) = done.report["bad_records"]
    assert (done.code, bad["line"], bad["field"]) == (65, 1, field)
    assert says in bad["rule"]
    assert (done.report["compared"], is_right(done.report)) == (1, True)


@pytest.mark.parametrize(("field", "value"), OTHER_FORMS, ids=[f"{field}-{value!r}" for field, value in OTHER_FORMS])
def test_another_form_of_what_is_observed_is_bad_and_no_divergence(field: str, value: Any, tmp_path: Path) -> None:
    done = replayed(tmp_path, [opened(observed={field: value}), generate("ada", AT, "j", 24, observed={"outcome": "accepted"})])
    (bad,) = done.report["bad_records"]
    assert (done.code, done.report["divergences"], done.report["compared"]) == (65, [], 1)
    assert bad["field"].startswith(f"observed.{field}")


def test_one_form_that_is_wrong_in_many_records_is_told_once(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(f"a{n}", observed={"balances": {"daily": str(n)}}) for n in range(30)])
    done = within("replay", "log.jsonl", cwd=tmp_path)
    assert done.code == 65
    assert done.out.count("observed.balances.daily") == 1
    assert "(and 29 more like it)" in done.out


NOTHING: dict[str, Record] = {
    "nowhere": {},
    "null": {"observed": None},
    "empty": {"observed": {}},
    "empty balances": {"observed": {"balances": {}}},
    "nulls": {"observed": {"status": None, "balances": {"daily": None}, "charge": {"fast": None}, "total": None}},
    "false duplicate": {"observed": {"duplicate": False}},
    "nothing charged": {"observed": {"charge": {}, "duplicate": False}},
    "zeros charged": {"observed": {"charge": {"daily": 0, "fast": 0}}},
    "nulls of an answer": {"observed": {"scheduled_plan": None, "next_renewal_at": None, "mode": None}, "observed_as": "answer"},
    "under another key": {"Observed": {"outcome": "refused"}},
    "misspelt": {"oberved": {"outcome": "refused"}},
}


@pytest.mark.parametrize("verb", [("replay",), ("replay", "--policy", "infer"), ("infer",)], ids=" ".join)
@pytest.mark.parametrize("kind", list(NOTHING))
def test_a_run_that_compared_nothing_is_no_verdict(kind: str, verb: tuple[str, ...], tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(**NOTHING[kind])])
    done = within(*verb, "log.jsonl", "--format", "json", cwd=tmp_path)
    assert (done.code, done.report["not_compared"]["nothing_observed"], is_right(done.report)) == (20, 1, True)


def test_what_equals_its_absence_is_compared_where_the_right_answer_holds_something(tmp_path: Path) -> None:
    charged = [opened(), generate("ada", AT, "j", 24, id="e", observed={"duplicate": False})]
    nothing_drawn = generate("ada", AT, "k", 24, observed={"charge": {"daily": 0}})
    retried = generate("ada", AT, "j", 24, id="e", observed={"duplicate": False})
    assert replayed(tmp_path, charged).code == 20
    assert replayed(tmp_path, [*charged, retried]).report["divergences"][0]["field"] == "duplicate"
    assert replayed(tmp_path, [*charged, nothing_drawn]).report["divergences"][0]["field"] == "charge.daily"
    empty = generate("ada", AT, "k", 24, observed={"charge": {}})
    assert replayed(tmp_path, [*charged, empty]).report["divergences"][0]["field"] == "charge"
    told = replayed(tmp_path, [*charged, generate("ada", AT, "k", 24, observed={"charge": {"daily": 24, "fast": 0}})]).report
    assert (told["compared"], told["not_compared"]["nothing_observed"]) == (1, 2)
    # An empty list, and a balance of 0, are values.
    assert replayed(tmp_path, [opened(observed={"relaxed": []})]).code == 0
    assert replayed(tmp_path, [opened(observed={"balances": {"fast": 0}})]).code == 0


@pytest.mark.parametrize("option", ["--answers", "--save-state"])
def test_answers_or_a_state_may_be_all_that_is_asked_for(option: str, tmp_path: Path) -> None:
    assert replayed(tmp_path, [opened()], option, "out").code == 0
    assert replayed(tmp_path, [opened(observed={"balance": 1})], option, "out").code == 65


def test_unknown_fields_of_records_are_told_once_with_the_name_they_resemble(tmp_path: Path) -> None:
    records = [opened(observed={"outcome": "accepted"}, Id="e"), generate("ada", AT, "j", 1, note="x", Id="f")]
    done = replayed(tmp_path, records)
    told = {each["field"]: each for each in done.report["unknown_fields"]}
    assert done.code == 0
    assert told["Id"] == {"field": "Id", "times": 2, "file": "log.jsonl", "line": 1, "resembles": "id"}
    assert (told["note"]["line"], told["note"]["resembles"]) == (2, None)
    text = within("replay", "log.jsonl", cwd=tmp_path).out
    assert "unknown field Id, not compared: 2 times, first at log.jsonl:1 (did you mean id?)" in text


def test_a_log_may_say_that_it_observes_whole_answers(tmp_path: Path) -> None:
    more: Record = {"balances": {"daily": 150, "seats": 3}, "version": 2, "outcome": "accepted"}
    records = [opened(observed=more, observed_as="answer"), opened("bea", observed=more)]
    done = replayed(tmp_path, records)
    told = [(each["field"], each["times"]) for each in done.report["unknown_fields"]]
    assert (done.code, done.report["compared"]) == (0, 2)
    assert told == [("observed.balances.seats", 2), ("observed.version", 2)]
    assert replayed(tmp_path, [opened("cy", observed={"outcome": "accepted"}), *records]).code == 65
    assert replayed(tmp_path, [opened(observed={**more, "balances": {"daily": 151}}, observed_as="answer")]).code == 15
    assert replayed(tmp_path, [opened(observed={"balances": {"daily": "150"}}, observed_as="answer")]).code == 65


FIRST = '"account":"ada","at":"2026-07-15T09:00:00Z","event":"open_account"'
TWICE: dict[str, tuple[str, str, bool]] = {
    "account": ('{"account":"ada",' + FIRST + "}", "account", False),
    "event": ("{" + FIRST + ',"event":"open_account"}', "event", False),
    "spelt with an escape": ("{" + FIRST + ',"acc\\u006funt":"zz"}', "account", False),
    "with blanks before the colon": ("{" + FIRST + ',"event" :"open_account"}', "event", False),
    "with a tab before the colon": ("{" + FIRST + ',"event"\t:"open_account"}', "event", False),
    "beside a text like a name": ("{" + FIRST + ',"id":"\\":","id":"x"}', "id", False),
    "unknown and deep": ("{" + FIRST + ',"x":[{"y":{"z":1,"z":1}}]}', "x.0.y.z", False),
    "observed": ("{" + FIRST + ',"observed":{"outcome":"refused"},"observed":{"outcome":"accepted"}}', "observed", True),
    "field": ("{" + FIRST + ',"observed":{"outcome":"refused","outcome":"accepted"}}', "observed.outcome", True),
    "pool": ("{" + FIRST + ',"observed":{"balances":{"daily":7,"daily":150}}}', "observed.balances.daily", True),
}
"""By place: a line with a name that occurs twice, the field, and whether the event happened."""


@pytest.mark.parametrize("place", list(TWICE))
def test_a_name_that_stands_twice_is_bad_at_any_depth(place: str, tmp_path: Path) -> None:
    line, field, happened = TWICE[place]
    (tmp_path / "log.jsonl").write_text(line + "\n")
    done = within("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    (bad,) = done.report["bad_records"]
    assert (done.code, bad["field"], done.report["accounts"]) == (65, field, int(happened))
    assert "twice" in bad["rule"]


@pytest.mark.parametrize("line", [FIRST + ',"id":"\\":"', FIRST + ',"id" : "a"', FIRST + ',"note":{"id":1},"id":"b"'])
def test_a_name_that_stands_once_in_each_object_is_good(line: str, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("{" + line + ',"observed":{"outcome":"accepted"}}\n')
    assert within("replay", "log.jsonl", cwd=tmp_path).code == 0


SUBSCRIBED = [opened(observed={"total": 150, "delta": 150}), record("ada", AT, "subscribe", plan="premium")]
SUMS: dict[str, tuple[list[Record], tuple[str, ...]]] = {
    "a plan": ([record("ada", AT, "login", session="s", observed={"total": 25_150, "delta": 0})], ()),
    "a charge": ([generate("ada", AT, "j", 200, observed={"total": 24_950, "delta": -200})], ()),
    "a refusal": ([generate("ada", AT, "j", 30_000, observed={"total": 25_150, "delta": 0})], ()),
    "the API": ([record("ada", AT, "buy_api", amount=5, observed={"total": 25_150, "delta": 0})], ()),
    "a repeat": (
        [
            generate("ada", AT, "j", 50, id="e", observed={"total": 25_100, "delta": -50}),
            generate("ada", AT, "k", 50, observed={"total": 25_050}),
            generate("ada", AT, "j", 50, id="e", observed={"total": 25_100, "delta": 0}),
        ],
        (),
    ),
    "what fell due before": (
        [generate("ada", "2026-08-15T10:00:00Z", "j", 200, observed={"total": 49_800, "delta": -200})],
        ("--resets", "implied"),
    ),
    "a renewal": ([record("ada", "2026-08-15T10:00:00Z", "renew", observed={"total": 50_150, "delta": 25_000})], ()),
}


@pytest.mark.parametrize("kind", list(SUMS))
def test_the_sum_of_the_pools_and_what_the_event_did_to_it_are_compared(kind: str, tmp_path: Path) -> None:
    told, options = SUMS[kind]
    done = replayed(tmp_path, [*SUBSCRIBED, *told], *options)
    assert (done.code, done.report["divergences"]) == (0, [])
    for field in ("total", "delta"):
        changed = [{**r["observed"], field: r["observed"].get(field, 0) + 1} for r in told]
        wrong = [{**r, "observed": observed} for r, observed in zip(told, changed, strict=True)]
        found = replayed(tmp_path, [*SUBSCRIBED, *wrong], *options).report["divergences"]
        assert field in {d["field"] for d in found}


def test_integers_are_exact_up_to_their_end(tmp_path: Path) -> None:
    right = record("ada", AT, "buy_api", amount=LARGEST, observed={"balances": {"api": LARGEST}})
    assert replayed(tmp_path, [opened(), right]).code == 0


@pytest.mark.parametrize("verb", ["replay", "infer"])
def test_a_log_without_a_record_beside_others_is_named(verb: str, tmp_path: Path) -> None:
    write_log(tmp_path / "monday.jsonl", [opened(observed={"status": "free"})])
    for name, text in (("tuesday.jsonl", ""), ("friday.jsonl", "\n \n")):
        (tmp_path / name).write_text(text)
    logs = ("monday.jsonl", "tuesday.jsonl", "friday.jsonl")
    assert json.loads(within(verb, *logs, "--format", "json", cwd=tmp_path).out)["empty_logs"] == [
        "tuesday.jsonl",
        "friday.jsonl",
    ]
    done = within(verb, *logs, cwd=tmp_path)
    assert (done.code, "tuesday.jsonl: it holds no record\nfriday.jsonl: it holds no record\n" in done.out) == (0, True)
    assert within(verb, "tuesday.jsonl", "friday.jsonl", cwd=tmp_path).code == 65


@pytest.mark.parametrize("verb", ["replay", "infer"])
def test_a_table_without_a_row_beside_others_is_named(verb: str, tmp_path: Path) -> None:
    heading = "user,at,kind,after\n"
    (tmp_path / "monday.csv").write_text(f"{heading}ada,2026-07-15T09:00:00Z,open_account,150\n")
    (tmp_path / "tuesday.csv").write_text(heading)
    (tmp_path / "map.toml").write_text(
        '[source]\nformat = "csv"\n[fields]\naccount = "user"\nat = "at"\n[events]\ncolumn = "kind"\n'
        '[events.kinds]\nopen_account = "open_account"\n[observed]\ntotal = "after"\n'
    )
    found = within(verb, "tuesday.csv", "monday.csv", "--map", "map.toml", "--format", "json", cwd=tmp_path)
    assert (found.code, json.loads(found.out)["empty_logs"]) == (0, ["tuesday.csv"])

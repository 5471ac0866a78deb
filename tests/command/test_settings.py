"""--policy and --catalogue: what is taken, and what is said of what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command.conftest import EXAMPLES, opened, record, within, write_log
from tokenspec.oracle.sut.observed import reasons_from_file
from tokenspec.oracle.wire.settings import NAMES_MAX

CATALOGUE = """\
ranking = ["free", "lo", "hi"]
daily = 40
bank_months = 2
[plans.free]
allowance = 0
[plans.lo]
allowance = 10
[plans.hi]
allowance = 20
api = 3
relaxed = ["image"]
[packs]
box = 5
[prices]
portrait = 7
[aliases]
old = "lo"
"""
CHANGES = {
    "daily_below_0": ("daily = 40", "daily = -1", "daily"),
    "daily_of_5000_digits": ("daily = 40", f"daily = {'1' * 5000}", ""),
    "ceiling_above_the_largest": ("bank_months = 2", f"bank_months = {2**52}", "plans.lo"),
    "pack_of_0": ("box = 5", "box = 0", "packs.box"),
    "price_of_0": ("portrait = 7", "portrait = 0", "prices.portrait"),
    "pack_as_text": ("box = 5", 'box = "5"', "packs.box"),
    "free_plan_with_allowance": ("allowance = 0", "allowance = 1", "plans.free"),
    "free_plan_with_api": ("allowance = 0", "allowance = 0\napi = 1", "plans.free"),
    "falling_allowance": ("allowance = 20", "allowance = 9", "plans.hi.allowance"),
    "api_as_text": ("api = 3", 'api = "3"', "plans.hi.api"),
    "relaxed_medium_unknown": ('["image"]', '["audio"]', "plans.hi.relaxed"),
    "ranking_without_free": ('["free", "lo", "hi"]', '["lo", "hi"]', "ranking"),
    "ranking_with_a_plan_that_is_not_described": ('["free", "lo", "hi"]', '["free", "lo", "hi", "top"]', "plans.top"),
    "alias_of_nothing": ('old = "lo"', 'old = "gone"', "aliases.old"),
    "model_of_no_origin": (
        'old = "lo"',
        'old = "lo"\n[models.m]\norigin = "first_part"',
        "it is one of first_party, third_party (did you mean first_party?)",
    ),
    "broken_toml": ("daily = 40", "daily = [", "TOML"),
    "very_deep": ("daily = 40", f"daily = {'[' * 3_000}{']' * 3_000}", ""),
}
"""What is replaced by what, and the key that the message names."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a log, a good catalogue and a broken one."""
    subscribing = record("ada", "2026-07-15T09:00:00Z", "subscribe", plan="old")
    write_log(tmp_path / "log.jsonl", [opened(observed={"outcome": "accepted"}), subscribing])
    (tmp_path / "good.toml").write_text(CATALOGUE)
    (tmp_path / "broken.toml").write_text("daily = [")
    return tmp_path


def test_a_catalogue_of_ones_own_is_used(folder: Path) -> None:
    observed = {"plan": "lo", "balances": {"daily": 40, "fast": 10}}
    later = record("ada", "2026-07-15T09:00:00Z", "enable_relaxed", observed=observed)
    write_log(folder / "later.jsonl", [later])
    done = within("replay", "log.jsonl", "later.jsonl", "--catalogue", "good.toml", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert "conforms" in done.out


def test_the_shipped_catalogue_is_admissible_and_leaves_the_digest_of_the_declaration_alone(folder: Path) -> None:
    own = within("replay", "log.jsonl", "--catalogue", EXAMPLES / "catalogue.toml", "--format", "json", cwd=folder)
    usual = within("replay", "log.jsonl", "--format", "json", cwd=folder)
    assert (own.code, usual.code) == (0, 0)
    assert own.report["digest"] == usual.report["digest"]


def test_prices_and_aliases_may_be_absent(folder: Path) -> None:
    (folder / "short.toml").write_text(CATALOGUE.partition("[prices]")[0])
    assert within("replay", "log.jsonl", "--catalogue", "short.toml", cwd=folder).code == 0


@pytest.mark.parametrize(("old", "new", "key"), list(CHANGES.values()), ids=list(CHANGES))
def test_a_catalogue_that_breaks_a_limit_exits_65_and_names_file_and_key(old: str, new: str, key: str, folder: Path) -> None:
    (folder / "wrong.toml").write_text(CATALOGUE.replace(old, new, 1))
    done = within("replay", "log.jsonl", "--catalogue", "wrong.toml", cwd=folder)
    assert (done.code, done.out) == (65, "")
    assert "wrong.toml" in done.err
    assert key in done.err


def test_a_broken_catalogue_exits_65_whatever_its_name(folder: Path) -> None:
    (folder / "broken.toml").rename(folder / "policy.toml")
    assert within("replay", "log.jsonl", "--catalogue", "policy.toml", cwd=folder).code == 65


def test_a_catalogue_that_is_not_utf8_exits_65(folder: Path) -> None:
    (folder / "latin.toml").write_bytes("# größer".encode("latin-1"))
    assert within("replay", "log.jsonl", "--catalogue", "latin.toml", cwd=folder).code == 65


def test_a_missing_catalogue_exits_66_and_is_named(folder: Path) -> None:
    done = within("replay", "log.jsonl", "--catalogue", "missing.toml", cwd=folder)
    assert (done.code, done.out) == (66, "")
    assert "missing.toml" in done.err


@pytest.mark.parametrize("setting", ["generosity=high", "refund=maybe", "refund", ""])
def test_an_unknown_setting_exits_64_and_is_named(setting: str, folder: Path) -> None:
    done = within("replay", "log.jsonl", "--policy", setting, cwd=folder)
    assert (done.code, done.out) == (64, "")
    assert setting.partition("=")[0] in done.err


BROKEN, MISSING = ("--catalogue", "broken.toml"), ("--catalogue", "missing.toml")
UNKNOWN = ("--policy", "refund=maybe")
SEVERAL = {
    "policy_after_catalogue_missing": (("log.jsonl", *MISSING, *UNKNOWN), 64),
    "policy_after_catalogue_broken": (("log.jsonl", *BROKEN, *UNKNOWN), 64),
    "format_after_catalogue_missing": (("log.jsonl", *MISSING, "--format", "xml"), 64),
    "no_log_and_catalogue_broken": (BROKEN, 64),
    "log_missing_and_catalogue_broken": (("missing.jsonl", *BROKEN), 66),
}


@pytest.mark.parametrize(("arguments", "code"), list(SEVERAL.values()), ids=list(SEVERAL))
def test_the_gravest_of_several_faults_gives_the_exit_code(arguments: tuple[str, ...], code: int, folder: Path) -> None:
    assert within("replay", *arguments, cwd=folder).code == code


def test_a_divergence_outweighs_a_bad_record(tmp_path: Path) -> None:
    wrong = opened("bea", observed={"status": "active"})
    write_log(tmp_path / "log.jsonl", [{"account": "ada"}, wrong, {"account": "ada"}])
    assert within("replay", "log.jsonl", cwd=tmp_path).code == 15


def test_a_bad_record_outweighs_conforming_ones(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(observed={"status": "free"}), {"account": "ada"}])
    assert within("replay", "log.jsonl", cwd=tmp_path).code == 65


@pytest.mark.parametrize("table", ["ranking", "packs"])
@pytest.mark.parametrize(("more", "code"), [(0, 0), (1, 65)])
def test_a_catalogue_has_as_many_names_as_the_account_can_be_declared_for(
    table: str, more: int, code: int, tmp_path: Path
) -> None:
    names = [f"n{number}" for number in range(NAMES_MAX - (table == "ranking") + more)]
    plans, packs = (names, ["box"]) if table == "ranking" else ([], names)
    text = f"ranking = {json.dumps(['free', *plans])}\ndaily = 1\nbank_months = 1\nplans.free.allowance = 0\n"
    text += "".join(f"plans.{name}.allowance = 1\n" for name in plans) + "".join(f"packs.{name} = 1\n" for name in packs)
    (tmp_path / "own.toml").write_text(text)
    write_log(tmp_path / "log.jsonl", [opened(observed={"outcome": "accepted"})])
    done = within("replay", "log.jsonl", "--catalogue", "own.toml", cwd=tmp_path)
    assert done.code == code
    assert code == 0 or f"own.toml: {table}: it has {NAMES_MAX + 1} entries, and at most {NAMES_MAX} are taken" in done.err


WORDS = {
    "table": ("x.y = 'plan_must_exist'", "x: the value is a refusal code or a list of them"),
    "list in a list": ("x = [['plan_must_exist']]", "x: the value is a refusal code or a list of them"),
    "number": ("x = 1", "x: the value is a refusal code or a list of them"),
    "empty list": ("x = []", "x: the value is a refusal code or a list of them, and the list is empty"),
    "nearly a code": ("x = 'plan_must_exists'", "did you mean plan_must_exist?"),
}


@pytest.mark.parametrize(("content", "says"), list(WORDS.values()), ids=list(WORDS))
def test_words_for_refusals_of_a_wrong_form_are_bad_data(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text(content)
    done = within("fuzz", "--sut", "true", "--reasons", "words.toml", cwd=tmp_path)
    assert done.code == 65
    assert says in done.err


def test_a_code_needs_no_word(tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text("NO_PLAN = 'plan_must_exist'")
    words = reasons_from_file(tmp_path / "words.toml")
    assert words["NO_PLAN"] == words["plan_must_exist"] == {"plan_must_exist"}
    assert words["tokens_must_cover_cost"] == {"tokens_must_cover_cost"}


def test_a_text_that_is_not_utf_8_is_told_with_escapes(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened("a")])
    done = within("explain", "log.jsonl", "--account", "a", "--shown", "\udcff", cwd=tmp_path)
    assert (done.code, "'\\udcff' is not a JSON object" in done.err) == (64, True)

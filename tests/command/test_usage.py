"""Verbs, options, help, and the list of policies."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import click
import pytest

from command.conftest import tokenspec, within
from tokenspec.oracle.command.main import tokenspec as verbs

VERBS = tuple(verbs.list_commands(click.Context(verbs)))
PARTS = (*VERBS, "vectors run", "vectors add", "vectors build", "docs list", "docs sync")
ANSWERS = {
    "burn_order": ["fast_rollover_topup", "rollover_fast_topup"],
    "daily_position": ["first", "last"],
    "daily_reset_clock": ["utc_time_of_day", "every_24h_from_opening"],
    "paid_daily_guard": ["out_of_tokens", "bank_and_topup_empty", "always"],
    "paid_daily_leftover": ["expires", "kept"],
    "upgrade_grant": ["difference", "full", "next_renewal"],
    "downgrade_bank": ["truncate", "keep"],
    "lapse_bank": ["destroyed", "frozen"],
    "month_end": ["return_to_day", "stay_clamped"],
    "missed_renewals": ["each", "once"],
    "refund": ["to_source", "none"],
    "stranded_remainder": ["refuse", "relax", "drain"],
    "past_due_spending": ["frozen", "allowed", "as_active"],
    "renewal_time": ["same_instant", "start_of_day"],
    "downgrade_timing": ["at_renewal", "at_once"],
    "api_renewal": ["adds", "refills"],
    "api_refund": ["none", "to_source"],
    "repeated_id": ["first_answer", "present_state", "refused"],
    "refused_id": ["kept", "free"],
}


def test_the_version_is_that_of_the_distribution_and_names_the_declaration() -> None:
    done = tokenspec("--version")
    told = tokenspec("policies", "--format", "json").report
    assert told["version"] == version("tokenspec")
    assert (done.code, done.out, done.err) == (0, f"tokenspec {told['version']}, declaration {told['digest']}\n", "")


def test_help_lists_every_verb_and_exit_code() -> None:
    done = tokenspec("--help")
    assert (done.code, done.err) == (0, "")
    assert [word for word in (*VERBS, "12", "13", "15", "16", "20", "64", "65", "66", "70") if word not in done.out] == []


@pytest.mark.parametrize("verb", PARTS)
def test_every_verb_has_help_with_two_examples(verb: str) -> None:
    done = within(*verb.split(), "--help")
    assert (done.code, done.err) == (0, "")
    assert f"Usage: tokenspec {verb}" in done.out
    examples = [line for line in done.out.partition("Options:")[0].splitlines()[1:] if f"tokenspec {verb} " in f"{line} "]
    assert len(examples) >= 2


def test_the_examples_name_options_that_exist() -> None:
    for verb in PARTS:
        text, _, options = within(*verb.split(), "--help").out.partition("Options:")
        if not verb.startswith(("docs", "vectors")) or " " in verb:
            used = {
                option
                for call in re.findall(rf"tokenspec {verb} [^|&\n]*", text)
                for option in re.findall(r" (--?[a-z][a-z-]*)", call)
            }
            assert [option for option in sorted(used) if option not in options] == [], verb


def test_the_group_names_its_examples_too() -> None:
    assert re.findall(r"^  tokenspec (\w+)", tokenspec("--help").out, re.MULTILINE)[:2] == ["check", "replay"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("--nonsense",),
        ("replay",),
        ("replay", "-", "--format", "xml"),
        ("policies", "extra"),
        ("fuzz", "--examples", "0"),
        ("check", "--scope", "huge"),
        ("check", "--report", "pdf=x"),
        ("replay", "x", "--report", "junit"),
        ("vectors",),
        ("vectors", "run"),
        ("vectors", "add"),
        ("docs", "sync"),
        ("export", "cobol"),
        ("serve", "--worlds", "0"),
        ("infer",),
        ("explain", "x"),
        ("mutants", "--workers", "0"),
        ("verify-artefacts",),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_64_and_explains_itself_on_standard_error(arguments: tuple[str, ...]) -> None:
    done = within(*arguments)
    assert (done.code, done.out) == (64, "")
    assert "Usage:" in done.err


@pytest.mark.parametrize("group", [(), ("vectors",), ("docs",)], ids=" ".join)
def test_a_group_without_a_verb_shows_its_help(group: tuple[str, ...]) -> None:
    assert within(*group).err == within(*group, "--help").out


@pytest.fixture(scope="module")
def policies() -> Any:
    done = tokenspec("policies", "--format", "json")
    assert (done.code, done.err) == (0, "")
    return done.report


def test_all_policies_are_listed_as_json_with_the_default_first(policies: Any) -> None:
    listed = {p["policy"]: [a["answer"] for a in p["answers"]] for p in policies["policies"]}
    assert listed == ANSWERS
    assert {p["policy"]: p["default"] for p in policies["policies"]} == {name: a[0] for name, a in ANSWERS.items()}


def test_every_policy_says_why_it_is_open_and_where(policies: Any) -> None:
    assert [p["policy"] for p in policies["policies"] if not p["why"] or not p["clauses"]] == []


def test_the_list_of_policies_names_declaration_and_version(policies: Any) -> None:
    assert (policies.get("version"), len(policies.get("digest", ""))) == (version("tokenspec"), 64)


def test_all_policies_are_listed_as_text_with_the_default_first() -> None:
    done = tokenspec("policies")
    assert (done.code, done.err) == (0, "")
    marked = [line.split("(default)")[0].split()[-1] for line in done.out.splitlines() if "(default)" in line]
    assert [word for word in done.out.split() if word in ANSWERS] == list(ANSWERS)
    assert marked == [row[0] for row in ANSWERS.values()]

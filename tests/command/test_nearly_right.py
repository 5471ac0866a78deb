"""A name that is nearly right is told the one that was meant, wherever names are from a list that can be known."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from command.conftest import opened, within, write_log
from tokenspec.oracle.base.nearest import nearest
from tokenspec.oracle.command.main import VERBS
from tokenspec.oracle.command.main import tokenspec as verbs

ASKED: dict[tuple[str, ...], str] = {
    ("repaly", "log.jsonl"): "replay",
    ("vectors", "rnu"): "run",
    ("check", "--scope", "tinny"): "tiny",
    ("check", "--policyy", "x"): "--policy",
    ("policies", "--format", "jason"): "json",
    ("replay", "log.jsonl", "--resets", "implyed"): "implied",
    ("replay", "log.jsonl", "--report", "jnuit=x"): "junit",
    ("replay", "log.jsonl", "--policy", "burn_ordr=x"): "burn_order",
    ("replay", "log.jsonl", "--policy", "refund=to_sorce"): "to_source",
    ("replay", "log.jsonl", "--policy", "infre"): "infer",
    ("replay", "log.jsonl", "--catalogue", "keys.toml"): "ranking",
    ("replay", "log.jsonl", "--catalogue", "media.toml"): "image",
    ("replay", "log.jsonl", "--catalogue", "plans.toml"): "studio",
    ("explain", "log.jsonl", "--account", "Adda"): "ada",
    ("explain", "log.jsonl", "--account", "ada", "--shown", '{"fats": 1}'): "fast",
    ("explain", "log.jsonl", "--account", "ada", "--time-zone", "Europe/Berln"): "Europe/Berlin",
    ("diagram", "lifecylce"): "lifecycle",
    ("diagram", "sequence", "--log", "log.jsonl", "--account", "aad"): "ada",
    ("docs", "sync", "block.md"): "plans",
    ("docs", "sync", "option.md"): "catalogue",
    ("docs", "sync", "of.md"): "refund",
    ("export", "promla"): "promela",
    ("export", "tla", "--machine", "acount"): "account",
    ("mutants", "--only", "bondary"): "boundary",
    ("fuzz", "--profile", "nightlly"): "nightly",
    ("fuzz", "--sut", "true", "--reasons", "words.toml"): "tokens_must_cover_cost",
    ("serve", "--stdio", "--resets", "explicti"): "explicit",
}
FILES = {
    "keys.toml": 'rankng = ["free"]\n',
    "media.toml": 'ranking = ["free", "studio"]\ndaily = 1\nbank_months = 1\npacks = {}\n[plans.free]\nallowance = 0\n'
    '[plans.studio]\nallowance = 5\nrelaxed = ["imgae"]\n',
    "plans.toml": 'ranking = ["free", "studio"]\ndaily = 1\nbank_months = 1\npacks = {}\n[plans.free]\nallowance = 0\n'
    "[plans.studio]\nallowance = 5\n[plans.stduio]\nallowance = 5\n",
    "block.md": "<!-- tokenspec: plasn -->\n<!-- end -->\n",
    "option.md": "<!-- tokenspec: plans catalouge=x.toml -->\n<!-- end -->\n",
    "of.md": "<!-- tokenspec: answers of=refnud -->\n<!-- end -->\n",
    "words.toml": 'EMPTY = "token_must_cover_cost"\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_log(tmp_path / "log.jsonl", [opened(observed={"status": "free"})])
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_the_name_that_was_meant_is_told(words: tuple[str, ...], folder: Path) -> None:
    done = within(*words, cwd=folder)
    assert (done.code in (64, 65), done.out) == (True, "")
    said = " ".join(done.err.split()).replace("'", "")
    assert f"did you mean {ASKED[words]}?" in said.replace("Did you", "did you")


@pytest.mark.parametrize(("name", "meant"), [("ledgr", "ledger"), ("Lgao", "lago"), ("stripe2", "stripe"), ("mine.toml", None)])
def test_the_ready_made_map_that_was_meant_is_told(name: str, meant: str | None, folder: Path) -> None:
    done = within("replay", "log.jsonl", "--map", name, cwd=folder)
    assert (done.code, done.out, f"{name}: there is no such map" in done.err) == (66, "", True)
    assert done.err.rstrip().endswith(f"(did you mean {meant}?)" if meant else "stripe")


def test_every_option_that_is_a_choice_tells_it() -> None:
    """Whatever verb comes along: a choice with one letter too many is told the choice."""
    tried, context = 0, click.Context(verbs)
    for name in VERBS:
        command = verbs.get_command(context, name)
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        for parameter in (parameter for each in inner if each is not None for parameter in each.params):
            if isinstance(parameter.type, click.Choice):
                for choice in parameter.type.choices:
                    with pytest.raises(click.BadParameter, match=rf"did you mean {choice}\?"):
                        parameter.type.convert(f"{choice}{choice[-1]}", parameter, None)
                    tried += 1
    assert tried > 60


LINES = {
    '"event":"opne_account"': "event: there is no such event (did you mean open_account?)",
    '"evnt":"open_account"': "event: it is required, and evnt stands there: is event meant?",
    '"event":"generate","jobb":"j","cost":1,"media":"image","origin":"first_party"': "jobb stands there: is job meant?",
    '"event":"generate","job":"j","cost":1,"media":"imgae","origin":"first_party"': "one of image, video (did you mean image?)",
    '"event":"view","session":"s","shown":{"fats":1}': "did you mean fast?",
    '"event":"login","session":"s","observed":{"status":"fre"}': "did you mean free?",
    '"event":"login","session":"s","observed":{"outcme":"accepted"}': "did you mean outcome?",
}


@pytest.mark.parametrize("fields", LINES)
def test_a_record_that_is_nearly_right_is_told_what_was_meant(fields: str, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(f'{{"account":"a","at":"2026-07-15T09:00:00Z",{fields}}}\n')
    done = within("replay", log)
    assert (done.code, LINES[fields] in done.out) == (65, True)


@pytest.mark.parametrize("name", ["", "colour", "x", "\N{SNOWMAN}", "123"])
def test_what_resembles_nothing_is_told_nothing(name: str) -> None:
    assert nearest(name, ["daily", "fast", "rollover", "topup", "api", ""]) is None


def test_a_second_name_is_not_looked_for_in_what_a_record_may_hold(tmp_path: Path) -> None:
    """A field of another event is one that is known; it is not called a slip of the pen of this one's."""
    log = write_log(tmp_path / "log.jsonl", [{"account": "a", "at": 10**12, "event": "subscribe", "pack": "small"}])
    said = json.loads(within("replay", log, "--format", "json").out)["bad_records"][0]
    assert (said["field"], said["rule"]) == ("plan", "it is required for subscribe")

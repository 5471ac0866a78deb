"""Options in the environment: each has a variable of its name, and a variable that is no option's is not passed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from command.conftest import opened, tokenspec, within, write_log
from tokenspec.oracle.command.main import VERBS
from tokenspec.oracle.command.main import tokenspec as verbs


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command, by the beginning of the names of its variables."""
    context = click.Context(verbs)
    for name in VERBS:
        command = verbs.get_command(context, name)
        assert command is not None
        prefix = f"TOKENSPEC_{name.upper().replace('-', '_')}"
        if isinstance(command, click.Group):
            yield from ((f"{prefix}_{word.upper()}", each) for word, each in command.commands.items())
        else:
            yield prefix, command


def test_every_option_has_the_variable_of_its_name() -> None:
    found = [
        (f"{prefix}_{word[2:].upper().replace('-', '_')}", parameter.envvar)
        for prefix, command in commands()
        for parameter in command.params
        for word in [parameter.opts[0] if parameter.opts[0].startswith("--") else parameter.opts[-1]]
        if isinstance(parameter, click.Option) and word != "--spec"
    ]
    assert len(found) > 60
    assert [pair for pair in found if pair[0] != pair[1]] == []


def test_forms_and_outputs_are_set_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write_log(tmp_path / "log.jsonl", [opened(observed={"status": "free"})])
    monkeypatch.setenv("TOKENSPEC_REPLAY_FORMAT", "json")
    monkeypatch.setenv("TOKENSPEC_REPLAY_OUTPUT", "out")
    monkeypatch.setenv("TOKENSPEC_REPLAY_REPORT", "md=page.md junit=report.xml")
    done = within("replay", log, cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "out").read_text().startswith("{")
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "out", "page.md", "report.xml"}


def test_several_files_are_separated_by_white_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENSPEC_FUZZ_SAVE", "a.jsonl b.json")
    monkeypatch.setenv("TOKENSPEC_FUZZ_EXAMPLES", "1")
    done = within("fuzz", cwd=tmp_path)
    assert (done.code, "b.json" in done.err, "a.jsonl b.json" in done.err) == (64, True, False)


@pytest.mark.parametrize(
    ("name", "verb", "meant"),
    [
        ("TOKENSPEC_FUZZ_SUTT", ("fuzz",), "TOKENSPEC_FUZZ_SUT"),
        ("TOKENSPEC_REPLAY_FORM", ("replay", "log.jsonl"), "TOKENSPEC_REPLAY_FORMAT"),
        ("TOKENSPEC_VECTORS_RUN_POLICIES", ("vectors", "run"), "TOKENSPEC_VECTORS_RUN_POLICY"),
        ("TOKENSPEC_RPLAY_POLICY", ("replay", "log.jsonl"), "TOKENSPEC_REPLAY_POLICY"),
        ("TOKENSPEC_FUZ_REQUIRE_COVERAGE", ("fuzz",), "TOKENSPEC_FUZZ_REQUIRE_COVERAGE"),
        ("TOKENSPEC_DIGETS", ("replay", "log.jsonl"), "TOKENSPEC_DIGEST"),
        ("TOKENSPEC_SPECS", ("replay", "log.jsonl"), "TOKENSPEC_SPEC"),
    ],
)
def test_a_variable_of_no_option_is_wrong_usage(
    name: str, verb: tuple[str, ...], meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    done = within(*verb)
    assert (done.code, done.out, done.err) == (
        64,
        "",
        f"tokenspec: {name}: no option has this variable (did you mean {meant}?)\n",
    )


def test_a_variable_of_ones_own_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write_log(tmp_path / "log.jsonl", [opened(observed={"status": "free"})])
    for name in ("TOKENSPEC_LOGS", "TOKENSPEC_REPORTS", "TOKENSPEC_PACKAGE", "TOKENSPEC_FUZZ_POLICY", "TOKENSPEC_POLICY"):
        monkeypatch.setenv(name, "x")
    assert within("replay", log).code == 0


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("FUZZ_REQUIRE_COVERAGE", ("fuzz",)),
        ("REPLAY_FAIL_ABOVE", ("replay", "log.jsonl")),
        ("DOCS_SYNC_CHECK", ("docs", "sync", "page.md")),
        ("VECTORS_BUILD_CHECK", ("vectors", "build", "--out", "suite")),
    ],
)
def test_an_empty_gate_is_not_an_open_one(name: str, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"TOKENSPEC_{name}", " ")
    done = within(*verb)
    assert (done.code, done.out, f"TOKENSPEC_{name}: it is there and empty" in done.err) == (64, "", True)


def test_an_empty_implementation_is_not_the_declared_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("--examples", "1", "--steps", "5")
    alone = within("fuzz", *few)
    assert (alone.code, "the declared machines alone, no implementation" in alone.out) == (16, True)
    assert within("fuzz", "--sut", "", *few).code == 64
    monkeypatch.setenv("TOKENSPEC_FUZZ_SUT", "")
    done = within("fuzz", *few)
    assert (done.code, done.out, "TOKENSPEC_FUZZ_SUT: it is there and empty" in done.err) == (64, "", True)


NAMED = {"FILE", "DIR", "STEM", "FORM=FILE", "SUT", "FILE.toml"}


def test_no_option_that_names_files_or_an_implementation_may_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the command line and in the environment: an empty name mostly is a variable that was never filled."""
    tried = 0
    for prefix, command in commands():
        for parameter in command.params:
            if not isinstance(parameter, click.Option) or parameter.metavar not in NAMED:
                continue
            verb = [word.lower().replace("_", "-") for word in prefix.removeprefix("TOKENSPEC_").split("_", 1)]
            words = [prefix.removeprefix("TOKENSPEC_").lower().replace("_", "-")] if "-".join(verb) in VERBS else verb
            monkeypatch.setenv(str(parameter.envvar), "")
            done = within(*words, cwd=tmp_path)
            assert (done.code, done.err) == (
                64,
                f"tokenspec: {parameter.envvar}: it is there and empty; give it a value, or unset it\n",
            )
            monkeypatch.delenv(str(parameter.envvar))
            said = within(*words, *(["x"] * sum(isinstance(p, click.Argument) for p in command.params)), parameter.opts[0], "",
                          cwd=tmp_path)  # fmt: skip
            assert (said.code, said.out) == (64, ""), (words, parameter.opts)
            tried += 1
    assert tried > 35
    assert list(tmp_path.iterdir()) == []


def test_a_report_without_a_file_is_told_the_remedy(tmp_path: Path) -> None:
    done = within("replay", "x", "--report", "md=", cwd=tmp_path)
    assert (done.code, "this name is empty; name one, or leave it out" in done.err) == (64, True)


def test_a_declaration_can_be_demanded() -> None:
    digest = tokenspec("--version").out.split()[-1]
    for asked, code in ((digest, 0), (digest[:12], 0), (digest[:11], 64), ("0" * 64, 64), (f"{digest}0", 64)):
        assert within("--digest", asked, "policies").code == code, asked
    assert tokenspec("policies", settings={"TOKENSPEC_DIGEST": ""}).code == 0
    done = tokenspec("policies", settings={"TOKENSPEC_DIGEST": "0" * 12})
    assert (done.code, done.out, digest in done.err) == (64, "", True)

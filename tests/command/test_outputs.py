"""Where results are written: never over what is read, never two to one file, and never nowhere in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command.conftest import COMMAND, divergent, finished, opened, record, within, write_log
from vectors.suites import OPENED, write_suite

CATALOGUE = 'ranking = ["free"]\ndaily = 40\nbank_months = 0\n[plans.free]\nallowance = 0\n[packs]\nbox = 5\n'
SAME = {
    "answers": ("--answers", "log.jsonl"),
    "state": ("--save-state", "link.jsonl"),
    "hard_link": ("--answers", "hard.jsonl"),
    "two_outputs": ("--answers", "new", "--save-state", "./new"),
    "two_on_standard_output": ("--answers", "-"),
    "state_on_standard_output": ("--save-state", "-"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    log = write_log(tmp_path / "log.jsonl", [opened(observed={"outcome": "accepted"})])
    (tmp_path / "link.jsonl").symlink_to(log)
    (tmp_path / "hard.jsonl").hardlink_to(log)
    (tmp_path / "own.toml").write_text(CATALOGUE)
    return tmp_path


@pytest.mark.parametrize("options", list(SAME.values()), ids=list(SAME))
def test_an_output_that_cannot_be_is_refused_before_anything_is_written(options: tuple[str, ...], folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = within("replay", "log.jsonl", *options, cwd=folder)
    assert (done.code, done.out) == (64, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


WALLET = "from tokenspec.oracle.testing import Server as Wallet\n"
PROGRAMS = {
    "its_program": ("fuzz", "--sut", "python wallet.py"),
    "quoted": ("vectors", "run", "--sut", "python 'wallet.py'"),
    "its_module": ("fuzz", "--sut", "python:wallet:Wallet"),
    "its_module_for_vectors": ("vectors", "run", "--sut", "python:wallet:Wallet"),
}


@pytest.mark.parametrize("output", [("-o",), ("--report", "md=")], ids=["result", "report"])
@pytest.mark.parametrize("words", list(PROGRAMS.values()), ids=list(PROGRAMS))
def test_an_output_never_takes_the_place_of_the_implementation(
    words: tuple[str, ...], output: tuple[str, ...], folder: Path
) -> None:
    (folder / "wallet.py").write_text(WALLET)
    option, *form = output
    done = within(*words, option, f"{''.join(form)}wallet.py", cwd=folder)
    assert (done.code, done.out) == (64, "")
    assert (folder / "wallet.py").read_text() == WALLET


@pytest.mark.parametrize("option", ["-o", "--save"])
def test_a_counterexample_is_not_saved_over_the_implementation(option: str, folder: Path) -> None:
    (folder / "wallet.py").write_text(WALLET)
    assert within("fuzz", "--sut", "python wallet.py", option, "wallet.py", cwd=folder).code == 64
    assert (folder / "wallet.py").read_text() == WALLET


@pytest.mark.parametrize("name", ["index.json", "vectors/*.json"])
@pytest.mark.parametrize("verb", [("vectors", "run", "S", "--sut", "true"), ("verify-artefacts", "S")], ids=["run", "verify"])
def test_an_output_never_takes_the_place_of_a_file_of_the_suite(verb: tuple[str, ...], name: str, tmp_path: Path) -> None:
    kept = write_suite(tmp_path / "S", {"opens": [OPENED]})
    (file,) = kept.glob(name)
    before = file.read_bytes()
    done = within(*verb, "-o", file, cwd=tmp_path)
    assert (done.code, done.out) == (64, "")
    assert file.read_bytes() == before


def test_standard_input_that_is_the_output_is_refused(folder: Path) -> None:
    done = finished(("sh", "-c", 'exec "$@" < log.jsonl', "sh", *COMMAND, "replay", "-", "-o", "log.jsonl"), cwd=folder)
    assert done.code == 64


def test_standard_input_is_read_once() -> None:
    assert within("replay", "-", "-").code == 64


def test_nothing_can_be_written_any_number_of_times(folder: Path) -> None:
    options = ("--answers", os.devnull, "--save-state", os.devnull, "-o", os.devnull)
    assert within("replay", "log.jsonl", *options, cwd=folder).code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("option", ["-o", "--answers", "--save-state"])
def test_a_full_disk_is_told(option: str, folder: Path) -> None:
    done = within("replay", "log.jsonl", option, "/dev/full", cwd=folder)
    assert done.code == 64
    assert "/dev/full" in done.err


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@FULL
@pytest.mark.parametrize("form", ["text", "json", "jsonl", "junit", "sarif", "md"])
@pytest.mark.parametrize("options", [("--report", "{}=/dev/full"), ("--answers", "/dev/full"), ("--save-state", "/dev/full")])
def test_one_output_that_fails_takes_no_other_along(options: tuple[str, str], form: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [divergent()])
    option, value = options
    also = ("--report", f"{form}=also", "--report", "md=page.md")
    done = within("replay", "log.jsonl", option, value.format(form), *also, cwd=tmp_path)
    assert done.code == 64
    assert done.out.splitlines()[-1] == "diverges"
    assert "/dev/full cannot be written: no space left on device" in done.err
    assert "diverges" in (tmp_path / "page.md").read_text()
    assert (tmp_path / "also").read_text()


@FULL
def test_answers_that_fail_on_the_way_leave_the_old_file(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [*(opened(f"account {number}") for number in range(2_000)), divergent()])
    (tmp_path / "answers").write_text("old")
    script = 'ulimit -f 8; trap "" XFSZ; exec "$@"'
    done = finished(("bash", "-c", script, "bash", *COMMAND, "replay", "log.jsonl", "--answers", "answers"), cwd=tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (64, "diverges")
    assert "answers cannot be written: file too large" in done.err
    assert [path.name for path in tmp_path.iterdir() if path.read_bytes() == b"old"] == ["answers"]


@FULL
def test_each_output_that_fails_is_named(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [divergent()])
    done = within("replay", "log.jsonl", "--report", "md=/dev/full", "--answers", "/dev/full", "-o", "/dev/full", cwd=tmp_path)
    assert (done.code, done.out) == (64, "")
    assert [done.err.count(option) for option in ("--report: ", "--answers: ", "-o: ")] == [1, 1, 1]


@pytest.mark.slow
@FULL
@pytest.mark.parametrize(
    "words",
    [
        ("--help",), ("--version",), ("replay", "--help"), ("policies",), ("policies", "--format", "json"), ("docs", "list"),
        ("diagram", "lifecycle"), ("diagram", "lifecycle", "--format", "png"), ("replay", "log.jsonl"), ("export", "json"),
        ("replay", "log.jsonl", "--answers", "-", "-o", "result"),
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("is_buffered", [True, False], ids=["buffered", "unbuffered"])
def test_a_full_standard_output_is_an_output(words: tuple[str, ...], is_buffered: bool, folder: Path) -> None:
    script = f'{"" if is_buffered else "PYTHONUNBUFFERED=1 "}exec "$@" > /dev/full'
    done = finished(("sh", "-c", script.replace("exec ", "") + "; exit $?", "sh", *COMMAND, *words), cwd=folder)
    assert done.code == 64
    assert done.err.count("standard output cannot be written: no space left on device") == 1


@pytest.mark.parametrize("closed", ["1", "2"])
def test_closed_streams_do_not_change_the_exit_code(closed: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [divergent()])
    words = ("sh", "-c", f'exec "$@" {closed}>&- <&-', "sh", *COMMAND, "replay", "log.jsonl")
    assert finished(words, cwd=tmp_path).code == 15


def test_a_reader_of_the_answers_who_leaves_does_not_change_the_exit_code(tmp_path: Path) -> None:
    records = [opened(f"account {number}") for number in range(2_000)]
    write_log(tmp_path / "log.jsonl", [*records, divergent()])
    script = '"$@" | true; exit ${PIPESTATUS[0]}'
    words = ("bash", "-c", script, "bash", *COMMAND, "replay", "log.jsonl", "--answers", "-", "-o", "report")
    done = finished(words, cwd=tmp_path)
    assert (done.code, done.err) == (15, "")


def test_quiet_prints_the_verdict_alone(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(observed={"status": "free"}), {"account": "ada"}])
    done = within("replay", "log.jsonl", "-q", cwd=tmp_path)
    assert (done.code, done.out) == (65, "conforms, but 1 bad record was skipped\n")


def test_text_is_safe_to_show(tmp_path: Path) -> None:
    name = "\x1b[31mred\nline\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 1_000
    observed = {"status": "active", "plan": "\x1b[2J" + "y" * 100_000, "duplicate": True}
    write_log(tmp_path / "log.jsonl", [opened(name, observed=observed), record(name, "\x1b", "open_account")])
    done = within("replay", "log.jsonl", cwd=tmp_path)
    assert done.code == 15
    assert all(c.isprintable() or c == "\n" for c in done.out)
    assert 'observed "active"' in done.out
    assert "observed true" in done.out
    assert len(done.out) < 4_000


@pytest.mark.parametrize("same", [True, False])
def test_a_policy_is_settled_once(same: bool, folder: Path) -> None:
    answers = ("none", "none" if same else "to_source")
    options = [word for answer in answers for word in ("--policy", f"refund={answer}")]
    assert within("replay", "log.jsonl", *options, cwd=folder).code == (0 if same else 64)


NAMES = {
    "plan_none": (CATALOGUE.replace('"free"', '"free", "(none)"') + '[plans."(none)"]\nallowance = 1\n', "(none)"),
    "pack_not_listed": (CATALOGUE.replace("box", '"(not listed)"'), "(not listed)"),
    "unknown_key": ("colour = 5\n" + CATALOGUE, "colour"),
    "unknown_key_of_a_plan": (CATALOGUE.replace("allowance = 0", "allowance = 0\nalowance = 5"), "plans.free.alowance"),
    "required_key": (CATALOGUE.replace("daily = 40\n", ""), "daily"),
}


@pytest.mark.parametrize(("content", "key"), list(NAMES.values()), ids=list(NAMES))
def test_a_catalogue_with_a_wrong_name_exits_65_and_names_it(content: str, key: str, folder: Path) -> None:
    (folder / "own.toml").write_text(content)
    done = within("replay", "log.jsonl", "--catalogue", "own.toml", cwd=folder)
    assert (done.code, done.out) == (65, "")
    assert key in done.err


def test_a_catalogue_of_one_plan_and_no_pack_is_used(folder: Path) -> None:
    (folder / "own.toml").write_text(CATALOGUE.replace("box = 5", ""))
    assert within("replay", "log.jsonl", "--catalogue", "own.toml", cwd=folder).code == 0

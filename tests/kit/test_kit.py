"""The kit for CI: the action, the GitLab file and the nightly workflow are well formed, and do what they say."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from command.conftest import opened, within, write_log
from kit import valid
from kit.action import ROOT, bash, loaded, run_action
from processes import without_progress
from programs import has
from tokenspec.oracle.base.provenance import declaration
from tokenspec.spec.system import system

pytestmark = pytest.mark.slow

PYTHON = f'"{sys.executable}" "{ROOT}/examples/python-wallet/adapter.py"'
NODE = f'node "{ROOT}/examples/node-wallet/stdio.js"'
LOGS = f"{ROOT}/examples/0*.jsonl"
BUG = {"WALLET_BUGS": "bank_without_ceiling"}
WALLETS = [PYTHON, pytest.param(NODE, marks=pytest.mark.skipif(not has("node"), reason="there is no Node"))]


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("action.yml", "vendor.github-actions"),
        ("ci/gitlab.yml", "vendor.gitlab-ci"),
        ("ci/github-nightly.yml", "vendor.github-workflows"),
    ],
)
def test_the_files_are_what_github_and_gitlab_take(file: str, schema: str) -> None:
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(ROOT / file)]
    words += ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_input_is_used_and_what_is_used_is_an_input() -> None:
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == loaded(ROOT / "action.yml")["inputs"].keys()


def test_what_is_set_in_the_environment_is_an_option() -> None:
    texts = re.sub(r"One that is no option's, such as `\w+`", "", "".join(_texts()))
    names = set(re.findall(r"TOKENSPEC_(?:FUZZ|VECTORS_RUN|REPLAY)_\w+", texts))
    options = {verb: within(*verb.split(), "--help").out for verb in ("fuzz", "vectors run", "replay")}
    missing = [name for name in sorted(names) if not any(_sets(name, verb, text) for verb, text in options.items())]
    assert len(names) > 15
    assert missing == []


def _sets(name: str, verb: str, text: str) -> bool:
    prefix = f"TOKENSPEC_{verb.upper().replace(' ', '_')}_"
    return name.startswith(prefix) and f"--{name.removeprefix(prefix).lower()} " in text


def _texts() -> list[str]:
    return [path.read_text() for path in (ROOT / "action.yml", *sorted((ROOT / "ci").glob("*")))]


@pytest.mark.parametrize("sut", WALLETS, ids=["python", "node"])
def test_a_wallet_that_conforms_passes(sut: str, tmp_path: Path) -> None:
    ran = run_action({"sut": sut, "examples": "4", "slice": "1/2"}, tmp_path)
    assert (ran.code, ran.err) == (0, "")
    reports = tmp_path / "tokenspec-report"
    assert valid.junit((reports / "fuzz.xml").read_text()).attrib["failures"] == "0"
    assert valid.sarif((reports / "fuzz.sarif").read_text())["results"] == []
    assert ran.summary.startswith("## tokenspec fuzz: conforms\n")
    coldest = re.search(r"Coldest of \d+ rules and refusals: (\w+), ", ran.summary)
    assert coldest
    assert coldest[1] in {e.name for machine in system().machines for e in machine.events}


@pytest.mark.parametrize("sut", WALLETS, ids=["python", "node"])
def test_a_wallet_with_a_bug_fails_with_its_story(sut: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, BUG)
    ran = run_action({"sut": sut, "examples": "60"}, tmp_path)
    assert (ran.code, ran.err) == (15, "")
    reports = tmp_path / "tokenspec-report"
    (result,) = valid.sarif((reports / "fuzz.sarif").read_text())["results"]
    place = result["locations"][0]["physicalLocation"]
    log = (tmp_path / place["artifactLocation"]["uri"]).read_text().splitlines()
    assert place["region"]["startLine"] == len(log) == len(result["codeFlows"][0]["threadFlows"][0]["locations"])
    (failed,) = valid.junit((reports / "fuzz.xml").read_text()).iter("failure")
    for told in (ran.summary, failed.text or "", result["message"]["text"]):
        assert re.search(r"  1\. \S+Z  open_account\n", told)
        assert "balances.rollover" in told
    assert re.search(r"```sh\ntokenspec fuzz --sut .*--examples 60 .*\n```", ran.summary)
    assert {"found.jsonl", "found.json", "test_found.py", "fuzz.json", "fuzz.md"} <= {path.name for path in reports.iterdir()}


PAIRS = "pairs of rules, one directly after the other"
OVERLAPPED = "pairs of rules and refusals that overlapped"


def _covered(summary: str) -> dict[str, str]:
    """The rows of the table of coverage in a job's summary."""
    table = summary.split("| coverage | met |\n| --- | --- |\n")[1].split("\n\n")[0]
    return dict(line.strip("| ").split(" | ") for line in table.splitlines())


SUBSCRIBING = """
from tokenspec.oracle.serve.server import Server

class Wallet(Server):
    def handle(self, request):
        answer = super().handle(request)
        return answer | {"events": ["open_account", "subscribe", "cancel", "resume"]} if "events" in answer else answer
"""


def test_the_summary_shows_the_coverage_of_rules_and_of_pairs(tmp_path: Path) -> None:
    (tmp_path / "subscribing.py").write_text(SUBSCRIBING)
    ran = run_action({"sut": "python:subscribing:Wallet", "examples": "100"}, tmp_path)
    assert (ran.code, without_progress(ran.err)) == (0, "")
    covered = _covered(ran.summary)
    assert covered.keys() == {"rules and refusals", PAIRS}
    report = json.loads((tmp_path / "tokenspec-report/fuzz.json").read_text())
    assert covered[PAIRS] == f"{report['pairs']['met']} of {report['pairs']['reached']}"
    assert report["pairs"]["reached"] > 10


def test_races_are_run_and_told(tmp_path: Path) -> None:
    script = shlex.join([sys.executable, f"{ROOT}/tests/races/small_wallet.py", f"{tmp_path}/wallet.json"])
    ran = run_action({"sut": script, "clients": "2", "restart": script, "examples": "6"}, tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.summary.startswith("## tokenspec fuzz: conforms\n")
    assert re.search(r"\d+ pairs? of requests about one account overlapped", ran.summary)
    assert re.search(r"\d+ kills? after something had been accepted", ran.summary)
    assert re.search(r"Coldest of \d+ rules and refusals: ", ran.summary)
    covered = _covered(ran.summary)
    assert covered.keys() == {"rules and refusals", OVERLAPPED, "kills after something had been accepted"}
    kinds, times = map(int, re.fullmatch(r"(\d+), (\d+) times", covered[OVERLAPPED]).groups())  # type: ignore[union-attr]
    assert 0 < kinds <= times
    assert int(covered["kills after something had been accepted"]) > 0
    ran = run_action({"sut": f"{script} no_lock", "clients": "2"}, tmp_path)
    assert (ran.code, "┌ generate" in ran.summary) == (15, True)
    assert _covered(ran.summary).keys() == {"rules and refusals", OVERLAPPED}
    reports = tmp_path / "tokenspec-report"
    assert (reports / "found.jsonl").exists()
    assert len(valid.sarif((reports / "fuzz.sarif").read_text())["results"]) == 1
    (failed,) = valid.junit((reports / "fuzz.xml").read_text()).iter("failure")
    assert "in no order is every answer right" in (failed.text or "")


def test_what_a_night_finds_is_tried_first_and_becomes_a_vector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    night = {"sut": PYTHON, "database": "database", "examples": "60"}
    with monkeypatch.context() as context:
        _set(context, BUG)
        assert run_action(night, tmp_path).code == 15
        again = run_action({**night, "examples": "1", "slice": "2/2"}, tmp_path)
        assert (again.code, json.loads((tmp_path / "tokenspec-report/fuzz.json").read_text())["kept"]["tried"]) == (15, 1)
        (tmp_path / "tokenspec-found").mkdir()
        (tmp_path / "tokenspec-report").rename(tmp_path / "tokenspec-found/1")
        collected = bash(_without_pip(_collecting()), tmp_path, {"VECTORS": "own"})
        assert collected.returncode == 0, collected.stderr
        assert run_action({"verb": "vectors", "sut": PYTHON, "vectors": "own"}, tmp_path).code == 15
        report = valid.junit((tmp_path / "tokenspec-report/vectors.xml").read_text())
        assert report.attrib["failures"] == "1"
    mended = run_action({"verb": "vectors", "sut": PYTHON, "vectors": "own"}, tmp_path)
    assert (mended.code, mended.summary.splitlines()[0]) == (
        0,
        "## tokenspec vectors run: conforms: 1 passed, 0 failed, 0 skipped",
    )


def test_a_night_that_finds_nothing_adds_nothing(tmp_path: Path) -> None:
    done = bash(_without_pip(_collecting()), tmp_path, {"VECTORS": "own"})
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [])


def _collecting() -> str:
    steps = loaded(ROOT / "ci/github-nightly.yml")["jobs"]["collect"]["steps"]
    (script,) = [step["run"] for step in steps if "tokenspec vectors add" in step.get("run", "")]
    return str(script)


def _without_pip(script: str) -> str:
    return "\n".join(line for line in script.splitlines() if "pip install" not in line)


def test_logs_are_replayed(tmp_path: Path) -> None:
    ran = run_action({"verb": "replay", "logs": LOGS}, tmp_path)
    assert (ran.code, ran.err) == (0, "")
    cases = list(valid.junit((tmp_path / "tokenspec-report/replay.xml").read_text()).iter("testcase"))
    assert (len(cases), ran.summary.startswith("## tokenspec replay: conforms\n")) == (9, True)


def test_policy_settings_reach_the_command(tmp_path: Path) -> None:
    ran = run_action({"verb": "replay", "logs": LOGS, "policy": "daily_position=last burn_order=rollover_fast_topup"}, tmp_path)
    assert ran.code == 15
    run = valid.sarif((tmp_path / "tokenspec-report/replay.sarif").read_text())
    assert "generates_for_tokens" in {result["ruleId"] for result in run["results"]}
    valid.junit((tmp_path / "tokenspec-report/replay.xml").read_text())


def test_an_unknown_verb_is_refused(tmp_path: Path) -> None:
    ran = run_action({"verb": "dance"}, tmp_path)
    assert (ran.code, ran.err) == (64, "tokenspec: verb: it is fuzz, vectors or replay, found dance\n")


# A command that runs nothing, and writes its settings and words.
TELLING = 'env | grep "^TOKENSPEC_" > told; printf "%s\\n" "$@" >> told'
NEEDED = {"fuzz": {"sut": "wallet"}, "vectors": {"sut": "wallet"}, "replay": {"logs": "a.jsonl"}}
OF_THE_JOB = {"verb", "reports", "name", "upload", "upload-sarif", "python-version", "package"}
"""Inputs that are no business of the command."""


@pytest.mark.parametrize("verb", NEEDED)
def test_every_input_reaches_the_command_or_is_refused(verb: str, tmp_path: Path) -> None:
    taken = set()
    for name in sorted(loaded(ROOT / "action.yml")["inputs"].keys() - OF_THE_JOB):
        ran = run_action({"verb": verb, **NEEDED[verb], name: "the-value"}, tmp_path, TELLING)
        if ran.code == 0:
            assert re.search(rf"^(TOKENSPEC_\w*{name.upper()}=|)the-value$", (tmp_path / "told").read_text(), re.MULTILINE), name
            taken.add(name)
        else:
            assert (ran.code, ran.err) == (64, f"tokenspec: {name}: {verb} does not take it\n")
    assert {"policy", "digest", *NEEDED[verb]} < taken


@pytest.mark.parametrize("verb", NEEDED)
@pytest.mark.parametrize("empty", ["", " \n"], ids=["empty", "blank"])
def test_what_a_verb_needs_cannot_be_left_out(verb: str, empty: str, tmp_path: Path) -> None:
    (needed,) = NEEDED[verb]
    ran = run_action({"verb": verb, needed: empty}, tmp_path)
    assert (ran.code, ran.err) == (64, f"tokenspec: {needed}: {verb} needs it, and it is empty\n")


@pytest.mark.parametrize("name", ["upload", "upload-sarif"])
def test_a_switch_is_true_or_false(name: str, tmp_path: Path) -> None:
    ran = run_action({"verb": "replay", "logs": LOGS, name: "yes"}, tmp_path)
    assert (ran.code, "each is true or false, found yes" in ran.err) == (64, True)


@pytest.mark.parametrize("digest", ["8a", "0" * 64])
def test_another_declaration_than_the_one_asked_for_runs_nothing(digest: str, tmp_path: Path) -> None:
    ran = run_action({"verb": "replay", "logs": LOGS, "digest": digest}, tmp_path)
    assert (ran.code, "--digest" in ran.err, ran.summary) == (64, True, "")


def test_the_declaration_that_is_asked_for_runs(tmp_path: Path) -> None:
    assert run_action({"verb": "replay", "logs": LOGS, "digest": declaration()[:12]}, tmp_path).code == 0


def planted(folder: Path) -> None:
    """A folder as a pull request may leave it: names of files that are options, or standard input, to a careless script."""
    write_log(folder / "a.jsonl", [opened(observed={"status": "free"})])
    write_log(folder / "-", [opened(observed={"status": "free"})])
    for name in ("--save-state=x.jsonl", "-oy.jsonl", "--policy=refund=none.jsonl", "--.jsonl", "--help.jsonl"):
        write_log(folder / name, [opened(observed={"status": "free"})])
    (folder / "--answers=..").mkdir()
    write_log(folder / "--answers=.." / "victim.jsonl", [opened(observed={"status": "free"})])


@pytest.mark.parametrize("kit", ["action", "gitlab"])
def test_names_of_files_are_logs_and_no_options(kit: str, tmp_path: Path) -> None:
    (tmp_path / "victim.jsonl").write_text("precious")
    work = tmp_path / "work"
    work.mkdir()
    planted(work)
    patterns = "*.jsonl */*.jsonl -"
    if kit == "action":
        done: Any = run_action({"verb": "replay", "logs": patterns, "reports": "../reports"}, work)
        code = done.code
    else:
        done = gitlab(".tokenspec-replay", {"TOKENSPEC_LOGS": patterns, "TOKENSPEC_REPORTS": "../reports"}, work)
        code = done.returncode
    assert code == 0, done
    cases = valid.junit((tmp_path / "reports/replay.xml").read_text()).iter("testcase")
    assert len(list(cases)) == 8
    assert (tmp_path / "victim.jsonl").read_text() == "precious"
    assert not (work / "x.jsonl").exists()
    assert not (work / "y.jsonl").exists()


@pytest.mark.parametrize(
    ("job", "settings", "code"),
    [
        (".tokenspec-fuzz", {"TOKENSPEC_FUZZ_SUT": PYTHON, "TOKENSPEC_FUZZ_EXAMPLES": "30", "WALLET_BUGS": "daily_adds_up"}, 15),
        (".tokenspec-replay", {"TOKENSPEC_LOGS": LOGS}, 0),
    ],
)
def test_the_jobs_of_gitlab_write_reports(job: str, settings: Mapping[str, str], code: int, tmp_path: Path) -> None:
    done = gitlab(job, settings, tmp_path)
    assert done.returncode == code, done.stderr
    name = job.removeprefix(".tokenspec-")
    valid.junit((tmp_path / f"tokenspec-report/{name}.xml").read_text())
    valid.sarif((tmp_path / f"tokenspec-report/{name}.sarif").read_text())
    assert (tmp_path / f"tokenspec-report/{name}.md").read_text().startswith(f"## tokenspec {name}: ")


def gitlab(job: str, settings: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A job of the template, but for what pip installs."""
    jobs = loaded(ROOT / "ci/gitlab.yml")
    base = jobs[".tokenspec"]
    script = "\n".join([*base["before_script"], *jobs[job]["script"]])
    return bash(_without_pip(script), folder, {**base["variables"], "TOKENSPEC_PACKAGE": ".", **settings})


@pytest.mark.parametrize(
    ("job", "needed"),
    [
        (".tokenspec-fuzz", "TOKENSPEC_FUZZ_SUT"),
        (".tokenspec-vectors", "TOKENSPEC_VECTORS_RUN_SUT"),
        (".tokenspec-replay", "TOKENSPEC_LOGS"),
        (".tokenspec-fuzz", "TOKENSPEC_PACKAGE"),
    ],
)
def test_the_jobs_of_gitlab_do_not_run_without_what_they_need(job: str, needed: str, tmp_path: Path) -> None:
    for settings in ({needed: ""}, {} if needed != "TOKENSPEC_PACKAGE" else {needed: ""}):
        done = gitlab(job, settings, tmp_path)
        assert (done.returncode, done.stderr) == (64, f"tokenspec: {needed} is empty, and this job needs it\n")


def test_a_declaration_can_be_demanded_in_gitlab(tmp_path: Path) -> None:
    done = gitlab(".tokenspec-replay", {"TOKENSPEC_LOGS": LOGS, "TOKENSPEC_DIGEST": "0" * 12}, tmp_path)
    assert (done.returncode, "--digest" in done.stderr) == (64, True)


def test_nothing_is_installed_that_is_not_published() -> None:
    installed = re.compile(r"pip\d? install ([^\n`;&|]*)")
    pages = [
        path
        for pattern in ("*.md", "docs/**/*.md", "*/*.md", "ci/*", "*.yml", ".ci/run", "examples/*/*.md")
        for path in ROOT.glob(pattern)
    ]
    named = {
        word
        for path in pages
        for words in installed.findall(path.read_text())
        for word in re.sub(r"==\S+", "", words).replace("'", " ").replace('"', " ").split()
        if word[0] != "-"
    }
    assert {"."} < named
    # What examples/real-wallets puts to the test is published by others.
    published = loaded_dependencies() | {"django-ai-tokens-meter"}
    assert [word for word in named if re.match(r"\w", word) and re.split(r"[^\w-]", word)[0] not in published] == []


def loaded_dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return {re.split(r"[^\w-]", word)[0] for words in (project["dependencies"], *extras) for word in words}


def test_placeholders_are_named_as_such() -> None:
    for path in (ROOT / "ci/README.md", ROOT / "ci/github-nightly.yml", ROOT / "diagrams/README.md"):
        text = path.read_text()
        for used, revision in re.findall(r"(?m)^ *(?:- )?(?:uses|repo|repository):\s+(\S+)(?:\s+(?:rev|ref):\s*(\S+))?", text):
            owner, _, ref = used.partition("@")
            if owner.split("/")[0] not in ("actions", "github"):
                assert (owner.endswith("OWNER/tokenspec"), ref or revision) == (True, "REVISION"), (path, used)
        for placeholder in ("OWNER", "REVISION"):
            assert re.search(rf"{placeholder}\b[^\n]*(\n[^\n]*)?\b(by|placeholder)", text), (path, placeholder)


def _set(monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

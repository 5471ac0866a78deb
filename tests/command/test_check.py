"""What `tokenspec check` prints, saves and returns when something is broken, and that it can be ended at any moment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import z3
from click.testing import CliRunner

from command.conftest import COMMAND, tokenspec
from kit import valid
from processes import PATIENCE_S, comes, seconds_of_work, tells_of_processes
from proofs.broken import EVERY_PART, broken, gathered
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.monitor import Tally, Violation
from tokenspec.machine.checkers.prover.induction import UNKNOWN
from tokenspec.oracle.check import evidence as gathering
from tokenspec.oracle.check.evidence import CheckSettings, Evidence
from tokenspec.oracle.command.main import run
from tokenspec.oracle.command.verbs import check
from tokenspec.oracle.fuzz.worlds import Failure, FuzzWorld
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

ROOT = Path(__file__).resolve().parents[2]
FAULT, CLAIM = "packs_reset_at_renewal", "topup_by_purchase_and_spending_alone"
KEYS = {"digest", "version", "seed", "policy", "fixed", "claims", "exploration", "obligations", "counterexamples"}
FORMS = ("text", "json", "junit", "sarif", "md")


@dataclass(frozen=True)
class Checked:
    code: int
    out: str
    err: str


def checked(evidence: Evidence, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> Checked:
    """The command with these arguments, where the engines came to `evidence`."""
    monkeypatch.setattr(check, "gather", lambda settings, tick: replace(evidence, settings=settings))
    runner, codes = CliRunner(), list[int]()
    with runner.isolation() as (out, err, _):
        codes.append(run(lambda: check.command.main(["--scope", "tiny", *arguments], standalone_mode=False)))
        sys.stdout.flush()
        sys.stderr.flush()
        return Checked(codes[0], out.getvalue().decode(), err.getvalue().decode())


def failed(detail: str = "it was lost") -> Failure:
    """A random run of two records, the second of which breaks a claim."""
    records = [
        {"account": "a", "at": "2027-01-01T09:00:00Z", "event": "open_account"},
        {"account": "a", "at": "2027-01-01T09:00:00Z", "event": "quote", "action": "x"},
    ]
    violation = Violation(CLAIM, "changes", "Sentence.", detail)
    return Failure([dict(record) for record in records], FuzzWorld(DEFAULTS, DEFAULT, "implied"), violation)


# A run in which nothing is wrong


@pytest.mark.parametrize("form", FORMS)
def test_a_run_in_which_nothing_is_wrong_holds_in_every_form(form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stem = tmp_path / "broken"
    done = checked(gathered(), "--format", form, "--save", str(stem), monkeypatch=monkeypatch)
    assert (done.code, done.err) == (0, "")
    assert list(tmp_path.iterdir()) == []
    if form == "text":
        # Of a claim that the prover alone goes through nothing is counted, and 0 would say that it holds of nothing.
        witnesses = dict(re.findall(r"^ +\d+ +(\w+) .* ([\d,]+|-) +[\d-]+ *$", done.out, re.MULTILINE))
        assert (len(witnesses), witnesses["run_or_overdue_in_two_days"], "0" in witnesses.values()) == (
            len(claims(DEFAULT.ranking)),
            "-",
            False,
        )
    if form == "junit":
        root = valid.junit(done.out)
        cases = root.findall("testsuite/testcase")
        assert all(len(case) == 0 for case in cases)
        assert root.get("tests") == str(len(cases))
        assert {f"tokenspec.{claim}" for claim, _ in EVERY_PART} <= {case.get("classname") for case in cases}
    if form == "sarif":
        only = valid.sarif(done.out)
        assert only["results"] == []
        assert only["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]
        assert [rule["id"] for rule in only["tool"]["driver"]["rules"]] == [c.id for c in claims(DEFAULT.ranking)]


# A claim that is broken


@pytest.fixture
def evidence() -> Evidence:
    return gathered([broken(FAULT)])


def test_the_text_tells_the_counterexample(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    done = checked(evidence, monkeypatch=monkeypatch)
    assert done.code == 12
    assert done.out.endswith("violated\n")
    told = done.out.partition("\nclaim ")[2]
    assert told.startswith(f"{CLAIM} (changes) does not hold: ")
    assert "    5. renew: rollover 0 -> 1, topup 1 -> 0, renewals_due 1 -> 0\n" in told
    assert "  false: event = buy_topup or event = generate or event = refund, where new.topup != topup, with " in told
    assert "  again: tokenspec check --scope tiny\n" in told


def test_the_data_hold_the_counterexample(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    report = json.loads(checked(evidence, "--format", "json", monkeypatch=monkeypatch).out)
    assert report.keys() >= KEYS
    (found,) = report["counterexamples"]
    assert (found["claim"], found["part"], found["scope"], found["policy"]) == (CLAIM, "changes", "tiny", {})
    assert found["trace"][3] == {
        "event": "buy_topup",
        "fields": {"pack": "pack", "quantity": 1},
        "refused": None,
        "changed": {"topup": [0, 1]},
    }
    assert found["false"][0]["values"]["new.topup"] == 0


def test_junit_fails_the_part_and_nothing_else(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    root = valid.junit(checked(evidence, "--format", "junit", monkeypatch=monkeypatch).out)
    (suite,) = [s for s in root if s.get("failures") != "0"]
    assert (suite.get("name"), suite.get("failures"), root.get("failures")) == (CLAIM, "1", "1")
    (failure,) = root.iter("failure")
    assert failure.get("message", "").startswith(f"claim {CLAIM} (changes) does not hold: ")
    assert "  again: tokenspec check --scope tiny" in (failure.text or "").splitlines()
    (case,) = [c for c in suite if c.find("failure") is not None]
    assert case.get("name") == "changes (explore)"


def test_sarif_points_at_the_claim_where_it_is_declared(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    (result,) = valid.sarif(checked(evidence, "--format", "sarif", monkeypatch=monkeypatch).out)["results"]
    assert (result["ruleId"], result["level"]) == (CLAIM, "error")
    place = result["locations"][0]["physicalLocation"]
    declared = (ROOT / place["artifactLocation"]["uri"]).read_text(encoding="utf-8").splitlines()
    assert CLAIM in declared[place["region"]["startLine"] - 1]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"].partition(":")[0] for step in steps][-2:] == [
        "buy_topup (pack pack, quantity 1)",
        "renew",
    ]


def test_one_run_is_written_in_several_forms(evidence: Evidence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {form: tmp_path / form for form in ("junit", "sarif", "md", "json")}
    reports = [word for form, file in files.items() for word in ("--report", f"{form}={file}")]
    alone = {form: checked(evidence, "--format", form, monkeypatch=monkeypatch) for form in ("text", *files)}
    together = checked(evidence, *reports, monkeypatch=monkeypatch)
    assert together == alone["text"]
    assert {form: file.read_text() for form, file in files.items()} == {form: alone[form].out for form in files}


def test_a_document_holds_the_counterexample(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    done = checked(evidence, "--format", "md", monkeypatch=monkeypatch)
    assert re.search(r"^```text\nclaim topup_by_purchase.*^```$", done.out, re.MULTILINE | re.DOTALL)


def test_every_claim_can_be_found_where_it_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = replace(gathered(), obligations=[], fuzzed=replace(gathered().fuzzed, tally=Tally()))
    only = valid.sarif(checked(nothing, "--format", "sarif", monkeypatch=monkeypatch).out)
    assert {result["ruleId"] for result in only["results"]} == {c.id for c in claims(DEFAULT.ranking)}
    for result in only["results"]:
        place = result["locations"][0]["physicalLocation"]
        lines = (ROOT / place["artifactLocation"]["uri"]).read_text(encoding="utf-8").splitlines()
        assert f'"{result["ruleId"]}"' in lines[place["region"]["startLine"] - 1]


# What is not broken, and not checked either


def test_what_is_left_open_or_was_never_met_is_neither_passed_nor_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    weak = gathered()
    open_one = next(i for i, o in enumerate(weak.obligations) if o.claim == "conservation")
    weak.obligations[open_one] = replace(weak.obligations[open_one], verdict=UNKNOWN)
    weak.fuzzed.tally.witnesses["periods_tile", "periods_tile"] = 0
    weak.fuzzed.tally.checked["repeated_id_changes_nothing", "repeated_id"] = 0
    done = checked(weak, "--format", "junit", monkeypatch=monkeypatch)
    assert done.code == 16
    root = valid.junit(done.out)
    assert {suite.get("name"): suite.get("skipped") for suite in root if suite.get("skipped") != "0"} == {
        "repeated_id_changes_nothing": "1",
        "periods_tile": "1",
    }
    assert [suite.get("name") for suite in root if suite.get("errors") != "0"] == ["conservation"]
    only = valid.sarif(checked(weak, "--format", "sarif", monkeypatch=monkeypatch).out)
    assert [(r["ruleId"], r["level"]) for r in only["results"]] == [
        ("conservation", "warning"),
        ("repeated_id_changes_nothing", "warning"),
        ("periods_tile", "warning"),
    ]


def test_gates_fail_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = replace(gathered(), deadlocks=["session in session stuck"])
    root = valid.junit(checked(stuck, "--format", "junit", monkeypatch=monkeypatch).out)
    assert [case.get("name") for case in root.iter("testcase") if len(case)] == ["no_deadlock"]
    only = valid.sarif(checked(stuck, "--format", "sarif", monkeypatch=monkeypatch).out)
    assert [n["message"]["text"] for n in only["invocations"][0]["toolExecutionNotifications"]] == [
        "deadlock: session in session stuck"
    ]


def test_a_lemma_that_is_not_proved_fails_a_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    weak = gathered()
    weak.obligations[0] = replace(weak.obligations[0], verdict=UNKNOWN)
    done = checked(weak, "--format", "junit", monkeypatch=monkeypatch)
    assert done.code == 21
    assert [case.get("name") for case in valid.junit(done.out).iter("testcase") if len(case)] == ["every_lemma_is_proved"]


# Random runs that failed


def test_a_random_run_that_failed_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    done = checked(gathered(failure=failed()), "--seed", "7", "--policy", "refund=none", monkeypatch=monkeypatch)
    assert done.code == 12
    assert "  again: tokenspec fuzz --examples 120 --seed 7 --policy refund=none\n" in done.out
    assert "never met" not in done.out


def test_control_characters_do_not_break_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    done = checked(gathered(failure=failed("\x00\x1b[31m\x0b<&>]]>")), "--format", "junit", monkeypatch=monkeypatch)
    (failure,) = valid.junit(done.out).iter("failure")
    assert "\\x00\\x1b[31m" in (failure.text or "")
    assert "<&>]]>" in (failure.text or "")


def test_readers_that_disagree_fail_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = replace(failed(), error=RuntimeError("two readers"))
    done = checked(gathered(failure=failure), "--format", "junit", monkeypatch=monkeypatch)
    assert done.code == 70
    assert [case.get("name") for case in valid.junit(done.out).iter("testcase") if len(case)] == ["RuntimeError"]


# Files


def test_a_counterexample_is_saved_as_a_trace_and_as_a_log(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stem = tmp_path / "broken"
    done = checked(evidence, "--save", str(stem), monkeypatch=monkeypatch)
    assert done.err.count("saved ") == 2
    trace = json.loads((tmp_path / "broken.itf.json").read_bytes())
    assert len(trace["states"]) == 6
    # The declaration that is installed has not got the fault, so the log diverges where it showed: at its last record.
    arguments = ["replay", f"{stem}.jsonl", "--catalogue", f"{stem}.toml"]
    assert f"tokenspec {' '.join(arguments)}" in done.err
    replayed = tokenspec(*arguments, "--format", "json")
    (divergence,) = replayed.report["divergences"]
    assert (replayed.code, divergence["line"], divergence["field"]) == (15, replayed.report["records"], "balances.topup")
    assert replayed.report["bad_records"] == []


def test_where_the_searches_found_nothing_the_random_run_is_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stem = tmp_path / "broken"
    done = checked(gathered(failure=failed()), "--save", str(stem), monkeypatch=monkeypatch)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.jsonl"]
    assert f"tokenspec replay {stem}.jsonl --resets implied" in done.err
    assert tokenspec("replay", f"{stem}.jsonl", "--resets", "implied").code == 0


@pytest.mark.parametrize("stem", ["-", "no/such/folder/stem"])
def test_a_stem_that_cannot_be_is_refused_before_anything_is_searched(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Any:
        raise AssertionError("the engines were started")

    monkeypatch.setattr(check, "gather", never)
    assert run(lambda: check.command.main(["--save", stem], standalone_mode=False)) == 64


def test_the_result_is_not_written_over_what_is_saved(tmp_path: Path) -> None:
    done = tokenspec("check", "--save", "x", "-o", "x.jsonl", cwd=tmp_path)
    assert (done.code, list(tmp_path.iterdir())) == (64, [])


# The same bytes every time

SCRIPT = """
import json
from proofs.broken import broken, gathered
from tokenspec.oracle.report.check import breaches
from tokenspec.oracle.report.check import check_report
from tokenspec.oracle.report.forms import RENDERERS
from tokenspec.oracle.check.verdicts import verdicts
from tokenspec.oracle.check.counterexample import itf
from tokenspec.oracle.check.concretize import realised
evidence = gathered([broken("packs_reset_at_renewal"), broken("free_day_never_comes"), broken("latest_renewal_only")])
found, told = verdicts(evidence), breaches(evidence, None)
for each in told:
    print(*each.lines, json.dumps(itf(each.example)), json.dumps(realised(each.example).records), sep="\\n")
for render in RENDERERS.values():
    print(render(check_report(found, evidence, told)))
"""


@pytest.mark.slow
def test_every_form_is_the_same_in_every_run() -> None:
    def printed(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "tests")}
        return subprocess.run(
            (sys.executable, "-c", SCRIPT), env=environment, capture_output=True, check=True, timeout=PATIENCE_S
        ).stdout

    with ThreadPoolExecutor() as pool:
        first, second = (
            re.sub(rb"[0-9.]+ s\b|[0-9,]+ states/s|\"(states_per_)?second.*?,", b"", out) for out in pool.map(printed, "12")
        )
    assert first == second
    assert first.count(b"does not hold") > 3


# Ctrl-C

ENDED_BY_IT = (130, -signal.SIGINT)
"""A shell says 130 of both; Python ends by the signal itself where it came while some module was being imported."""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    work: float
    """Seconds of the processors' time that it took to end."""


def interrupted_after(work: float) -> Ended:
    """What becomes of a check that is interrupted when it has had so many seconds of the processors."""
    process = subprocess.Popen((*COMMAND, "check", "--scope", "tiny"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert comes(lambda: seconds_of_work(process.pid) >= work)
    assert process.stdout is not None
    assert process.stderr is not None
    process.send_signal(signal.SIGINT)
    done = seconds_of_work(process.pid)
    impatient = threading.Timer(PATIENCE_S, process.kill)
    impatient.start()
    with process.stdout, process.stderr:
        out, err = process.stdout.read().decode(), process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    impatient.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(process.returncode, out, err, used.ru_utime + used.ru_stime - done)


@pytest.mark.slow
@tells_of_processes
def test_an_interruption_ends_a_check_within_a_second_or_two_at_any_moment() -> None:
    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(interrupted_after, (0.3, 3, 6)))
    assert all(each.code in ENDED_BY_IT for each in ended), ended
    assert all("Traceback" not in each.out + each.err for each in ended)
    assert max(each.work for each in ended) < 2
    assert [each.out.endswith("interrupted: these are the findings up to then\n") for each in ended[1:]] == [True] * 2
    assert re.search(r"^prover +[1-9]\d* of ", ended[-1].out, re.MULTILINE)
    assert re.search(r"^fuzzer +[1-9]", ended[-1].out, re.MULTILINE)


def test_the_solver_leaves_interruptions_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "run", lambda *_, **__: gathered().fuzzed)
    monkeypatch.setattr(gathering, "_exhaust", lambda *_: None)
    z3.set_param("ctrl_c", True)
    gathering.gather(CheckSettings(TINY, 1))
    assert z3.get_param("ctrl_c") == "false"

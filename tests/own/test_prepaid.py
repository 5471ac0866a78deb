"""Every verb with a specification that is not the shipped one, as its users run it: in the folder of `examples/prepaid`.

The two have nothing in common that a verb could lean on: other names of everything, no plan, no session, other calendars, another
memory. The last test runs the same account by `--spec`, from elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prepaid import specification
from prepaid_wallet import BUGS

from differential.walks import some_of
from imported_once import copied
from tokenspec.machine.mutation.operators import mutants

ROOT = Path(__file__).parents[2]
PREPAID = ROOT / "examples" / "prepaid"
WALLET = f'"{sys.executable}" "{PREPAID / "prepaid_wallet.py"}"'
TELLING = "prepaid.specification:PREPAID"


def tokenspec(
    *arguments: str | Path, code: int = 0, given: str = "", cwd: Path = PREPAID, program: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs the command, and asserts that it ends with the exit code."""
    command = [str(program or copied(PREPAID)), *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOKENSPEC")}
    done = subprocess.run(command, cwd=cwd, env=clean | environment, input=given, capture_output=True, text=True, timeout=900)
    assert done.returncode == code, f"exits {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def read(*arguments: str | Path, code: int = 0) -> Any:
    """Runs the command with a report as JSON, and returns it."""
    return json.loads(tokenspec(*arguments, "--format", "json", code=code).stdout)


def test_the_specification_is_named_on_standard_error() -> None:
    assert TELLING in tokenspec("policies").stderr


def test_policies() -> None:
    found = {row["policy"]: [a["answer"] for a in row["answers"]] for row in read("policies")["policies"]}
    assert found == {
        "burn_order": ["bonus_first", "credit_first"],
        "settled_for_less": ["returned", "kept"],
        "charge_back": ["debt", "refused"],
        "repeated_id": ["first_answer", "present_state", "refused"],
        "refused_id": ["kept", "free"],
    }


@pytest.mark.slow
def test_check() -> None:
    report = read("check", "--scope", "small")
    verdicts = {claim["id"]: claim["verdict"] for claim in report["claims"]}
    assert verdicts.pop("refused_for_a_reason") in ("proved", "holds")
    assert set(verdicts.values()) == {"proved"}, verdicts
    assert report["obligations"]["proved"] == report["obligations"]["total"] > 500
    assert report["exploration"]["states"] > 400


SEEDED = {fault.id: fault.operator for fault in mutants(specification.PREPAID.main())}
ALIKE = {"side.settles.bonus.6", "constant.settles.bonus.5"}
"""Nothing proves them equivalent: where less comes back than nothing, the larger of the two is the bonus as it was."""


@pytest.mark.slow
@pytest.mark.parametrize("operator", some_of(sorted(set(SEEDED.values())), 2))
def test_mutants(operator: str) -> None:
    wanted = {name for name, kind in SEEDED.items() if kind == operator}
    found = {
        mutant["id"]: mutant["verdict"]
        for mutant in read("mutants", "--only", f"{operator}.", code=16 * bool(wanted & ALIKE))["mutants"]
    }
    assert wanted <= found.keys()
    assert {name for name, verdict in found.items() if verdict not in ("killed", "equivalent")} == wanted & ALIKE


@pytest.mark.slow
def test_fuzz() -> None:
    assert "holds" in tokenspec("fuzz", "--examples", "100").stdout


def test_fuzz_of_a_right_wallet() -> None:
    report = read("fuzz", "--sut", WALLET, "--examples", "40")
    assert report["verdict"] == "conforms"
    assert report["policy"]["settled_for_less"] == "returned"


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_fuzz_of_a_wrong_wallet(bug: str, tmp_path: Path) -> None:
    found = tmp_path / "found.jsonl"
    tokenspec("fuzz", "--sut", WALLET, "--save", found, code=15, WALLET_BUGS=bug)
    assert read("replay", found, code=15)["divergences"]


@pytest.mark.slow
def test_vectors(tmp_path: Path) -> None:
    tokenspec("vectors", "build", "--out", tmp_path)
    index = json.loads((tmp_path / "index.json").read_text())
    assert len(index["vectors"]) > 20
    assert "vectors build" in tokenspec("vectors", "run", "--sut", WALLET, code=64).stderr
    report = read("vectors", "run", tmp_path, "--sut", WALLET)
    assert (report["failed"], report["passed"] > 10) == (0, True)


def test_replay_of_a_log_that_is_right() -> None:
    report = read("replay", "logs/right.jsonl")
    assert (report["records"], report["compared"], report["divergences"]) == (23, 22, [])


def test_replay_of_a_log_that_is_not() -> None:
    report = read("replay", "logs/rest-became-credit.jsonl", code=15)
    places = [(d["line"], d["account"], d["field"], d["expected"], d["got"]) for d in report["divergences"]]
    assert places == [(4, "liv", "balances.bonus", 5, 0)]
    told = tokenspec("replay", "logs/rest-became-credit.jsonl", code=15).stdout
    assert "before    open, debt 0: bonus 0, credit 160" in told
    assert "P07" in told


def test_replay_by_time(tmp_path: Path) -> None:
    written = (PREPAID / "logs" / "right.jsonl").read_text().splitlines()
    jobs = ("weekly_bonus", "expire_credit")
    kept = [record for line in written if (record := json.loads(line))["event"] not in jobs]
    for record in kept:
        record.pop("observed")
    log = "".join(f"{json.dumps(record)}\n" for record in kept)
    answers = tmp_path / "answers.jsonl"
    tokenspec("replay", "-", "--resets", "implied", "--answers", answers, given=log)
    answered = zip(kept, map(json.loads, answers.read_text().splitlines()), strict=True)
    assert [answer["balances"]["credit"] for record, answer in answered if record["account"] == "mia"][-1] == 0


def test_infer() -> None:
    found = read("infer", "logs/right.jsonl")["policies"]
    assert (found["burn_order"], found["settled_for_less"], found["charge_back"]) == (["bonus_first"], ["returned"], ["debt"])


def test_explain() -> None:
    report = read("explain", "logs/right.jsonl", "--account", "mia", "--shown", '{"bonus": 0}')
    gained = [(line["event"], line["kind"], line["tokens"]) for line in report["pools"]["credit"]]
    assert gained[0] == ("buy", "bought", 200)
    assert report["causes"]
    mia = [line for line in report["pools"]["credit"] if line["kind"] == "bought"][:1]
    once_true = read("explain", "logs/right.jsonl", "--account", "mia", "--shown", json.dumps({"credit": mia[0]["tokens"]}))
    cause = next(each for each in once_true["causes"] if each["cause"] == "out_of_date")
    assert cause["sentence"].startswith("What is shown was the true balance from ")
    assert "session" not in json.dumps(once_true["causes"])


def test_explore(tmp_path: Path) -> None:
    tokenspec("explore", "logs/right.jsonl", "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "charge_back" in page
    assert "fast tokens" not in page


def test_diagram(tmp_path: Path) -> None:
    assert "lifecycle" in tokenspec("diagram").stdout
    tokenspec("diagram", "lifecycle", "-o", tmp_path / "life.svg")
    assert "in_debt" in (tmp_path / "life.svg").read_text()


@pytest.mark.parametrize("form", ["json", "tla", "promela", "smtlib", "wasm"])
def test_export(form: str, tmp_path: Path) -> None:
    file = tmp_path / f"prepaid.{form}"
    tokenspec("export", form, "-o", file)
    assert b"charge_back" in file.read_bytes()
    tokenspec("verify-artefacts", file)


def test_docs(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    names = ("wallet-events", "wallet-rules", "wallet-refusals", "policies", "claims", "formulas", "definitions", "gallery")
    page.write_text("".join(f"<!-- tokenspec: {name} -->\n<!-- end -->\n\n" for name in names))
    tokenspec("docs", "sync", page)
    assert "debt_must_stay_within_limit" in page.read_text()
    tokenspec("docs", "sync", "--check", page)


def test_serve() -> None:
    asked = [
        {"op": "open", "protocol": 1},
        {"op": "apply", "account": "a", "at": "2026-01-05T09:00:00Z", "event": "open_account"},
        {"op": "apply", "account": "a", "at": "2026-01-05T09:01:00Z", "event": "charge_back", "amount": 7},
        {"op": "close"},
    ]
    done = tokenspec("serve", "--stdio", given="".join(f"{json.dumps(line)}\n" for line in asked))
    opened, _, answer, closed = map(json.loads, done.stdout.splitlines())
    assert {"charge_back", "reserve", "weekly_bonus"} <= set(opened["events"])
    assert (answer["outcome"], answer["status"], answer["debt"]) == ("accepted", "in_debt", 7)
    assert answer["next_bonus_at"] == "2026-01-12T09:00:00Z"
    assert closed == {}


def test_map(tmp_path: Path) -> None:
    table = tmp_path / "ledger.csv"
    rows = ["user,at,kind,delta,balance", "a,2026-01-05T09:00:00Z,buy,100,120", "a,2026-01-05T10:00:00Z,reserve,-30,90"]
    table.write_text("\n".join(rows) + "\n")
    assert "account" in tokenspec("map", table).stdout


def test_a_figure_and_a_policy_of_ones_own(tmp_path: Path) -> None:
    figures = tmp_path / "mine.toml"
    figures.write_text("weekly_bonus = 3\ndebt_limit = 0\n[packs]\nonly = 10\n")
    log = '{"account":"a","at":"2026-01-05T09:00:00Z","event":"open_account","observed":{"balances":{"bonus":3}}}\n'
    tokenspec("replay", "-", "--catalogue", figures, "--policy", "charge_back=refused", given=log)
    figures.write_text("weekly_bonus = -3\ndebt_limit = 0\n[packs]\nonly = 10\n")
    assert "weekly_bonus" in tokenspec("replay", "-", "--catalogue", figures, given=log, code=65).stderr


def test_by_its_name_from_elsewhere(tmp_path: Path) -> None:
    log = PREPAID / "logs" / "right.jsonl"
    named = tokenspec("replay", log, "--spec", TELLING, cwd=tmp_path, PYTHONPATH=str(PREPAID))
    assert named.stdout == tokenspec("replay", log, cwd=tmp_path, PYTHONPATH=str(PREPAID), TOKENSPEC_SPEC=TELLING).stdout
    tokenspec("replay", log, "--spec", TELLING, cwd=tmp_path, code=66)
    tokenspec("replay", log, "--spec", "tokenspec", code=65)

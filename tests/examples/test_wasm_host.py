"""The module from Python and from Node: the same answers as the oracle's, record by record and step by step.

TOKENSPEC_EFFORT multiplies the steps and the fuzzed worlds.
"""

from __future__ import annotations

import json
import random
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from command.conftest import tokenspec
from differential.walks import EFFORT, StepOf, walk
from processes import PATIENCE_S
from programs import path_of
from sut.calling import HERE, call
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.embedded.host import Embedded
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.outcome import Refused, Step, Values
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.vectors.run import FAILED, PASSED
from tokenspec.oracle.vectors.run_suite import run_suite
from tokenspec.oracle.vectors.suite import default_suite
from tokenspec.oracle.wire.settings import catalogue_on_the_wire
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HOST = ROOT / "examples" / "wasm-host" / "stdio.js"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The account and the session, as the command writes them."""
    folder = tmp_path_factory.mktemp("modules")
    for machine in ("account", "session"):
        done = tokenspec("export", "wasm", "--machine", machine, "-q", "-o", folder / f"{machine}.wasm")
        assert (done.code, done.err) == (0, "")
    return [folder / "account.wasm", folder / "session.wasm"]


def records() -> list[dict[str, Any]]:
    """Every record of the example logs, with plans called by their present names."""
    found = []
    for path in sorted((ROOT / "examples").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            record.pop("observed")
            found.append(record | ({"plan": DEFAULT.aliases.get(record["plan"], record["plan"])} if "plan" in record else {}))
    return found


def opening(**changed: str) -> dict[str, Any]:
    return {"op": "open", "protocol": 1, "catalogue": catalogue_on_the_wire(DEFAULT), "policy": {**DEFAULTS, **changed}}


def asked(program: list[str], requests: list[dict[str, Any]]) -> list[Any]:
    """What a program over standard input and output answers."""
    text = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(program, input=text, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"burn_order": "rollover_fast_topup", "month_end": "stay_clamped"},
        {"renewal_time": "start_of_day", "daily_reset_clock": "every_24h_from_opening"},
    ],
    ids=["defaults", "others", "clocks"],
)
def test_python_and_node_answer_every_example_log_as_the_oracle_does(modules: list[Path], changed: dict[str, str]) -> None:
    module = modules[0].read_bytes()
    oracle, embedding = Oracle(changed), Oracle(changed, machine_reader=lambda machine, parameters: Embedded(module, parameters))
    right = [oracle.apply(record).as_dict() for record in records()]
    assert len(right) > 300
    assert [embedding.apply(record).as_dict() for record in records()] == right
    requests = [opening(**changed), *({"op": "apply", **record} for record in records()), {"op": "close"}]
    opened, *answers, closed = asked([path_of("node"), str(HOST), *map(str, modules)], requests)
    assert (opened["resets"], closed, answers) == ("explicit", {}, right)


def test_python_conforms_when_fuzzed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    done = call("fuzz", "--sut", "python:embedded_host:host", "--examples", str(5 * EFFORT), "--format", "json")
    assert (done.code, done.report["verdict"]) == (0, "conforms")
    assert done.report["steps"] > 100


def test_node_conforms_when_fuzzed(modules: list[Path]) -> None:
    sut = shlex.join([path_of("node"), str(HOST), *map(str, modules)])
    done = tokenspec("fuzz", "--sut", sut, "--examples", str(5 * EFFORT), "--format", "json", timeout=PATIENCE_S * EFFORT)
    assert (done.code, done.report["verdict"]) == (0, "conforms")
    assert done.report["steps"] > 100


def test_both_pass_every_vector_whose_jobs_are_written(modules: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python, which is slower by far, every fourth of them, and all with TOKENSPEC_EFFORT=10."""
    monkeypatch.chdir(HERE)
    host = shlex.join([path_of("node"), str(HOST), *map(str, modules)])
    by_node = tokenspec("vectors", "run", "--sut", host, "--format", "json")
    assert (by_node.code, by_node.report["failed"], by_node.report["passed"] > 400) == (0, 0, True)
    suite = default_suite()
    entries = suite.index.vectors[:: 1 if EFFORT >= 10 else 4]
    client = connect("python:embedded_host:host", 20)
    try:
        by_python = run_suite(client, map(suite.case, entries))
    finally:
        client.end()
    assert (by_python.count(FAILED), by_python.count(PASSED) > 100, by_python.not_closed) == (0, True, "")
    of_node = {each["id"]: each["result"] for each in by_node.report["vectors"]}
    assert {each.id: each.result for each in by_python.results} == {entry.id: of_node[entry.id] for entry in entries}


def test_node_without_the_session_module_offers_no_sessions(modules: list[Path]) -> None:
    (opened,) = asked([path_of("node"), str(HOST), str(modules[0])], [opening()])
    assert {"generate", "renew", "quote"} <= set(opened["events"])
    assert not {"login", "view", "daily_reset_falls_due", "balance_changes"} & set(opened["events"])
    assert "shown_is" not in opened["observes"]


def test_node_says_what_it_cannot_do(modules: list[Path]) -> None:
    other, poor, bare, unknown = opening(), opening(), opening(), opening(burn_order="at_random")
    del bare["catalogue"]["daily"]
    other["catalogue"]["packs"] = {"box": 3}
    poor["catalogue"]["packs"] = {"small": 0, "large": 1}
    too_soon = {"op": "apply", "event": "renew"}
    still_right = {"op": "apply", "account": "ann", "at": 10**12, "event": "open_account"}
    program = [path_of("node"), str(HOST), *map(str, modules)]
    *said, _, _, answer = asked(program, [too_soon, other, unknown, poor, bare, opening(), poor, still_right])
    assert answer["balances"]["daily"] == 150
    wanted = ["open comes first", "compiled for another catalogue", "at_random is no value of it", "at least one token"]
    wanted.append("catalogue.daily: it is required")
    assert all(part in answer["error"] for part, answer in zip(wanted, said, strict=True)), said


def told(step: Step) -> dict[str, Any]:
    if isinstance(step, Refused):
        return {"code": step.code}
    lines = [[kind.value, pool, tokens] for kind, pool, tokens in step.ledger]
    return {"rule": step.rule, "state": step.state, "answer": step.answer, "ledger": lines}


def test_node_takes_every_step_as_the_reference_does(modules: list[Path]) -> None:
    lines: list[dict[str, Any]] = []

    def noting(machine: Machine, parameters: Values) -> dict[str, StepOf]:
        def step(state: Values, event: str, fields: Values) -> Step:
            right = reference.step(machine, parameters, state, event, fields)
            lines.append({"state": dict(state), "event": event, "fields": fields, "right": told(right)})
            return right

        lines.append({"parameters": parameters})
        return {"noting": step}

    dice = random.Random(0)
    for _ in range(5):
        walk(account(), DEFAULT.parameters(), dice, 100 * EFFORT, noting)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    program = [path_of("node"), str(Path(__file__).parent / "steps.js"), str(modules[0])]
    done = subprocess.run(program, input=text, capture_output=True, text=True, timeout=PATIENCE_S * EFFORT, check=True)
    assert done.stdout == f"{500 * EFFORT} steps\n"

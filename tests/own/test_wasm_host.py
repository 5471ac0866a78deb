"""The JavaScript host with modules of any specification: it answers random records as the oracle does, and names no account.

TOKENSPEC_EFFORT multiplies the records.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from architecture.test_no_wallet import words
from differential.walks import EFFORT
from processes import PATIENCE_S
from programs import path_of
from tokenspec.machine.lang.ids import OfRefused, Repeat

ROOT = Path(__file__).parents[2]
HOST = ROOT / "examples" / "wasm-host"
PREPAID = ROOT / "examples" / "prepaid"
PAGE = ROOT / "oracle/tokenspec/oracle/publish/page"
RECORDS = 4_000 * EFFORT
OF_THE_LANGUAGE = {"falls_due", "origin", *(each.value for each in (*Repeat, *OfRefused))}
IN_JAVASCRIPT = {"difference", "each", "last", "opens", "small", "view"}
"""Words of the shipped account that mean something else in a page."""


def answered(folder: Path, specification: dict[str, str], machines: tuple[str, ...], cwd: Path, seed: int) -> Any:
    """What comes of random records, answered by the oracle and by Node."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TOKENSPEC")} | specification
    modules = [folder / f"{machine}.wasm" for machine in machines]
    for machine, module in zip(machines, modules, strict=True):
        export = [
            sys.executable,
            "-m",
            "tokenspec.oracle.command",
            "export",
            "wasm",
            "--machine",
            machine,
            "-q",
            "-o",
            str(module),
        ]
        subprocess.run(export, cwd=cwd, env=environment, check=True, capture_output=True)
    program = [path_of("node"), str(HOST / "stdio.js"), *map(str, modules)]
    asking = [sys.executable, str(Path(__file__).with_name("random_records.py")), str(RECORDS), str(seed), *program]
    done = subprocess.run(asking, cwd=cwd, env=environment, capture_output=True, text=True, timeout=PATIENCE_S * EFFORT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_prepaid_account_runs_in_node_as_in_the_oracle(tmp_path: Path) -> None:
    specification = {"TOKENSPEC_SPEC": "prepaid.specification:PREPAID", "PYTHONPATH": str(PREPAID)}
    found = answered(tmp_path, specification, ("wallet",), PREPAID, seed=0)
    assert (found["different"], found["records"]) == (None, RECORDS)
    events = {"buy", "charge_back", "adjust", "reserve", "settle", "release", "weekly_bonus", "expire_credit", "quote"}
    assert {event for event in events if found["accepted"].get(event, 0) < 2} == set()


@pytest.mark.slow
def test_the_shipped_account_runs_in_node_as_in_the_oracle(tmp_path: Path) -> None:
    found = answered(tmp_path, {}, ("account", "session"), ROOT, seed=1)
    assert (found["different"], found["records"]) == (None, RECORDS)
    events = {"subscribe", "renew", "daily_reset", "generate", "api_generate", "refund", "quote", "login", "view"}
    assert {event for event in events if found["accepted"].get(event, 0) < 2} == set()


@pytest.mark.slow
def test_an_account_without_memory_clocks_and_ids_runs_in_node_as_in_the_oracle(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tokenspec.oracle.command", "new", "mine"], cwd=tmp_path, check=True, capture_output=True
    )
    specification = {"TOKENSPEC_SPEC": "mine.specification:MINE", "PYTHONPATH": str(tmp_path / "mine")}
    found = answered(tmp_path, specification, ("mine",), tmp_path / "mine", seed=2)
    assert (found["different"], found["records"]) == (None, RECORDS)
    assert min(found["accepted"].values()) > 5


FACT_BY_A_FUNCTION = """
from dataclasses import replace
from prepaid.specification import PREPAID

ODD = replace(PREPAID, name="odd", facts={**PREPAID.facts, "listed_price": lambda catalogue: lambda record: 5})
"""


def test_a_fact_that_a_function_works_out_is_in_no_page_and_told_by_the_host(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(FACT_BY_A_FUNCTION)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TOKENSPEC")}
    environment |= {"TOKENSPEC_SPEC": "odd:ODD", "PYTHONPATH": f"{tmp_path}{os.pathsep}{PREPAID}"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tokenspec.oracle.command", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    page = run("explore", "-o", "page.html")
    assert (page.returncode, (tmp_path / "page.html").exists()) == (65, False)
    assert "odd: facts.listed_price: a function of the specification works it out" in page.stderr
    assert run("export", "wasm", "-q", "-o", "wallet.wasm").returncode == 0
    catalogue = {
        "weekly_bonus": 20,
        "debt_limit": 600,
        "packs": {"single": 1, "small": 100, "large": 1_000},
        "prices": {"film": 60},
    }
    common = {"op": "apply", "account": "ann", "at": 10**12}
    requests = [
        {"op": "open", "protocol": 1, "catalogue": catalogue, "policy": {}},
        common | {"event": "open_account"},
        common | {"event": "quote", "action": "film"},
    ]
    host = subprocess.run(
        [path_of("node"), str(HOST / "stdio.js"), str(tmp_path / "wallet.wasm")],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
        check=True,
    )
    opened, accepted, told = map(json.loads, host.stdout.splitlines())
    assert (opened["name"], accepted["outcome"]) == ("wasm-host", "accepted")
    assert told["error"].startswith("RangeError: listed_price: a function of the specification works it out")


def named(path: Path, known: set[str]) -> list[str]:
    """The words of an account in a file of JavaScript, comments apart."""
    code = re.sub(r"/\*.*?\*/|^\s*//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return sorted(set(re.findall(r"[A-Za-z_]\w*", code)) & known)


def test_the_host_and_the_page_name_no_part_of_an_account() -> None:
    known = words() - OF_THE_LANGUAGE - IN_JAVASCRIPT
    paths = sorted([*HOST.glob("*.js"), *PAGE.glob("*.js")])
    assert len(paths) > 12
    assert {path.name: found for path in paths if (found := named(path, known))} == {}

"""The page as a file, for which no browser is needed: self-contained, small, the same each time, with nothing listed by hand."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, tokenspec
from tokenspec.invariants.claims import claims
from tokenspec.machine.interpreters.embedded.host import described
from tokenspec.oracle.publish.explorer import HOST, PAGE, build, ceilings
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system

SMALL_BYTES = 2_000_000


class Parts(HTMLParser):
    """The tags of a page with their attributes, and what its scripts hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._is_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._is_script = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts.append(data)
            self._is_script = False


@pytest.fixture(scope="module")
def text(written: Path) -> str:
    return written.read_text(encoding="utf-8")


def held(text: str) -> Any:
    return json.loads(Parts(text).scripts[0])


def test_it_is_small_and_loads_nothing(text: str) -> None:
    assert len(text.encode()) < SMALL_BYTES
    parts = Parts(text)
    assert {tag for tag, _ in parts.tags} & {"link", "img", "iframe", "base", "object", "image", "use"} == set()
    assert [found for _, found in parts.tags if {"src", "href", "xlink:href", "srcset"} & set(found)] == []
    outside = re.sub(r'xmlns(:\w+)?="http://www.w3.org/\d+/\w+"|"http://www.w3.org/2000/svg"', "", text)
    assert re.findall(r"https?://|\burl\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\b.* from ", outside) == []
    policy = next(str(found["content"]) for _, found in parts.tags if found.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_another_process_writes_the_same_bytes(text: str) -> None:
    command = [sys.executable, "-m", "tokenspec.oracle.command", "explore", "-o", "-"]
    other = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": "5"})
    assert other.stdout.decode() == text


def test_it_holds_the_description_the_clauses_and_the_settings(text: str) -> None:
    data = held(text)
    account, _, session = system().machines
    for machine in (account, session):
        about = described(base64.b64decode(data["modules"][machine.name]))
        assert [event["name"] for event in about["events"]] == [event.name for event in machine.events]
        assert about["digest"] == data["digest"]
    assert data["policy"] == DEFAULTS
    assert (len(data["clauses"]), data["records"], data["aliases"]) == (44, [], dict(DEFAULT.aliases))


def test_its_own_files_name_no_event_refusal_policy_or_pool() -> None:
    account, _, session = system().machines
    machines = (account, session)
    names = {need.code for m in machines for e in m.events for need in e.requires} | set(DEFAULTS)
    names |= {e.name for m in machines for e in m.events} | {pool for m in machines for pool in m.pools}
    folder = files("tokenspec.oracle.publish") / "page"
    for name in (*PAGE, "explorer.css", "explorer.html"):
        quoted = set(re.findall(r"[\"'`.#]([a-z_]+)\b", (folder / name).read_text(encoding="utf-8")))
        assert quoted & (names - {"view", "refresh"}) == set(), name


def test_ceilings_are_read_in_the_claims() -> None:
    account = system().machines[0]
    assert ceilings(account, claims(DEFAULT.ranking)) == {"daily": "daily_allowance", "fast": "allowance", "rollover": "ceiling"}


def test_a_log_settings_and_catalogue_come_along() -> None:
    records = [{"account": "</script><b>", "at": 10**12, "event": "open_account"}]
    data = held(build(records, {"refund": "none"}, DEFAULT, "a & b"))
    assert (data["records"], data["policy"]["refund"], data["log"]) == (records, "none", "a & b")


def test_the_host_is_that_of_the_examples(text: str) -> None:
    script = Parts(text).scripts[1]
    for name in HOST:
        lines = (EXAMPLES / "wasm-host" / name).read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if line.removeprefix("export ") not in script and not line.startswith("import ")] == []


@pytest.mark.slow
def test_bad_records_are_named_and_left_out(tmp_path: Path) -> None:
    log = tmp_path / "some.jsonl"
    later = '{"account":"ann","at":1784106000005,"event":"open_account"}'
    log.write_text(f'{later}\n{{"account":"ann","at":1784106000004,"event":"cancel"}}\nnonsense\n')
    done = tokenspec("explore", log, "-o", tmp_path / "page.html", "-q")
    assert done.code == 65
    assert "some.jsonl:2: (byte 60) bad record, skipped: at: time never goes back" in done.err
    assert "some.jsonl:3:" in done.err
    assert [record["event"] for record in held((tmp_path / "page.html").read_text())["records"]] == ["open_account"]


@pytest.mark.parametrize(("arguments", "code", "says"), [
    ((), 64, "name the file, such as page.html"),
    (("missing.jsonl", "-o", "page.html"), 66, "missing.jsonl"),
    (("-", "-o", "page.html"), 65, "it holds no good record"),
    (("-o", "page.html", "--policy", "refund=perhaps"), 64, "not among its answers"),
])  # fmt: skip
def test_wrong_usage_is_told(arguments: tuple[str, ...], code: int, says: str, tmp_path: Path) -> None:
    done = tokenspec("explore", *arguments, cwd=tmp_path)
    assert (done.code, done.out) == (code, "")
    assert says in done.err

"""Runs that share the examples, and what is kept between runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis.database import DirectoryBasedExampleDatabase

from command.conftest import within
from sut.calling import call, sut
from sut.implementation import Beside
from tokenspec.oracle.base.shards import Slice, slice_of
from tokenspec.oracle.fuzz.conformance import Conformance, conform
from tokenspec.oracle.fuzz.regressions import Regressions
from tokenspec.oracle.sut.world import SutSettings, opened
from tokenspec.oracle.wire.settings import policy_from
from tokenspec.spec.catalogue import DEFAULT

SETTING = SutSettings(policy_from({}), DEFAULT)


@pytest.mark.parametrize(("examples", "parts"), [(700, 1), (700, 4), (10, 3), (60_000, 7)])
def test_the_parts_of_a_run_are_the_run(examples: int, parts: int) -> None:
    slices = [Slice(number, parts) for number in range(1, parts + 1)]
    shares = [each.share(examples) for each in slices]
    assert (sum(shares), max(shares) - min(shares) <= 1) == (examples, True)
    assert len({each.seed(7) for each in slices}) == parts
    assert [each.seed(7) for each in slices] == [each.seed(7) for each in slices]


def test_one_part_of_one_is_the_whole_run() -> None:
    assert (slice_of(None), slice_of("1/1"), slice_of("1/1").seed(7)) == ((1, 1), (1, 1), 7)


def judged(fault: str, database: Path, examples: int = 60, setting: SutSettings = SETTING) -> Conformance:
    return conform(Beside(fault), setting, examples, 30, database=database)


def test_what_was_found_is_tried_first_until_it_is_mended(tmp_path: Path) -> None:
    first = judged("gives_away", tmp_path)
    assert first.counterexample is not None
    again = judged("gives_away", tmp_path, examples=1)
    assert again.counterexample is not None
    assert (again.tried, again.mended, again.count.steps <= len(first.counterexample.records)) == (1, 0, True)
    assert again.counterexample.records == first.counterexample.records
    mended = judged("good", tmp_path, examples=1)
    assert (mended.word, mended.tried, mended.mended) == ("conforms", 1, 1)
    assert judged("gives_away", tmp_path, examples=1).tried == 0


def test_what_cannot_be_kept_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DirectoryBasedExampleDatabase, "save", lambda *_: None)
    done = call("fuzz", "--sut", sut("small.py", "dies"), "--examples", "2", "--database", tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (64, "diverges")
    assert f"--database: {tmp_path}: what was found cannot be kept there" in done.err


def test_what_was_found_under_one_setting_is_not_tried_under_another(tmp_path: Path) -> None:
    judged("gives_away", tmp_path)
    other = SutSettings(policy_from({"refund": "none"}), DEFAULT)
    assert judged("good", tmp_path, 1, other).tried == 0


@pytest.mark.parametrize(
    "content", [b"\xff", b"{}", b'[{"account":"a"}]', b'[{"account":"a","at":5,"event":"generate"}]', b"[1]"], ids=repr
)
def test_what_is_no_run_is_kept_and_told_and_not_mended(content: bytes, tmp_path: Path) -> None:
    client = Beside("good")
    kept = Regressions(tmp_path, opened(client, SETTING.request()), SETTING)
    kept.keep([{"account": "a", "at": "2027-01-01T00:00:00Z", "event": "open_account"}])
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file() and b"open_account" in path.read_bytes())
    file.unlink()
    (file.parent / hashlib.sha384(content).hexdigest()[:16]).write_bytes(content)
    verdict = judged("good", tmp_path, examples=1)
    assert (verdict.word, verdict.tried, verdict.mended, verdict.unread) == ("conforms", 0, 0, 1)
    assert len(list(kept)) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sut", "python:none:none", "--slice", "0/2"), "it is i/n"),
        (("--sut", "python:none:none", "--slice", "3/2"), "it is i/n"),
        (("--sut", "python:none:none", "--database", __file__), "cannot be used"),
        (("--slice", "1/2"), "add --sut"),
        (("--database", "x"), "add --sut"),
    ],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], says: str) -> None:
    done = within("fuzz", *arguments)
    assert (done.code, done.out, says in done.err) == (64, "", True)


def vector(**changes: Any) -> dict[str, Any]:
    step = {
        "request": {"op": "apply", "account": "a", "at": "2027-01-01T00:00:00Z", "event": "quote", "action": "x"},
        "expect": {"outcome": "refused", "reason": "account_must_exist", "status": None, "plan": None, "scheduled_plan": None}
        | {"balances": {}, "next_daily_reset_at": None, "next_renewal_at": None},
    }
    catalogue = {"ranking": ["free", "plus"], "daily": 1, "bank_months": 1, "plans": {"free": {"allowance": 0}}, "packs": {}}
    catalogue["plans"] = {"free": {"allowance": 0}, "plus": {"allowance": 1}}
    whole = {
        "id": "found-1",
        "title": "t",
        "clauses": [],
        "policy": policy_from({}),
        "catalogue": catalogue,
        "resets": "explicit",
    }
    return whole | {"steps": [step]} | changes


def test_vectors_are_added_to_a_suite_once(tmp_path: Path) -> None:
    for name, content in (("one", vector()), ("two", vector(id="found-2")), ("other", vector(title="another"))):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert within("vectors", "add", "own", "one.json", cwd=tmp_path).out == "added: found-1\n1 vector added to own\n"
    again = within("vectors", "add", "own", "one.json", "two.json", "two.json", cwd=tmp_path)
    assert again.out == "added: found-2\nthere already: found-1\n1 vector added to own\n"
    before = (tmp_path / "own/index.json").read_bytes()
    wrong = within("vectors", "add", "own", "other.json", cwd=tmp_path)
    assert (wrong.code, "an id never changes its meaning" in wrong.err) == (65, True)
    assert (tmp_path / "own/index.json").read_bytes() == before
    assert [entry["id"] for entry in json.loads(before)["vectors"]] == ["found-1", "found-2"]


@pytest.mark.parametrize(("content", "code"), [("{", 65), ("[]", 65), ('{"id":"x"}', 65), (None, 66)])
def test_what_is_no_vector_is_not_added(content: str | None, code: int, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    done = within("vectors", "add", "own", "x.json", cwd=tmp_path)
    assert (done.code, "x.json" in done.err, (tmp_path / "own").exists()) == (code, True, False)

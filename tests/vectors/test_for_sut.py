"""A suite for one implementation: every vector applies, nothing that it can meet is left out, and its faults are found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from differential.walks import some_of
from made_once import made_once
from sut.calling import call
from sut.test_one_balance import CREDITS, FAULTS, MENDED, SUT, written

pytestmark = pytest.mark.slow

SHAPES = """
from tokenspec.oracle.serve.server import Server


class Begins(Server):
    def handle(self, request):
        if request["op"] == "open":
            self.seen = set()
            answer = super().handle(request)
            events, observes = ["subscribe", "generate"], ["outcome", "delta", "total"]
            return answer | {"events": events, "observes": observes, "repeats": "same_request"}
        if request["op"] == "apply":
            if request["account"] not in self.seen:
                self.seen.add(request["account"])
                super().handle({"op": "apply", "account": request["account"], "at": request["at"], "event": "open_account"})
            request = request | {"observed": {"total": None, "delta": None}}
        return super().handle(request)


class Seconds(Server):
    def __init__(self):
        super().__init__("daily=implied", {"month_end": "stay_clamped", "refund": "none"})

    def handle(self, request):
        answer = super().handle(request)
        more = {"instants": "seconds", "values": {"media": ["image"], "origin": ["first_party"]}, "largest": 30_000}
        return answer | more | {"events": ["open_account", "subscribe", "renew", "refund"]} if "events" in answer else answer


class Small(Server):
    def handle(self, request):
        answer = super().handle(request)
        more = {"events": ["open_account", "login"], "observes": ["outcome"], "largest": 100, "refusals": []}
        return answer | more if "events" in answer else answer


class Blind(Server):
    def handle(self, request):
        answer = super().handle(request)
        return answer | {"events": ["open_account"], "observes": ["scheduled_plan"]} if "events" in answer else answer


class Closed(Server):
    def handle(self, request):
        return {"error": "it is night"} if request["op"] == "open" else {}


class Chatty(Server):
    def handle(self, request):
        return {"resets": "explicit", "events": "all of them"} if request["op"] == "open" else {}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a suite for the wallet of docs/wallet-with-one-balance.md."""
    place = tmp_path_factory.mktemp("for-sut")
    with pytest.MonkeyPatch.context() as context:
        context.setenv("PYTHONPATH", str(place))
        context.setenv("PYTHONDONTWRITEBYTECODE", "1")
        written(CREDITS, place, MENDED[CREDITS])
        (place / "shapes.py").write_text(SHAPES)
        for name, content in made_once("the suite for the wallet with one balance", lambda: built(place / "credits")).items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        yield place


def built(place: Path) -> dict[str, bytes]:
    done = call("vectors", "build", "--for", SUT[CREDITS], "--out", place, "-q")
    assert done.code == 0, done.err
    assert re.fullmatch(rf"[\d,]+ vectors, [\d.]+ MB, in {re.escape(str(place))}\n", done.out), done.out
    return {str(path.relative_to(place.parent)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def results(*arguments: str | Path) -> tuple[int, int, int, int]:
    done = call("vectors", "run", *arguments, "--format", "json")
    found = json.loads(done.out)
    return done.code, found["passed"], found["failed"], found["skipped"]


def test_a_wallet_with_one_balance_gets_vectors_where_the_shipped_suite_has_none(folder: Path) -> None:
    written(CREDITS, folder, MENDED[CREDITS])
    code, passed, failed, skipped = results(folder / "credits", "--sut", SUT[CREDITS])
    assert (code, failed, skipped, passed > 10) == (0, 0, 0, True)
    code, passed, *_ = results("--sut", SUT[CREDITS])
    assert (code, passed) == (20, 0)


def test_it_meets_every_rule_and_refusal_that_the_wallet_can_meet(folder: Path) -> None:
    coverage = json.loads((folder / "credits/index.json").read_text())["coverage"]
    missing = set(coverage["outcomes"]["not_met"]) - set(coverage["cannot_be_met"])
    assert (missing, coverage["built_for"]["name"]) == (set(), "credits")
    assert "buys_api" in coverage["cannot_be_met"]
    assert coverage["pairs"] > 10


@pytest.mark.parametrize("fault", [name for name, (page, *_) in FAULTS.items() if page == CREDITS])
def test_each_fault_planted_in_the_wallet_is_found(fault: str, folder: Path) -> None:
    _, right, wrong = FAULTS[fault]
    written(CREDITS, folder, *([MENDED[CREDITS], (right, wrong)] if MENDED[CREDITS] != (wrong, right) else []))
    code, _, failed, skipped = results(folder / "credits", "--sut", SUT[CREDITS])
    assert (code, failed > 0, skipped) == (15, True, 0)


@pytest.mark.parametrize("name", some_of(["Begins", "Seconds"], 1))
def test_every_vector_applies_whatever_the_wallet_takes(name: str, folder: Path) -> None:
    sut, suite = f"python:shapes:{name}", folder / name
    assert call("vectors", "build", "--for", sut, "--out", suite, "-q").code == 0
    code, passed, failed, skipped = results(suite, "--sut", sut)
    assert (code, failed, skipped, passed > 10) == (0, 0, 0, True)


def test_figures_under_which_nothing_can_be_sent_are_left_out_and_the_same_wallet_gets_the_same_suite(folder: Path) -> None:
    """It can hold 100 tokens: where a day brings 150 it opens no account, and refuses nothing."""
    build = ("vectors", "build", "--for", "python:shapes:Small", "--out", folder / "small")
    assert call(*build, "-q").code == 0
    done = call(*build, "--check")
    assert (done.code, "all current" in done.out) == (0, True), done.out
    code, passed, failed, skipped = results(folder / "small", "--sut", "python:shapes:Small")
    assert (code, failed, skipped, passed > 0) == (0, 0, 0, True)


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("Blind", 20, "there is no vector"),
        ("Closed", 20, "it cannot open this world: it is night"),
        ("Chatty", 15, "events: it is a list of names"),
        ("Nobody", 66, "--sut"),
    ],
)
def test_a_wallet_for_which_none_can_be_built_is_told(name: str, code: int, says: str, folder: Path) -> None:
    done = call("vectors", "build", "--for", f"python:shapes:{name}", "--out", folder / "none")
    assert (done.code, says in done.err, (folder / "none").exists()) == (code, True, False), done.err


def test_a_setting_that_the_wallet_has_fixed_is_not_asked_for(folder: Path) -> None:
    done = call("vectors", "build", "--for", "python:shapes:Seconds", "--policy", "refund=to_source", "--out", folder / "none")
    assert (done.code, "refund=none" in done.err) == (64, True)


@pytest.mark.parametrize("option", [("--policy", "refund=none"), ("--catalogue", "x.toml"), ("--timeout", "3"), ("--wait", "3")])
def test_what_is_about_one_wallet_goes_with_for(option: tuple[str, str], tmp_path: Path) -> None:
    done = call("vectors", "build", *option, "--out", tmp_path / "all")
    assert (done.code, "add --for" in done.err) == (64, True)

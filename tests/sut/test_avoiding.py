"""Implementations that answer nothing, change what they say of themselves, or refuse what would fail: no verb is green."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sut.calling import HERE, call
from sut.implementation import Beside
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.fuzz.conformance import conform, replayed
from tokenspec.oracle.fuzz.regressions import Regressions
from tokenspec.oracle.report.config import FuzzConfig, Settings
from tokenspec.oracle.report.conformance import conformance_report
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.vectors import vectors_report
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.sut.world import CannotOpen, NotThere, Openings, SutSettings
from tokenspec.oracle.vectors.run_suite import run_suite
from tokenspec.oracle.vectors.suite import default_suite
from tokenspec.oracle.wire.settings import catalogue_on_the_wire, policy_from
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS, POLICIES

Message = dict[str, Any]
Change = Callable[[int, Message, Message], Message]
"""The number of the world, from 1, the request and the right answer to it; what is answered instead."""

SUITE = default_suite()
OTHER = {"burn_order": "rollover_fast_topup"}
ENTRIES = [*SUITE.index.vectors[::25], *[entry for entry in SUITE.index.vectors if OTHER.items() <= entry.policies.items()][:2]]
CASES = [SUITE.case(entry) for entry in ENTRIES]


class Odd(Client):
    """The oracle as an implementation, with its answers changed."""

    def __init__(self, change: Change, **settings: str) -> None:
        self._server, self._change, self._worlds = Server(policy=settings), change, 0

    def ask(self, request: Message) -> Message:
        self._worlds += request["op"] == "open"
        return self._change(self._worlds, request, self._server.handle(request))

    def end(self) -> None:
        pass


def fuzzed(client: Odd, infers: bool, **named: str) -> RunReport:
    setting = SutSettings(policy_from(named), DEFAULT, None, named if infers else None, named)
    return conformance_report(conform(client, setting, 6, 30), FuzzConfig(6, 30, 0, Settings(named, infers)), [])


def vectors_run(client: Odd, infers: bool, **named: str) -> RunReport:
    return vectors_report(SUITE, CASES, run_suite(client, CASES, None, named, infers=infers), named, 0)


VERBS: dict[str, tuple[Callable[..., RunReport], bool]] = {
    "fuzz": (fuzzed, False),
    "fuzz, settings inferred": (fuzzed, True),
    "vectors": (vectors_run, False),
    "vectors, settings inferred": (vectors_run, True),
}
every_verb = pytest.mark.parametrize("verb", VERBS)


def ran(verb: str, change: Change, **named: str) -> RunReport:
    run, infers = VERBS[verb]
    return run(Odd(change), infers, **named)


def lines_of(report: RunReport) -> list[str]:
    """The lines that people read."""
    return [line for block in report.body() for line in getattr(block, "lines", ())]


def on_open(changes: Callable[[int, Message, Message], Message]) -> Change:
    return lambda world, request, answer: answer | changes(world, request, answer) if request["op"] == "open" else answer


def silent(field: str, *hidden: str) -> Change:
    """Observes `field` alone, leaves out the events that show it, and answers {} to all others."""

    def change(world: int, request: Message, answer: Message) -> Message:
        if request["op"] != "open":
            return {}
        return answer | {"observes": [field], "events": [name for name in answer["events"] if name not in hidden]}

    return change


SILENT: dict[str, Change] = {
    "shown_is": silent("shown_is", "view"),
    "cost": silent("cost", "quote"),
    "scheduled_plan": silent("scheduled_plan", "downgrade"),
    "mode": silent("mode", "generate"),
    "charge": silent("charge", "generate", "api_generate"),
    "charge.fast": silent("charge.fast", "generate"),
    "next_renewal_at": silent("next_renewal_at", "subscribe"),
    "observes nothing": silent("mode", *Server().handle({"op": "open"})["events"]),
}


@pytest.mark.slow
@every_verb
@pytest.mark.parametrize("name", SILENT)
def test_where_no_field_ever_held_a_value_there_is_no_verdict(verb: str, name: str) -> None:
    assert ran(verb, SILENT[name]).code == 20


def test_what_never_held_a_value_is_named_beside_what_did() -> None:
    verdict = conform(
        Odd(on_open(lambda _, __, answer: {"observes": ["outcome", "cost"], "events": ["open_account", "cancel"]})),
        SutSettings(policy_from({}), DEFAULT),
        6,
        30,
    )
    assert (verdict.word, verdict.held) == ("conforms", {"outcome"})
    lines = [
        line
        for block in conformance_report(verdict, FuzzConfig(6, 30, 0, Settings()), []).body()
        for line in vars(block).get("lines", ())
    ]
    assert "observed, and never held a value: cost" in lines


def later(**changes: Any) -> Change:
    """Changes what it says of itself from its second world on."""
    return on_open(lambda world, _, answer: changes if world > 1 else {})


def opposite(world: int, request: Message, answer: Message) -> Message:
    """Fixes the second answer of a policy where the first is asked for, and the other way round, or by turns."""
    (first, _), (second, _), *_ = next(p for p in POLICIES if p.name == "refund").answers
    asked = request["policy"]["refund"]
    return {"policy": {"refund": second if (asked == first) == (world % 2 == 1) else first}}


def one_world(world: int, request: Message, answer: Message) -> Message:
    return {"error": "this one opens a single world"} if request["op"] == "open" and world > 1 else answer


CHANGES: dict[str, Change] = {
    "events": later(events=["login"]),
    "observes": later(observes=["outcome"]),
    "resets": later(resets="implied", events=["open_account"]),
    "values": later(values={"media": []}),
    "a policy more": later(policy={"refund": "to_source"}),
    "a policy by turns": on_open(opposite),
    "one world alone": one_world,
}


@every_verb
@pytest.mark.parametrize("name", CHANGES)
def test_what_an_implementation_says_of_itself_stays_so(verb: str, name: str) -> None:
    assert ran(verb, CHANGES[name]).code == 15


WRONG_FORMS: dict[str, Message] = {
    f"{key} {value!r}": {key: value}
    for key, forms in dict[str, tuple[Any, ...]](
        {
            "values": (
                [],
                "",
                0,
                False,
                {"media": "image"},
                {"media": None},
                {"colour": []},
                {"media": ["imagee"]},
                {"cost": ["24"]},
                {"origin": [None]},
                {"daily_reset_time": ["25:00"]},
                {"shown": [{}]},
                {"shown": [{"daily": None}]},
            ),
            "policy": ([], "", 0, False, {"refund": None}, {"refund": ["none"]}, {"refund": "perhaps"}, {"colour": "red"}),
            "name": ([], 0, False, {}),
            "version": ([], 1, True),
            "events": (None, {}, "login", ["explode"], [1]),
            "observes": (None, {}, "outcome", ["colour"], ["balances.bank"], [None]),
            "resets": (None, [], "sometimes", True, "daily=implied", {"weekly": "implied"}, {"daily": None}),
        }
    ).items()
    for value in forms
}


@pytest.mark.parametrize("verb", ["fuzz", "vectors"])
@pytest.mark.parametrize("name", WRONG_FORMS)
def test_a_wrong_form_in_the_answer_to_open_is_neither_absent_nor_right(verb: str, name: str) -> None:
    assert ran(verb, on_open(lambda *_: WRONG_FORMS[name])).code == 15


HARMLESS: dict[str, Change] = {
    "name and version": on_open(lambda world, *_: {"name": f"wallet {world}", "version": str(world)}),
    "null for what is left out": on_open(lambda *_: {"values": None, "policy": None, "name": None}),
    "another order": on_open(lambda world, _, answer: {key: answer[key][:: (-1) ** world] for key in ("events", "observes")}),
    "what it was asked for": on_open(lambda _, request, __: {"policy": request["policy"]}),
    "keys that nobody knows": on_open(lambda world, *_: {"colour": world}),
}


@pytest.mark.slow
@every_verb
@pytest.mark.parametrize("name", HARMLESS)
def test_what_makes_no_difference_may_change(verb: str, name: str) -> None:
    assert ran(verb, HARMLESS[name]).code == 0


def settings_of(request: Message) -> dict[str, str]:
    return {**DEFAULTS, **request["policy"]}


def milliseconds(at: str | None, kind: Callable[[int], Any]) -> Any:
    return None if at is None else kind(parse_instant(at))


INSTANTS: dict[str, tuple[Callable[[int], Any], int]] = {
    "whole milliseconds": (int, 0),
    "a number with a fraction": (float, 15),
    "seconds": (lambda at: at // 1_000, 15),
    "digits in a text": (str, 15),
    "with an offset": (lambda at: f"{format_instant(at)[:-1]}+00:00", 0),
    "with an offset that is none": (lambda at: f"{format_instant(at)[:-1]}+00:99", 15),
}


@pytest.mark.slow
@every_verb
@pytest.mark.parametrize("name", INSTANTS)
def test_an_instant_has_one_of_its_forms(verb: str, name: str) -> None:
    kind, code = INSTANTS[name]

    def change(_: int, request: Message, answer: Message) -> Message:
        due = {key: milliseconds(at, kind) for key, at in answer.items() if key.endswith("_at")}
        return answer | due if request["op"] == "apply" else answer

    assert ran(verb, change).code == code


def refusing(worlds: Callable[[Message], bool]) -> Change:
    """Cannot run some worlds."""
    return lambda _, request, answer: {"error": "not this one"} if request["op"] == "open" and worlds(request) else answer


def test_a_world_that_cannot_be_run_is_skipped_with_its_settings() -> None:
    run = run_suite(Odd(refusing(lambda request: settings_of(request) == {**DEFAULTS, **OTHER})), CASES)
    skipped = [each.why for each in run.results if each.cannot_run]
    assert skipped
    assert all("it cannot run this world (" in why and "burn_order=rollover_fast_topup" in why for why in skipped)
    assert (run.count("failed"), run.no_defaults) == (0, "")


def is_default(request: Message) -> bool:
    return settings_of(request) == DEFAULTS and bool(request["catalogue"] == catalogue_on_the_wire(DEFAULT))


def test_one_that_cannot_run_the_defaults_gets_no_verdict() -> None:
    report = ran("vectors", refusing(is_default))
    assert (report.code, report.verdict.startswith("no verdict: it cannot run the defaults")) == (20, True)
    # With what it has fixed, it can.
    run = run_suite(Odd(refusing(lambda request: settings_of(request) != {**DEFAULTS, **OTHER}), **OTHER), CASES)
    assert (run.fixed, run.no_defaults, run.count("failed"), run.count("passed") > 0) == (OTHER, "", 0, True)


@pytest.mark.parametrize("verb", ["fuzz", "fuzz, settings inferred"])
def test_one_that_cannot_open_gets_no_verdict(verb: str) -> None:
    assert ran(verb, refusing(lambda _: True)).code == 20


@pytest.mark.parametrize("is_named", [True, False], ids=["named in the error", "not named"])
@pytest.mark.parametrize("verb", ["fuzz", "vectors"])
def test_policies_that_it_does_not_know_are_left_out_while_they_are_at_their_default(verb: str, is_named: bool) -> None:
    known = ("burn_order", "daily_position", "refund")

    def change(_: int, request: Message, answer: Message) -> Message:
        unknown = [name for name in request["policy"] if name not in known] if request["op"] == "open" else []
        return {"error": f"unknown: {unknown[0]}" if is_named else "what is this?"} if unknown else answer

    report = ran(verb, change)
    data = report.data()
    assert report.code == 0
    assert set(data["left_out"]) == ({k for k in DEFAULTS if k not in known} if is_named else set(DEFAULTS))
    assert any("left out of open" in line for line in lines_of(report))


def test_one_that_breaks_without_a_policy_is_not_blamed_for_it() -> None:
    def change(_: int, request: Message, answer: Message) -> Message:
        return answer if request["op"] != "open" else {"error": "no"} if request["policy"] else {"no": "answer to open"}

    verdict = conform(Odd(change), SutSettings(policy_from({}), DEFAULT), 1, 1)
    assert (verdict.word, verdict.why_none) == ("no_verdict", "it cannot open this world: no")


@every_verb
def test_a_policy_that_is_asked_for_and_fixed_otherwise_is_wrong_usage(verb: str) -> None:
    run, infers = VERBS[verb]
    nothing: Change = lambda _, __, answer: answer  # noqa: E731
    with pytest.raises(WrongUsage, match=r"--policy refund=none: the implementation says refund=to_source"):
        run(Odd(nothing, refund="to_source"), infers, refund="none")
    assert run(Odd(nothing, refund="to_source"), infers, refund="to_source").code == 0
    fixed = run(Odd(nothing, refund="none"), infers)
    assert (fixed.code, fixed.data()["fixed"]) == (0, {"refund": "none"})
    assert "fixed by the implementation: refund=none" in fixed.verdict


@pytest.mark.parametrize("verb", ["fuzz", "vectors run"])
@pytest.mark.parametrize(("choice", "code"), [("none", 64), ("to_source", 0)])
def test_the_command_says_so(verb: str, choice: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    short = ("--examples", "2") if verb == "fuzz" else ("--slice", "1/50")
    done = call(*verb.split(), "--sut", "python:implementation:Refunding", *short, "--policy", f"refund={choice}")
    assert (done.code, done.out == "", "the implementation says refund=to_source" in done.err) == (code, code == 64, code == 64)


@pytest.mark.parametrize("verb", ["fuzz", "vectors run"])
@pytest.mark.parametrize("sut", ["", "  ", "python:", "python::", "python:a:", "http://", "'"])
def test_an_address_of_nothing_is_wrong_usage(verb: str, sut: str) -> None:
    # Of the suite, which is read first, a part is enough.
    done = call(*verb.split(), "--sut", sut, *(("--slice", "1/50") if verb == "vectors run" else ()))
    assert (done.code, done.out, "--sut" in done.err) == (64, "", True)


class Gone(Client):
    """Ends before it has answered."""

    def ask(self, request: Message) -> Any:
        from tokenspec.oracle.sut.client import DIED, Failed

        return Failed(DIED, "it ended", "no such database")

    def end(self) -> None:
        pass


def test_one_that_never_answered_is_missing() -> None:
    setting = SutSettings(policy_from({}), DEFAULT)
    for asked in (
        lambda: conform(Gone(), setting, 1, 1),
        lambda: run_suite(Gone(), CASES),
        lambda: replayed(Gone(), setting, []),
    ):
        with pytest.raises(NotThere, match="it ended; its last words: no such database"):
            asked()


OPENED = {"account": "a", "at": "2027-01-31T09:00:00Z", "event": "open_account"}
MOVED = {"account": "a", "at": "2027-01-31T10:00:00Z", "event": "transfer", "to": "b", "amount": 5}
FEWER = on_open(lambda _, __, answer: {"events": ["open_account"]})


def test_what_was_found_is_kept_while_it_cannot_be_asked(tmp_path: Path) -> None:
    setting, right = SutSettings(policy_from({}), DEFAULT), Odd(lambda _, __, answer: answer)
    kept = Regressions(tmp_path, setting.opened_at(Openings(right)), setting)
    kept.keep([OPENED, MOVED])
    verdict = conform(Odd(FEWER), setting, 2, 10, database=tmp_path)
    assert (verdict.tried, verdict.mended, verdict.not_taken, len(list(kept))) == (1, 0, 1, 1)
    verdict = conform(right, setting, 2, 10, database=tmp_path)
    assert (verdict.tried, verdict.mended, verdict.not_taken, list(kept)) == (1, 1, 0, [])


def test_records_of_ones_own_are_sent_as_they_are_or_there_is_no_verdict() -> None:
    setting = SutSettings(policy_from({}), DEFAULT)
    assert replayed(Beside("good"), setting, [OPENED, MOVED]) is None
    with pytest.raises(CannotOpen, match="does not take each record as it is: transfer"):
        replayed(Odd(FEWER), setting, [OPENED, MOVED])

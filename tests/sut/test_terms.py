"""What an implementation says of itself is kept to: one that answers with an error to anything else conforms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.command.verbs.fuzz_save import found_vector
from tokenspec.oracle.fuzz.conformance import Conformance, conform
from tokenspec.oracle.report.config import FuzzConfig, Settings
from tokenspec.oracle.report.conformance import conformance_report, sentence
from tokenspec.oracle.report.vectors import vectors_report
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.capabilities import OBSERVABLE, capabilities_from
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.vectors.own_suite import case_of
from tokenspec.oracle.vectors.run_suite import Run, run_suite
from tokenspec.oracle.vectors.suite import default_suite
from tokenspec.oracle.wire.answers import Answer, total
from tokenspec.oracle.wire.settings import catalogue_on_the_wire, policy_from
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

Message = dict[str, Any]
Check = Callable[["Strict", Message, Message], str]
"""The implementation, a request and the right answer to it; what should not have been sent, or nothing."""

SUITE = default_suite()
CASES = [SUITE.case(entry) for entry in [*SUITE.index.vectors[::12], SUITE.index.vectors[339]]]
JOBS = {clock.job for clock in system().machines[0].clocks}


class Strict(Client):
    """The oracle, which says `says` of itself and answers with an error where `check` finds that it was not heeded."""

    def __init__(self, says: Message, check: Check, resets: str = "explicit") -> None:
        self._server, self._resets, self._says, self._check = Server(resets), resets, says, check
        self.first_uses: dict[tuple[str, str], Message] = {}
        self.due: dict[str, Message] = {}
        """By account, its last answer."""
        self.sent: list[Message] = []

    def ask(self, request: Message) -> Message:
        self.sent.append(request)
        if request["op"] == "open":
            self.first_uses, self.due = {}, {}
            with suppress(BadSetting, TypeError):
                figures = request["catalogue"] | self._says.get("catalogue", {})
                self._oracle = Oracle(request["policy"], figures, self._resets)
            return self._server.handle(request) | self._says
        if request["op"] != "apply":
            return self._server.handle(request)
        answer = self._oracle.apply(request | {"observed": {"delta": None}})
        said = answer.as_dict() | {"total": total(answer)}
        wrong = self._check(self, request, said)
        if "id" in request:
            self.first_uses.setdefault((request["account"], request["id"]), request)
        self.due[request["account"]] = said
        return {"error": wrong} if wrong else said

    def end(self) -> None:
        pass


def beyond(most: int) -> Check:
    def check(sut: Strict, request: Message, said: Message) -> str:
        held = [*said["balances"].values(), *(abs(value) for value in request.values() if type(value) is int)]
        return f"{max(held)} is too much" if max(held, default=0) > most else ""

    return check


def unknown_refusal(*known: str) -> Check:
    return lambda sut, request, said: "" if said.get("reason", known[0]) in known else f"I do not refuse with {said['reason']}"


def no_retry(sut: Strict, request: Message, said: Message) -> str:
    first = sut.first_uses.get((request["account"], request.get("id", "")))
    return "" if first is None or first | {"at": request["at"]} == request else "another request under a used id"


def any_repeat(sut: Strict, request: Message, said: Message) -> str:
    return "a used id" if (request["account"], request.get("id", "")) in sut.first_uses else ""


def fraction(sut: Strict, request: Message, said: Message) -> str:
    due = [said.get("next_renewal_at"), said.get("next_daily_reset_at")]
    return "a fraction of a second" if any("." in at for at in (request["at"], *due) if at) else ""


def one_of_several(sut: Strict, request: Message, said: Message) -> str:
    """A job that was not due, or that the run before left out: all for which it is due come one after the other."""
    if request["event"] in JOBS and said["outcome"] == "refused":
        return "a job that is not due"
    field = {"renew": "next_renewal_at", "daily_reset": "next_daily_reset_at"}
    before = sut.sent[-2]
    if before.get("event") in JOBS and request["event"] != before["event"]:
        late = [
            n
            for n, a in sut.due.items()
            if (at := a[field[before["event"]]]) and parse_instant(at) <= parse_instant(before["at"])
        ]
        return f"the job did not run for {late[0]}" if late else ""
    return ""


def other_value(**only: str | None) -> Check:
    """A field with another value than the one that its `values` list; None stands for no value at all."""
    return lambda sut, request, said: next((f"a {key}" for key in only if request.get(key, only[key]) != only[key]), "")


def uncountable(sut: Strict, request: Message, said: Message) -> str:
    """A sum that a number of JavaScript does not hold exactly."""
    return "too large a sum" if (said["total"] or 0) >= 2**53 else ""


def unlisted_job(*unwritten: str) -> Check:
    return lambda sut, request, said: "a job that runs by itself" if request["event"] in unwritten else ""


TERMS: dict[str, tuple[Message, Check, str]] = {
    "largest": ({"largest": 60_000}, beyond(60_000), "explicit"),
    "refusals": (
        {"refusals": ["tokens_must_cover_cost", "job_must_be_new"]},
        unknown_refusal("tokens_must_cover_cost", "job_must_be_new"),
        "explicit",
    ),
    "same request": ({"repeats": "same_request"}, no_retry, "explicit"),
    "values in place of what it does not take": (
        {"fields": [], "values": {"origin": ["first_party"], "model": ["Flux"]}},
        other_value(origin="first_party", model=None),
        "explicit",
    ),
    "no repeats": ({"repeats": "none"}, any_repeat, "explicit"),
    "seconds": ({"instants": "seconds"}, fraction, "explicit"),
    "batches": ({"jobs": "batch"}, one_of_several, "explicit"),
    "implied days": ({}, unlisted_job("daily_reset"), "daily=implied"),
    "implied months": ({}, unlisted_job("renew", "payment_failed", "lapse"), "renewal=implied"),
    "figures": ({"catalogue": {"daily": 7, "packs": {"tiny": 3}}}, lambda sut, request, said: "", "explicit"),
    "sums": ({"observes": ["outcome", "total", "delta"]}, uncountable, "explicit"),
}
each_term = pytest.mark.parametrize("name", TERMS)


def fuzzed(client: Strict, infers: bool = False, examples: int = 20) -> Conformance:
    return conform(client, SutSettings(policy_from({}), DEFAULT, None, {} if infers else None), examples, 40)


def run_of(client: Strict, infers: bool) -> Run:
    return run_suite(client, CASES, infers=infers)


def lines_of(verdict: Conformance) -> str:
    report = conformance_report(verdict, FuzzConfig(1, 40, 0, Settings()), [])
    return "\n".join(line for block in report.body() for line in getattr(block, "lines", ()))


@pytest.mark.slow
@each_term
@pytest.mark.parametrize("infers", [False, True])
def test_fuzzing_keeps_to_what_it_says(name: str, infers: bool) -> None:
    verdict = fuzzed(Strict(*TERMS[name]), infers)
    assert (verdict.word, lines_of(verdict) if verdict.counterexample else "") == ("conforms", "")
    assert verdict.compared > 100


@pytest.mark.slow
@each_term
@pytest.mark.parametrize("infers", [False, True])
def test_vectors_keep_to_what_it_says(name: str, infers: bool) -> None:
    run = run_of(Strict(*TERMS[name]), infers)
    assert [(each.id, each.failed, each.differences) for each in run.results if each.result == "failed"] == []
    assert run.count("passed") > 10


@pytest.mark.slow
@each_term
def test_who_says_nothing_is_sent_what_it_would_not_have_heeded(name: str) -> None:
    says, check, _ = TERMS[name]
    if name not in ("figures", "sums"):
        client = Strict({"repeats": "any", "observes": list(OBSERVABLE)} if "repeats" in says else {}, check)
        assert fuzzed(client, examples=60).word == "diverges"


def test_repeats_are_mostly_retries_of_accepted_and_refused_first_uses() -> None:
    client = Strict({}, lambda sut, request, said: "")
    fuzzed(client, examples=60)
    first, kinds = dict[tuple[str, str], tuple[int, Message]](), list[tuple[bool, bool]]()
    for number, request in enumerate(client.sent):
        if request["op"] == "open":
            first = {}
        elif "id" in request:
            position, used = first.setdefault((request["account"], request["id"]), (number, request))
            if position != number:
                kinds.append((used | {"at": request["at"]} == request, number - position > 2))
    retries = [is_apart for is_retry, is_apart in kinds if is_retry]
    assert 0.6 < len(retries) / len(kinds) < 1
    assert sum(retries) > len(retries) / 2


def test_without_duplicate_ids_are_repeated_for_those_alone_who_say_so() -> None:
    observes = ["outcome", "balances"]
    assert capabilities_from({"resets": "explicit", "events": [], "observes": observes}).repeats == "none"
    said = {"resets": "explicit", "events": [], "observes": observes, "repeats": "any"}
    assert capabilities_from(said).repeats == "any"


def test_a_sum_of_balances_that_cannot_be_counted_is_no_answer_to_be_asked_for() -> None:
    """Each of them can, and a log could not hold the sum that was observed."""
    pools = {"daily": 150, "fast": 25_000, "rollover": 0, "topup": 2**53 - 1, "api": 0}
    terms, beside = (
        capabilities_from({"resets": "explicit", "events": [], "observes": [name]}) for name in ("total", "balances")
    )
    assert (terms.looks_ahead, beside.looks_ahead) == (True, False)
    assert terms.bars(Answer("accepted", balances=pools)).startswith("it would lift a balance beyond")


def test_the_report_says_what_was_not_sent() -> None:
    told = lines_of(fuzzed(Strict({"largest": 60_000, "jobs": "batch", "instants": "seconds"}, lambda *_: ""), examples=2))
    for line in ("no amount beyond 60,000 was sent", "whole seconds", "for all accounts for which it was due"):
        assert line in told


def test_what_is_found_where_one_job_runs_by_itself_is_a_vector_like_any_other() -> None:
    def wrong(sut: Strict, request: Message, said: Message) -> str:
        return "" if request["event"] != "renew" or said["outcome"] == "refused" else "not today"

    verdict = fuzzed(Strict({}, wrong, "daily=implied"))
    assert verdict.counterexample is not None
    vector = found_vector(verdict.counterexample, verdict.policy, verdict.catalogue, "daily=implied")
    assert vector["resets"] == {"renewal": "explicit", "daily": "implied"}
    case = case_of(vector)
    right, explicit = (
        run_suite(Strict({}, unlisted_job("daily_reset"), resets), [case]) for resets in ("daily=implied", "explicit")
    )
    assert (right.count("passed"), run_suite(Strict({}, wrong, "daily=implied"), [case]).count("failed")) == (1, 1)
    assert explicit.count("failed") == 0


# Figures of its own


def test_the_verdict_names_the_figures_that_it_has_fixed() -> None:
    verdict = fuzzed(Strict({"catalogue": {"daily": 7}}, lambda *_: ""), examples=2)
    assert sentence(verdict) == "conforms (fixed by the implementation: its own daily)"
    assert verdict.catalogue.written()["daily"] == 7


def test_a_wrong_answer_is_judged_by_its_own_figures() -> None:
    client = Strict(
        {"catalogue": {"daily": 7}}, lambda sut, request, said: (said["balances"] and said["balances"].update(daily=150)) or ""
    )
    verdict = fuzzed(client, examples=2)
    assert verdict.counterexample is not None
    assert [wrong for name, *wrong in verdict.counterexample.error.differences if name == "balances.daily"] == [[7, 150]]
    vector = found_vector(verdict.counterexample, verdict.policy, verdict.catalogue, "explicit")
    assert case_of(vector).vector.catalogue["daily"] == 7


def test_vectors_that_its_figures_change_are_skipped_and_the_others_are_run_under_them() -> None:
    run = run_of(Strict({"catalogue": {"daily": 149}}, lambda *_: ""), infers=False)
    why = {each.why for each in run.results if each.result == "skipped"}
    assert (run.count("failed"), "it comes to something else with its own figures" in why) == (0, True)
    verdict = vectors_report(SUITE, CASES, run, {}, 0).verdict
    assert verdict.startswith("conforms (fixed by the implementation: its own daily): ")


@pytest.mark.parametrize("figures", [{"daily": -1}, {"packs": {"none": 0}}, {"plans": {"free": {"allowance": 0}}}])
def test_figures_that_break_the_limits_are_bad_data(figures: Message) -> None:
    class Unlimited(Client):
        def ask(self, request: Message) -> Message:
            return {"resets": "explicit", "events": ["open_account"], "observes": ["outcome"], "catalogue": figures}

        def end(self) -> None:
            pass

    said = rf"catalogue in its answer to open: .*with the figures that the implementation has fixed \({next(iter(figures))}\)"
    for ask in (fuzzed, lambda client: run_of(client, False)):
        with pytest.raises(BadSetting, match=said):
            ask(Unlimited())  # type: ignore[arg-type]


class Changing(Strict):
    """Says other figures in each world."""

    def __init__(self, *daily: int) -> None:
        super().__init__({}, lambda *_: "")
        self._daily = list(daily)

    def ask(self, request: Message) -> Message:
        if request["op"] == "open":
            self._says = {"catalogue": {"daily": self._daily[0]}}
            self._daily = self._daily[1:] or self._daily
        return super().ask(request)


def test_figures_that_change_from_world_to_world_diverge() -> None:
    verdict = fuzzed(Changing(7, 8), examples=2)
    assert verdict.counterexample is not None
    assert "catalogue.daily is 8 where 7 was asked for" in str(verdict.counterexample.error)


def test_figures_may_be_repeated_as_they_were_asked_for() -> None:
    class Echoing(Strict):
        def ask(self, request: Message) -> Message:
            return super().ask(request) | ({"catalogue": request["catalogue"]} if request["op"] == "open" else {})

    run = run_of(Echoing({}, lambda *_: ""), infers=False)
    assert (run.count("failed"), run.figures) == (0, {})
    assert len({str(case.vector.catalogue) for case in CASES}) > 1


@pytest.mark.parametrize("part", ["fields", "largest", "refusals", "repeats", "instants", "jobs"])
def test_what_else_it_says_is_the_same_each_time(part: str) -> None:
    says = {"fields": ["model"], "largest": 10**6, "refusals": [], "repeats": "none", "instants": "seconds", "jobs": "batch"}

    class Once(Strict):
        def ask(self, request: Message) -> Message:
            answer = super().ask(request)
            self._says = {part: says[part]}
            return answer

    verdict = fuzzed(Once({}, lambda *_: ""), examples=2)
    assert verdict.counterexample is not None
    assert str(verdict.counterexample.error).endswith(f"from the first time: its {part}")


@pytest.mark.parametrize(
    ("says", "rule"),
    [
        ({"catalogue": []}, "catalogue: it is an object"),
        ({"catalogue": {"dayly": 3}}, "catalogue.dayly: there is no such key"),
        ({"catalogue": {"aliases": {}}}, "catalogue.aliases: each alias is for logs alone"),
        ({"catalogue": {"daily": "many"}}, "catalogue.daily: expected integer, got string"),
        ({"catalogue": {"daily": 1.5}}, "catalogue.daily: expected integer"),
        ({"catalogue": {"ranking": "free"}}, "catalogue.ranking: expected array, got string"),
        ({"catalogue": {"plans": {"free": {"api": 0}}}}, "catalogue.plans.allowance: the key is required and missing"),
        (
            {"catalogue": {"plans": {"free": {"allowance": 0, "relaxed": ["smell"]}}}},
            "catalogue.plans: it is one of image, video",
        ),
        ({"catalogue": {"packs": {"small": None}}}, "catalogue.packs"),
        (
            {"catalogue": {"models": {"m": {"origin": "elsewhere", "paid_only": False}}}},
            "catalogue.models: it is one of first_party, third_party",
        ),
        ({"largest": 0}, "largest: it is a whole number from 1 to"),
        ({"largest": 1.5}, "largest: it is a whole number"),
        ({"largest": True}, "largest: it is a whole number"),
        ({"refusals": "all"}, "refusals: it is a list of names"),
        ({"refusals": ["no_money"]}, 'refusals: there is no "no_money"'),
        ({"repeats": "some"}, "repeats: it is one of any, same_request, none"),
        ({"instants": "minutes"}, "instants: it is one of milliseconds, seconds"),
        ({"jobs": ["batch"]}, "jobs: it is one of per_account, batch"),
        ({"resets": {"weekly": "implied"}}, "resets.weekly: there is no such clock"),
        ({"resets": {"daily": "often"}}, "resets.daily: it is explicit or implied"),
        ({"resets": ["implied"]}, "resets: it is explicit or implied, or an object"),
        (
            {"resets": {"daily": "implied"}},
            "events: where resets of daily are implied, no job is written, and it lists daily_reset",
        ),
    ],
)
def test_what_it_cannot_say_breaks_the_protocol(says: Message, rule: str) -> None:
    verdict = fuzzed(Strict(says, lambda *_: ""), examples=1)
    assert verdict.counterexample is not None
    assert f"its answer to open breaks the protocol: {rule}" in str(verdict.counterexample.error)


def test_catalogues_on_the_wire_have_every_key_that_it_may_fix() -> None:
    for key, value in catalogue_on_the_wire(DEFAULT).items():
        assert capabilities_from({"resets": "explicit", "events": [], "observes": [], "catalogue": {key: value}}).catalogue == {
            key: value
        }

"""Random runs of an implementation reach everything: what one thing could be taken for, and every rule after every other."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from differential.walks import EFFORT, some_of
from sut.calling import call, sut
from sut.implementation import Beside
from sut.mistaken import Message, Mistaken, TakesNoEmptyIds
from sut.mistaken_kinds import AFTER_MANY, BY_LISTS, BY_UNLISTED_NAMES, IN_CHAINS, IN_MIXED_CHAINS, IN_SEQUENCES, MISTAKEN
from sut.mistaken_memory import LeavesOneUnfetched
from sut.mistaken_rules import LosesOneOfTheSecond, RefundsAfterPayment, UpgradesFromThePlanOfAnother, UpgradesOnce
from tokenspec.oracle.fuzz.conformance import conform
from tokenspec.oracle.fuzz.following import by_two, search_of, side_by_side
from tokenspec.oracle.fuzz.names import BETWEEN, LONGEST, alike, fresh, joined_alike
from tokenspec.oracle.fuzz.pairs import RulePairs, Sequences, TakenSearch, runs_again, search_pairs
from tokenspec.oracle.fuzz.scenes import DICE, scene_of
from tokenspec.oracle.fuzz.sut import SutFuzz, sut_fuzz
from tokenspec.oracle.sut.world import Diverged, Openings, SutSettings
from tokenspec.oracle.wire.settings import policy_from
from tokenspec.spec.catalogue import DEFAULT

SETTING = SutSettings(policy_from({}), DEFAULT)
UNDONE = IN_CHAINS | IN_MIXED_CHAINS | IN_SEQUENCES
Twice = list[tuple[list[Message], list[Message]]]


def fuzz_of(wallet: Mistaken) -> type[SutFuzz]:
    """The runs against a wallet, under the usual settings."""
    openings = Openings(wallet)
    return sut_fuzz(openings, SETTING.opened_at(openings), SETTING)


@pytest.mark.slow
@pytest.mark.parametrize("fault", some_of(MISTAKEN, 3))
def test_what_takes_one_thing_for_another_is_found(fault: str) -> None:
    found = conform(MISTAKEN[fault](), SETTING, 700, 50, 1).counterexample
    assert found is not None
    assert found.is_reproduced
    assert len(found.records) < 16


@pytest.mark.parametrize("fault", BY_LISTS)
def test_what_dice_seldom_meet_is_on_a_list(fault: str) -> None:
    fuzz = fuzz_of(BY_LISTS[fault]())
    with pytest.raises(Diverged):
        fuzz().sweep()


def test_an_empty_id_is_an_id() -> None:
    with pytest.raises(Diverged):
        fuzz_of(TakesNoEmptyIds())().sweep_names()


@pytest.mark.parametrize("fault", BY_UNLISTED_NAMES)
def test_a_name_that_is_not_listed_may_be_taken_for_one_that_is(fault: str) -> None:
    with pytest.raises(Diverged):
        fuzz_of(BY_UNLISTED_NAMES[fault]())().sweep_lists()


@pytest.fixture(scope="module")
def searched() -> tuple[RulePairs, TakenSearch]:
    fuzz = fuzz_of(Mistaken())
    search = search_of(fuzz, by_rules=True)
    for _ in search_pairs(fuzz.pairs, search):
        pass
    return fuzz.pairs, search


@pytest.fixture(scope="module")
def twice(searched: tuple[RulePairs, TakenSearch]) -> Twice:
    return list(runs_again(*searched))


@pytest.fixture(scope="module")
def undoing(searched: tuple[RulePairs, TakenSearch]) -> list[list[Message]]:
    pairs, search = searched
    return list(Sequences(search, pairs.reached.values()).runs(pairs.by_state.values()))


def _follow_all(fuzz: type[SutFuzz], runs: list[list[Message]]) -> None:
    for run in runs:
        fuzz().follow(run, 0, 0)


@pytest.mark.parametrize("fault", UNDONE)
def test_what_comes_after_something_was_undone_is_tried(fault: str, undoing: list[list[Message]]) -> None:
    fuzz = fuzz_of(UNDONE[fault]())
    with pytest.raises(Diverged):
        _follow_all(fuzz, undoing)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "fault"), [*enumerate([*IN_CHAINS][:1] + [*IN_SEQUENCES][:EFFORT])])
def test_a_default_run_comes_to_a_chain_of_rules(seed: int, fault: str) -> None:
    found = conform(UNDONE[fault](), SETTING, 700, 50, seed).counterexample
    assert found is not None
    assert found.is_reproduced
    assert len(found.records) < 9


def test_sequences_are_accepted_to_their_ends_and_little_of_a_run(undoing: list[list[Message]]) -> None:
    fuzz = fuzz_of(Mistaken())
    for run in undoing:
        done = fuzz()
        done.follow(run, 0, 0)
        assert all(answer is not None and answer.outcome == "accepted" for answer in done._right)
    assert 100 < len(undoing) < 150
    assert fuzz.count.steps < 4_500


@pytest.mark.parametrize("event", ["upgrade", "renew"])
def test_what_happens_to_one_account_happens_to_another_as_well(event: str, searched: tuple[RulePairs, TakenSearch]) -> None:
    fuzz = fuzz_of(LosesOneOfTheSecond(event))
    with pytest.raises(Diverged):
        _follow_all(fuzz, [by_two(run) for run in searched[0].shortest()])


def test_two_accounts_do_different_things_at_one_time(undoing: list[list[Message]]) -> None:
    runs = list(side_by_side(undoing))
    assert sum(map(len, runs)) == sum(map(len, undoing))
    with pytest.raises(Diverged):
        _follow_all(fuzz_of(UpgradesFromThePlanOfAnother()), runs)


def _fetch_after_all(fuzz: type[SutFuzz], pairs: RulePairs) -> None:
    for run in pairs.shortest():
        fuzz().fetch_after(run)


@pytest.mark.parametrize("event", ["upgrade", "renew", "buy_topup", "payment_failed"])
def test_each_session_fetches_after_each_event(event: str, searched: tuple[RulePairs, TakenSearch]) -> None:
    with pytest.raises(Diverged):
        _fetch_after_all(fuzz_of(LeavesOneUnfetched(event)), searched[0])


def test_what_can_be_done_twice_is_and_what_was_spent_is_asked_back(twice: Twice) -> None:
    runs = [[*first, *then] for first, then in twice]
    upgrades = next(run for run in runs if [record["event"] for record in run].count("upgrade") == 2)
    with pytest.raises(Diverged):
        fuzz_of(UpgradesOnce())().follow(upgrades, 0, 0)
    paid_late = next(
        run for run in runs if [record["event"] for record in run][-3:] == ["payment_failed", "renew", "payment_failed"]
    )
    with pytest.raises(Diverged):
        fuzz_of(RefundsAfterPayment())().spend_around(paid_late[:-1])


def _many_times(fuzz: type[SutFuzz], twice: Twice) -> None:
    for first, then in twice:
        fuzz().repeat_often(first, then)
    fuzz().sweep_sessions()
    fuzz().sweep_screens()
    fuzz().sweep_periods()


@pytest.mark.parametrize("fault", AFTER_MANY)
def test_what_happens_many_times_or_long_after_is_tried(fault: str, twice: Twice) -> None:
    fuzz = fuzz_of(AFTER_MANY[fault]())
    with pytest.raises(Diverged):
        _many_times(fuzz, twice)


@pytest.mark.slow
@pytest.mark.parametrize("fault", some_of(AFTER_MANY, 1))
def test_a_default_run_comes_to_what_happens_many_times(fault: str) -> None:
    found = conform(AFTER_MANY[fault](), SETTING, 700, 50, 1).counterexample
    assert found is not None
    assert found.is_reproduced


def test_what_happens_many_times_is_accepted_and_little_of_a_run(twice: Twice) -> None:
    fuzz = fuzz_of(Mistaken())
    accepted = Counter[str]()
    for first, then in twice:
        run = fuzz()
        run.repeat_often(first, then)
        right = zip(run.records, run._right, strict=True)
        accepted |= Counter(record["event"] for record, answer in right if answer is not None and answer.outcome == "accepted")
    assert all(accepted[first[-1]["event"]] >= 64 for first, _ in twice)
    assert fuzz.count.steps < 2_300


@pytest.mark.slow
def test_every_pair_of_rules_is_met_and_the_same_seed_meets_as_many() -> None:
    verdict = conform(Mistaken(), SETTING, 3, 50, 1, required=99)
    assert (verdict.word, verdict.missed, verdict.cold) == ("conforms", "", [])
    assert verdict.pairs is not None
    assert len(verdict.pairs.reached) > 300
    assert verdict.pairs.not_met == []


class RefusesZero(Mistaken):
    """A right server that does not run worlds without daily tokens."""

    def ask(self, request: Message) -> Message:
        daily = request.get("catalogue", {}).get("daily")
        self.seen = getattr(self, "seen", set()) | {daily}
        return {"error": "there are always daily tokens"} if daily == 0 else super().ask(request)


def test_one_that_refuses_some_figures_is_tried_under_the_others() -> None:
    wallet = RefusesZero()
    verdict = conform(wallet, SETTING, 14, 4, 1)
    assert (verdict.word, verdict.not_run) == ("conforms", "")
    assert len(wallet.seen - {None}) >= 4


FEW = """
from tokenspec.oracle.serve.server import Server


class Wallet(Server):
    def handle(self, request):
        answer = super().handle(request)
        return answer | ({"events": ["open_account", "subscribe", "cancel", "resume", "renew"]} if "events" in answer else {})
"""


def test_coverage_is_required_of_what_can_be_met_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "few.py").write_text(FEW)
    monkeypatch.chdir(tmp_path)
    done = call("fuzz", "--sut", "python:few:Wallet", "--examples", "20", "--require-coverage", "--format", "json")
    told = json.loads(done.out)
    assert done.code == 0, told["why"]
    assert told["require_coverage"] == 99
    assert 0 < told["pairs"]["reached"] < 100
    assert told["pairs"]["met"] + len(told["pairs"]["not_met"]) == told["pairs"]["reached"]


def test_a_search_that_time_ended_fails_the_gate_and_says_so() -> None:
    done = call("fuzz", "--sut", "python:tokenspec.oracle.serve.server:Server", "--seconds", "1", "--require-coverage")
    assert done.code == 16
    assert done.out.splitlines()[-1].startswith("coverage gate failed: ")
    assert "the search for pairs of rules was not finished" in done.out
    assert "time ended" in done.out


def test_coverage_is_no_matter_of_machines_alone_or_of_unknown_settings() -> None:
    assert call("fuzz", "--require-coverage").code == 64
    inferred = call("fuzz", "--sut", sut("small.py", "good"), "--require-coverage", "--policy", "infer")
    assert inferred.code == 64
    assert "name them in place of --policy infer" in inferred.err


OWN = """
from tokenspec.oracle.serve.server import Server


class Wallet(Server):
    def handle(self, request):
        figures = {"catalogue": request["catalogue"] | {"daily": 150}} if request["op"] == "open" else {}
        return super().handle(request | figures)
"""


class RunsTheDefaultAlone(Mistaken):
    def ask(self, request: Message) -> Message:
        if request["op"] == "open" and request["catalogue"]["daily"] != DEFAULT.daily:
            return {"error": "it has the default figures alone"}
        return super().ask(request)


def test_figures_that_differ_are_told_saved_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "found.jsonl"
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    sut_of_it = "python:own:Wallet"
    done = call("fuzz", "--sut", sut_of_it, "--examples", "20", "--save", log, "--database", tmp_path / "kept")
    assert done.code == 15
    assert "under a catalogue with daily" in done.out
    assert call("replay", log, "--catalogue", log.with_suffix(".toml")).code == 15
    again = call("fuzz", "--sut", sut_of_it, "--examples", "1", "--database", tmp_path / "kept")
    assert again.code == 15
    assert "1 found by earlier runs were tried first" in again.out


def test_what_runs_no_other_figures_is_tried_under_its_own_and_says_so() -> None:
    verdict = conform(RunsTheDefaultAlone(), SETTING, 6, 30)
    assert (verdict.word, verdict.not_run) == ("conforms", "it has the default figures alone")
    assert verdict.catalogue == DEFAULT


def test_a_short_run_has_no_search_and_says_nothing_of_pairs() -> None:
    assert conform(Beside("good"), SETTING, 2, 20).pairs is None


def test_names_that_are_alike_are_others_and_no_longer_than_a_column() -> None:
    for number in range(1, 30):
        for die in range(256):
            name = fresh("e", number, die)
            near = alike(name, die + number)
            assert near != name
            assert 0 < len(near) <= LONGEST


@pytest.mark.parametrize("between", BETWEEN)
def test_a_pair_of_names_is_joined_as_another_one_is(between: str) -> None:
    scenes = [
        scene_of(bytes((0, 0, 0, 0, 0, named, other, third)))
        for named in (1, 9)
        for other in (0, 5)
        for third in range(1, 256, 4)
    ]
    found = 0
    for first, _, third in (scene.accounts for scene in scenes):
        for who, other, name in ((first, third, "e7"), (third, first, f"{third[len(first) + len(between) :]}{between}e7")):
            near = joined_alike(who, [(other, name)])
            found += f"{other}{between}{name}" in {f"{who}{between}{each}" for each in near}
    assert found >= 8


def test_scenes_lie_in_all_years_and_have_three_accounts() -> None:
    scenes = [scene_of(bytes((n * k) % 256 for k in range(1, DICE + 1))) for n in range(256)]
    assert all(len(set(scene.accounts)) == 3 for scene in scenes)
    assert min(scene.start for scene in scenes) < 3 * 366 * 86_400_000
    assert max(scene.start for scene in scenes) > 250_000_000_000_000 * 0.9

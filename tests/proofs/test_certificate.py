"""A certificate is believed only as far as it can be re-checked: whatever is changed in one, it is rejected and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalogues import plan
from command.conftest import within
from made_once import made_once
from proofs.worked_out_once import calendars, from_states, ruled_out
from proofs.worked_out_once import checked as checked_as_usual
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.lang.catalogue import AnyCatalogue
from tokenspec.machine.proofs.contexts import LEMMA
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.specification import claimed_machines, claims
from tokenspec.oracle.check import verify as verifying
from tokenspec.oracle.check.certificate import Certificate, fingerprint, packed, unpacked
from tokenspec.oracle.check.evidence import CheckSettings
from tokenspec.oracle.check.verdicts import verdicts
from tokenspec.oracle.check.verify import Checked, ShownObligation, read, verify, wanted
from tokenspec.oracle.command.verbs.check_certificate import certified
from tokenspec.oracle.fuzz.campaign import CampaignResult
from tokenspec.oracle.fuzz.campaign import run as fuzzed
from tokenspec.oracle.wire.settings import catalogue_on_the_wire
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

pytestmark = pytest.mark.slow

Data = dict[str, Any]
_closure = verifying._closure


@pytest.fixture(scope="module")
def good() -> bytes:
    evidence = checked_as_usual(CheckSettings(TINY, 120, policy={"refund": "none"}, keeps_states=True))
    return certified(verdicts(evidence), evidence)


def closure(found: Certificate, told: Checked, solve: verifying.Solve, tick: verifying.Tick) -> list[str]:
    """What is wrong with the states of a certificate, which depends on them and its policies alone."""

    def walked() -> tuple[list[str], int, int, Any]:
        faults = list(_closure(found, told, solve, tick))
        return faults, told.states, told.steps, told.engines.pop("explore", None)

    faults, told.states, told.steps, explored = made_once(("closure", found.scope, found.policy, found.reachable), walked)
    told.engines |= {"explore": explored} if explored is not None else {}
    return faults


@pytest.fixture(autouse=True)
def _what_all_have_in_common_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "calendar_findings", calendars)
    monkeypatch.setattr(verifying, "_closure", closure)
    monkeypatch.setattr(verifying, "from_every_state", from_states)
    monkeypatch.setattr(verifying, "absences", lambda _, settings, *__: ruled_out((*settings.items(),)))


def shown(own: AnyCatalogue | None = None) -> Iterator[ShownObligation]:
    """What a solver says that shows everything."""
    for machine in claimed_machines(system()):
        names = [lemma.name for lemma in lemmas() if lemma.machine == machine.name]
        for claim, part, about in wanted(machine, names):
            yield ShownObligation(machine.name, claim, part, about, True)


def checked(content: bytes, solve: verifying.Solve = shown) -> Checked:
    return verify(read(content, "file"), solve, lambda _: None)


def changed(good: bytes, change: Callable[[Data], object]) -> bytes:
    data: Data = msgspec.json.decode(good)
    change(data)
    return msgspec.json.encode(data)


def with_ranks(data: Data, change: Callable[[list[int]], list[int]]) -> None:
    reachable = data["reachable"]
    reachable["ranks"] = packed(sorted(change(list(unpacked(reachable["ranks"])))))


def test_a_re_check_is_told_in_the_forms_asked_for(good: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenspec.oracle.command.verbs.check_certificate._shown", lambda _, own: shown(own))
    (tmp_path / "tiny.cert").write_bytes(changed(good, lambda data: data["claims"].pop()))
    done = within("check", "--verify", tmp_path / "tiny.cert", "--format", "json", "--report", f"junit={tmp_path / 'check.xml'}")
    assert (done.code, bool(done.report["faults"])) == (65, True)
    assert (tmp_path / "check.xml").read_text().count("<failure") == 1


def test_a_good_one_is_verified(good: bytes) -> None:
    result = checked(good)
    assert result.faults == []
    states = len(list(unpacked(msgspec.json.decode(good)["reachable"]["ranks"])))
    assert (result.states, result.steps) == (states, states * len(instances(account(TINY.catalogue), TINY.values)))
    assert result.events > 1_000
    again = result.claims - len(result.trusted)
    assert result.told().startswith(f"{again} claims checked again, {len(result.trusted)} taken on trust")


def test_one_of_a_catalogue_of_one_s_own_holds_what_is_claimed_of_that(good: bytes) -> None:
    own = DEFAULT.but(ranking=("free", "plus"), plans={"free": plan(0), "plus": plan(9)}, bank_months=12)
    stated = {c.id: {"sentence": c.sentence, "formulas": fingerprint(c.parts)} for c in claims(own)}
    of_own = changed(
        good, lambda d: [d.update(catalogue=catalogue_on_the_wire(own)), *(c.update(stated[c["id"]]) for c in d["claims"])]
    )
    assert list(verifying._identity(read(of_own, "file"))) == []
    of_another = changed(of_own, lambda d: d["catalogue"].update(bank_months=3))
    assert [fault for fault in verifying._identity(read(of_another, "file")) if "bank_within" in fault]


CHANGES: dict[str, tuple[Callable[[Data], object], str]] = {
    "a state removed": (lambda d: with_ranks(d, lambda ranks: ranks[:1_000] + ranks[1_001:]), "which is missing"),
    "the first state removed": (lambda d: with_ranks(d, lambda ranks: ranks[1:]), "the first state is missing"),
    "a state added": (lambda d: with_ranks(d, lambda ranks: [*ranks, max(ranks) + 1]), "does not hold|which is missing"),
    "states that cannot be read": (lambda d: d["reachable"].update(ranks="AAAA"), "cannot be read"),
    "another numbering": (lambda d: d["reachable"]["digits"].reverse(), "numbered in another way"),
    "another declaration": (lambda d: d.update(digest="0" * 64), "of another declaration"),
    "a claim's sentence": (lambda d: d["claims"][7].update(sentence="Tokens are tokens."), "says something else"),
    "a claim's formulas": (lambda d: d["claims"][7].update(formulas="0" * 64), "says something else"),
    "a claim left out": (lambda d: d["claims"].pop(3), "is missing"),
    "a claim of its own": (lambda d: d["claims"].append(d["claims"][0] | {"id": "all_is_well"}), "is not one of ours"),
    "a claim that is refuted": (lambda d: d["claims"][0].update(verdict="refuted"), "certified as refuted"),
    "a lemma": (lambda d: d["lemmas"].popitem(), "its lemmas"),
    "a policy": (lambda d: d["policy"].update(refund="sometimes"), "its policies"),
    "the settings that were fixed": (lambda d: d["settings"].clear(), "not of the settings"),
    "the version": (lambda d: d.update(version="9.9"), "version '9.9'"),
    "the method of every claim": (lambda d: [c.update(method="prove, by hand") for c in d["claims"]], "'prove, by hand'"),
    "a weaker verdict than was shown": (lambda d: of(d, "conservation").update(verdict="holds"), "makes it proved"),
    "a stronger verdict than was shown": (
        lambda d: of(d, "never_stuck").update(verdict="proved"),
        "said to be proved|makes it holds",
    ),
    "a claim twice": (lambda d: d["claims"].append(d["claims"][0]), "2 times"),
    "a part that is said not to arise": (
        lambda d: of(d, "plan_changes_keep_the_date").update(does_not_arise=["date_stands"]),
        "cannot arise, and nothing shows it",
    ),
    "a claim that is said not to arise": (lambda d: of(d, "periods_tile").update(verdict="does_not_arise"), "makes it holds"),
}


def of(data: Data, claim: str) -> Data:
    """What a certificate says of a claim."""
    found: Data = next(each for each in data["claims"] if each["id"] == claim)
    return found


@pytest.mark.parametrize("what", CHANGES)
def test_one_with_something_changed_is_rejected(good: bytes, what: str) -> None:
    change, fault = CHANGES[what]
    faults = "\n".join(checked(changed(good, change)).faults)
    assert any(part in faults for part in fault.split("|"))


def test_another_policy_has_other_states(good: bytes) -> None:
    def change(data: Data) -> None:
        for settings in (data["policy"], data["settings"]):
            settings.update(lapse_bank="frozen")

    assert checked(changed(good, change)).faults


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("machine", "claim", "part"), [("account", "conservation", "each_pool"), ("account", LEMMA, "free_is_plain")]
)
def test_each_rule_has_to_be_shown_again(good: bytes, machine: str, claim: str, part: str, is_there: bool) -> None:
    """`is_there`: a solver does not show it; else nobody asked one."""

    def solve(own: AnyCatalogue | None) -> Iterator[ShownObligation]:
        for o in shown(own):
            if (o.machine, o.claim, o.part, o.about) != (machine, claim, part, "renews"):
                yield o
            elif is_there:
                yield replace(o, holds=False)

    faults = checked(good, solve).faults
    assert [fault.split(":")[0] for fault in faults] == [f"{claim}, part {part}"]
    assert "at renews" in faults[0]


def test_nothing_is_shown_where_no_solver_is_asked(good: bytes) -> None:
    assert checked(good, lambda own: iter(())).faults


def test_what_breaks_in_random_runs_is_told_and_what_they_miss_is_taken_on_trust(
    good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few(examples: int, **rest: Any) -> CampaignResult:
        return fuzzed(1, steps=1, **rest)

    monkeypatch.setattr(verifying, "run", few)
    result = checked(good)
    assert result.faults == []
    # It takes two records of a run.
    assert "quote_is_charged" in result.trusted["charge_equals_price"]
    assert "charge_equals_price (" in result.told()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"format":"another/1"}'])
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(BadSetting):
        read(content, "file")


def test_numbers_are_packed_and_unpacked() -> None:
    numbers = [0, 1, 2, 127, 128, 300, 2**40]
    assert list(unpacked(packed(numbers))) == numbers

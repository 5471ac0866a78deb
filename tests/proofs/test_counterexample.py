"""A counterexample says what is false with its values, by the shortest way there; as a trace and as a log it breaks the claim."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from catalogues import catalogue as own
from catalogues import plan
from proofs.broken import broken, example, gathered, scoped
from tokenspec.invariants.scopes import SCOPES, TINY
from tokenspec.invariants.words import step
from tokenspec.machine.checkers.native.search import Search
from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.build import all_of, any_of, eq, var
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.claims import StatePart
from tokenspec.machine.mutation.edits import with_effect
from tokenspec.oracle.check.concretize import Log, UnrealisableError, realised
from tokenspec.oracle.check.counterexample import ACTION, PICKS, counterexamples, from_search, itf
from tokenspec.oracle.check.evidence import Searched
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import differences
from tokenspec.oracle.wire.settings import as_toml, catalogue_from_file
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

FALSE = {
    "daily_piles_up": "daily <= daily_allowance, with daily 2, daily_allowance 1",
    "bank_without_ceiling": "new.rollover <= new.ceiling or new.rollover <= rollover, "
    "with new.rollover 3, new.ceiling 2, rollover 2",
    "fast_survives_the_end": "fast = 0, where status = free, with fast 1",
    "leftover_to_topup": "moved_in.topup = 0, with moved_in.topup 1",
    "packs_reset_at_renewal": "event = buy_topup or event = generate or event = refund, where new.topup != topup, "
    "with event renew, new.topup 0, topup 1",
    "granted_at_creation": "new.renewals_due = renewals_due, where status = free and event = subscribe, "
    "with new.renewals_due 1, renewals_due 0",
    "relaxed_for_third_parties": "origin = first_party, where answer.mode = relaxed, with origin third_party",
    "ended_still_renews": "clock.renewal = stops, where status = cancelling and new.status = free, with clock.renewal keeps",
}
NOTES = {
    "latest_renewal_only": (
        "after renewal_falls_due, renew, renewal_falls_due, renew: rollover 2",
        "after renewal_falls_due, renewal_falls_due, renew: rollover 1",
    ),
    "no_rule_for_past_due": (
        "it is not refused, and no rule applies to it, in status past_due, plan lower, scheduled_plan (none), daily 1, fast 1, "
        "rollover 0, topup 0, api 0, renewals_due 1, daily_reset_due false",
    ),
}
REALISED = [*FALSE, *NOTES, "free_day_never_comes", "quote_off_by_one", "upgrade_refills", "day_granted_twice"]


@pytest.mark.parametrize("fault", list(FALSE))
def test_the_false_part_of_the_formula_is_told_with_the_values_it_reads(fault: str) -> None:
    assert [str(reason) for reason in example(fault).false] == [FALSE[fault]]


@pytest.mark.parametrize("fault", list(NOTES))
def test_what_no_formula_says_is_told_in_words(fault: str) -> None:
    found = example(fault)
    assert (found.false, found.notes) == ((), NOTES[fault])


def test_a_counterexample_is_the_claim_the_settings_the_trace_what_is_false_and_the_command() -> None:
    found = example("packs_reset_at_renewal")
    assert list(found.lines()) == [
        f"claim topup_by_purchase_and_spending_alone (changes) does not hold: {found.claim.sentence}",
        "  scope tiny: 1 a day, a month lower 1, higher 2, a bank of 2 months; default policies",
        "    1. open_account: status absent -> free, daily 0 -> 1",
        "    2. subscribe (plan lower): status free -> active, plan free -> lower, fast 0 -> 1",
        "    3. renewal_falls_due: renewals_due 0 -> 1",
        "    4. buy_topup (pack pack, quantity 1): topup 0 -> 1",
        "    5. renew: rollover 0 -> 1, topup 1 -> 0, renewals_due 1 -> 0",
        f"  false: {FALSE['packs_reset_at_renewal']}",
        "  again: tokenspec check --scope tiny",
    ]


def test_every_false_part_of_a_conjunction_is_told() -> None:
    found = example("return_restarts_the_day")
    before, after = var("daily"), var("new.daily")
    part = step("pools", all_of(eq(before, 5), after >= before, any_of(eq(after, 7), eq(after, 8))), after > 0)
    changed = replace(found, claim=replace(found.claim, parts=(part,)), part="pools")
    assert [reason.false for reason in changed.false] == ["daily = 5", "new.daily = 7 or new.daily = 8"]


def test_a_refusal_that_should_not_be_is_told_with_what_should() -> None:
    found = example("check_dropped", "exactly_one_outcome")
    assert [str(reason) for reason in found.false] == ["0 <= (api - cost), that is 0 <= -1, with api 0, cost 1"]
    assert found.notes == ("it should be refused, api_tokens_must_cover_cost",)


def test_a_dead_end_is_told_by_what_can_still_be_reached() -> None:
    (note,) = example("free_day_never_comes").notes
    assert note.startswith("from there on 2 states of the scope can be reached (open_account, daily_reset_falls_due, ")
    assert note.endswith("is refused in each: tokens_must_cover_cost")


@pytest.mark.slow
def test_ghosts_go_along_the_whole_trace() -> None:
    (reason,) = replace(example("upgrade_refills"), part="grants").false
    assert reason.values["new.granted_this_period"] == 3
    assert reason.values["new.highest_allowance"] == 2


def test_the_command_finds_the_same_thing_again() -> None:
    world = scoped("free_bank_pays", "free_has_no_plan_tokens")
    policy = next(p.parameter for p in world.machine.policies if p.name == "lapse_bank")
    opened = replace(world, open=(policy,))
    found = Search(opened).run()
    first = from_search(Searched(TINY, 2, opened, found), found)
    assert first.policy == {"lapse_bank": "frozen"}
    assert first.again == "tokenspec check --scope tiny --policy lapse_bank=frozen"
    fixed = scoped("free_bank_pays", "free_has_no_plan_tokens", first.policy)
    found = Search(fixed).run()
    again = from_search(Searched(TINY, 1, fixed, found), found)
    assert list(again.lines()) == list(first.lines())
    assert again.data() == first.data()


def test_of_each_part_the_shortest_counterexample_is_told_once() -> None:
    short, other = broken("packs_reset_at_renewal"), broken("daily_piles_up")
    longer = replace(short, found=replace(short.found, trace=[short.found.trace[0], *short.found.trace]))
    found = counterexamples(gathered([longer, other, short]))
    assert [(each.claim.id, len(each.trace)) for each in found] == [
        ("topup_by_purchase_and_spending_alone", 5),
        ("pools_within_allowance", 3),
    ]


# Traces


@pytest.mark.parametrize("fault", ["daily_piles_up", "fast_survives_the_end", "upgrade_adds_whole_allowance"])
def test_the_last_state_of_an_itf_trace_breaks_the_claim(fault: str) -> None:
    found = example(fault)
    trace = json.loads(json.dumps(itf(found)))
    state = {name: plain(trace["states"][-1][name]) for name in (v.name for v in found.machine.variables)}
    figures = {name: plain(trace["states"][0][name]) for name in trace["params"]}
    part = found.broken
    assert isinstance(part, StatePart)
    assert evaluate(part.holds, Bindings(found.machine, figures, state)) is False


def plain(value: object) -> bool | int | str:
    assert not isinstance(value, int) or isinstance(value, bool), "a bare number"
    if isinstance(value, dict):
        assert list(value) == ["#bigint"]
        return int(value["#bigint"])
    assert isinstance(value, bool | str)
    return value


def test_an_itf_trace_says_which_events_were_taken_and_with_what() -> None:
    trace = itf(example("packs_reset_at_renewal"))
    states = trace["states"]
    assert trace["#meta"]["format"] == "ITF"
    assert [state["#meta"]["index"] for state in states] == [0, 1, 2, 3, 4, 5]
    assert [state[ACTION] for state in states] == ["init", "open_account", "subscribe", "renewal_falls_due", "buy_topup", "renew"]
    assert states[2][PICKS] == {"plan": {"tag": "Some", "value": "lower"}}
    assert states[4][PICKS]["quantity"] == {"tag": "Some", "value": {"#bigint": "1"}}
    assert states[0][PICKS] == states[5][PICKS] == {}
    for state in states:
        assert set(trace["vars"]) <= state.keys()
    assert all(isinstance(value, str) for name, value in trace["#meta"].items() if name != "varTypes")


# Logs


def first_difference(log: Log, oracle: Oracle) -> int | None:
    """The line at which `oracle` answers otherwise than the log says."""
    for number, record in enumerate(log.records, 1):
        answer = oracle.apply({key: value for key, value in record.items() if key != "observed"})
        if differences(answer, record.get("observed", {})):
            return number
    return None


@pytest.mark.parametrize("fault", REALISED)
def test_a_log_is_what_the_faulty_declaration_answers(fault: str) -> None:
    found = example(fault)
    log = realised(found)
    answered = [record for record in log.records if "observed" in record]
    oracle = Oracle(log.world.policy, log.world.catalogue, log.world.resets, found.machine)
    assert first_difference(replace(log, records=answered), oracle) is None
    assert log.note == ""


@pytest.mark.parametrize("fault", ["daily_piles_up", "bank_without_ceiling", "packs_reset_at_renewal", "quote_off_by_one"])
def test_once_the_fault_is_mended_the_log_diverges_where_it_showed(fault: str) -> None:
    log = realised(example(fault))
    assert first_difference(log, Oracle(log.world.policy, log.world.catalogue, log.world.resets)) == len(log.records)


def test_two_ways_to_go_on_are_two_accounts() -> None:
    log = realised(example("latest_renewal_only"))
    ends = {record["account"]: record["observed"]["balances"]["rollover"] for record in log.records}
    assert ends == {"a": 2, "b": 1}


def test_time_that_a_log_is_silent_about_is_made_to_pass() -> None:
    found = example("granted_at_creation")
    uncounted = with_effect(account(TINY.catalogue), "renewal_waits", {"renewals_due": None})
    trace = (("open_account", ()), ("subscribe", ("lower",)), ("renewal_falls_due", ()))
    log = realised(replace(found, machine=uncounted, trace=trace))
    assert [record["event"] for record in log.records] == ["open_account", "subscribe", "quote"]


def test_a_refund_of_a_job_that_never_was_is_gone_around() -> None:
    found = example("packs_die_at_lapse")
    assert "refund" in [step.event for step in found.steps]
    log = realised(found)
    assert "refund" not in [record["event"] for record in log.records]
    assert log.note


def test_a_trace_that_no_calendar_allows_gives_no_log() -> None:
    found = example("daily_piles_up")
    with pytest.raises(UnrealisableError, match="the renewal clock does not run"):
        realised(replace(found, trace=(("open_account", ()), ("renewal_falls_due", ()))))
    with pytest.raises(UnrealisableError, match="never lead there"):
        realised(replace(found, trace=(("open_account", ()),)))


ODD = own(7, 2, {"free": plan(0), 'a "plan"\n': plan(9, 1, ("video",))}, {"ä b": 3}, prices={"x=1": 4})


@pytest.mark.parametrize("catalogue", [DEFAULT.but(aliases={}), ODD, *(scope.catalogue for scope in SCOPES.values())])
def test_a_catalogue_is_read_back_as_it_was_written(catalogue: Figures, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(as_toml(catalogue), encoding="utf-8")
    assert catalogue_from_file(file) == catalogue


def test_the_settings_of_a_log_are_complete() -> None:
    log = realised(example("daily_piles_up"))
    assert (dict(log.world.policy), log.world.resets) == (DEFAULTS, "explicit")

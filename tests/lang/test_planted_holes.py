"""A declaration with a hole is refused by name: the event, the rules and the state, or the claim, the part and the formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import pytest

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.scopes import TINY
from tokenspec.invariants.words import refuses
from tokenspec.machine.checkers.graph.graph import StateGraph
from tokenspec.machine.checkers.graph.holes import Hole, holes, vacuous
from tokenspec.machine.checkers.graph.liveness import liveness
from tokenspec.machine.checkers.monitor import Tally, Watch
from tokenspec.machine.checkers.native.search import split
from tokenspec.machine.checkers.prover.induction import REFUTED, Induction
from tokenspec.machine.checkers.search.reference import explore, instances
from tokenspec.machine.checkers.wording import given
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.build import eq, lift, requires
from tokenspec.machine.lang.claims import Claim, LivenessPart, StepPart, claim
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import TRUE
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.validate import validate
from tokenspec.machine.mutation.edits import with_definition, with_event, with_rule
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.daily_job import daily_job
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system
from tokenspec.spec.words import ACTIVE, allowance, fast, relaxed_serves, renewals_due, status

Seed = Callable[[Machine], Machine]
CLAIMS = claims(TINY.catalogue.ranking)


@dataclass(frozen=True)
class Planted:
    """How a hole is planted, and what has to be said of it: the event, the rules that apply, and a state of the lifecycle."""

    seed: Seed
    event: str
    rules: tuple[str, ...]
    status: str
    policy: Values = field(default_factory=dict)


def without_rule(event: str, name: str) -> Seed:
    return lambda m: with_event(m, event, lambda e: replace(e, rules=tuple(r for r in e.rules if r.name != name)))


PLANTED = {
    "one guard includes another": Planted(
        lambda m: with_rule(m, "resets_nothing", lambda r: replace(r, when=TRUE)),
        "daily_reset",
        ("resets_empty_subscriber", "resets_nothing"),
        "active",
    ),
    "a guard is dropped": Planted(
        lambda m: with_rule(m, "resets_empty_subscriber", lambda r: replace(r, when=TRUE)),
        "daily_reset",
        ("resets_empty_subscriber", "resets_nothing"),
        "active",
    ),
    "two rules start in one state": Planted(
        lambda m: with_rule(m, "ends_as_cancelled", lambda r: replace(r, source=(*r.source, "past_due"))),
        "renew",
        ("renews", "ends_as_cancelled"),
        "past_due",
    ),
    "guards overlap under one policy": Planted(
        lambda m: with_rule(m, "generates_relaxed", lambda r: replace(r, when=relaxed_serves.expr)),
        "generate",
        ("generates_for_tokens", "generates_relaxed"),
        "active",
        {"stranded_remainder": "relax"},
    ),
    "a state has neither rule nor refusal": Planted(
        lambda m: with_rule(m, "renews", lambda r: replace(r, source=(ACTIVE,))), "renew", (), "past_due"
    ),
    "a rule is missing": Planted(without_rule("cancel", "gives_up_unpaid"), "cancel", (), "past_due"),
}
each_hole = pytest.mark.parametrize("name", PLANTED)


def graph_of(machine: Machine, policy: Values) -> StateGraph:
    validate(machine)
    reader = Compiled(machine, {**TINY.catalogue.parameters(), **DEFAULTS, **policy})
    return StateGraph(reader, instances(machine, TINY.values), TINY.most)


@cache
def planted_graph(name: str) -> StateGraph:
    return graph_of(PLANTED[name].seed(account(TINY.catalogue)), PLANTED[name].policy)


def holes_of(graph: StateGraph) -> list[Hole]:
    return holes(graph.compiled, graph.events, graph.rows)


def test_the_account_and_the_small_machines_have_no_hole() -> None:
    for stranded in ("blocks", "relax"):
        assert holes_of(graph_of(account(TINY.catalogue), {"stranded_remainder": stranded})) == []
    for machine in system().machines[1:]:
        graph = StateGraph(Compiled(machine, {}), instances(machine, {}), {})
        assert holes_of(graph) == []


@each_hole
def test_a_hole_is_named_with_event_rules_and_state(name: str) -> None:
    graph, planted = planted_graph(name), PLANTED[name]
    (hole,) = holes_of(graph)
    assert (hole.event, hole.rules, hole.state["status"]) == (planted.event, planted.rules, planted.status)
    text = str(hole)
    assert text.startswith(f"event {planted.event}")
    assert f", in status {planted.status}, plan " in text
    assert f" (one of {hole.states:,} such states)" in text
    assert (f"rules {' and '.join(planted.rules)} apply" if planted.rules else "no rule applies") in text
    with pytest.raises(Gap):
        reference.step(graph.compiled.machine, graph.compiled.parameters, hole.state, hole.event, hole.fields)


@each_hole
def test_the_states_counted_are_those_in_which_the_reference_reader_finds_the_hole(name: str) -> None:
    graph, event = planted_graph(name), PLANTED[name].event
    machine, parameters, rows = graph.compiled.machine, graph.compiled.parameters, graph.rows[:600]
    fields = [f.name for f in machine.event_named[event].fields]
    states = set()
    for happens, values in graph.events:
        for number in range(len(rows)) if happens == event else ():
            try:
                reference.step(machine, parameters, graph.values(number), event, dict(zip(fields, values, strict=True)))
            except Gap:
                states.add(number)
    (hole,) = holes(graph.compiled, graph.events, rows)
    assert 0 < len(states) == hole.states


@pytest.mark.parametrize(
    ("name", "event", "says"),
    [
        ("a state has neither rule nor refusal", "renew", "no requirement fails and no rule applies"),
        ("one guard includes another", "daily_reset", "rules resets_empty_subscriber and resets_nothing apply"),
    ],
)
def test_a_hole_can_be_named_in_one_state_of_any_figures(name: str, event: str, says: str) -> None:
    """As where the prover has found one."""
    reader = Compiled(PLANTED[name].seed(account()), {**DEFAULT.parameters(), **DEFAULTS})
    state = dict(zip((v.name for v in reader.machine.variables), reader.initial, strict=True))
    state |= {"status": "past_due", "plan": "premium", "fast": 25_000, "renewals_due": 2, "daily_reset_due": True}
    (hole,) = holes(reader, [(event, ())], [tuple(state.values())])
    assert str(hole) == (
        f"event {event}: {says}, in status past_due, plan premium, scheduled_plan (none), daily 0, fast 25000, rollover 0, "
        "topup 0, api 0, renewals_due 2, daily_reset_due true"
    )


def test_an_overlap_under_another_policy_is_not_in_the_scope() -> None:
    planted = PLANTED["guards overlap under one policy"]
    assert holes_of(graph_of(planted.seed(account(TINY.catalogue)), {})) == []


@each_hole
def test_the_prover_names_the_event_too(name: str) -> None:
    obligations = Induction(planted_graph(name).compiled.machine, (), lemmas()).obligations()
    assert {PLANTED[name].event} == {o.about for o in obligations if o.claim == "exactly_one_outcome" and o.verdict == REFUTED}


# -- claims that are checked of nothing ------------------------------------------------------------------------------


def counted(machine: Machine, watched: tuple[Claim, ...]) -> Tally:
    """What a search of the tiny scope counts."""
    reader, tally = Compiled(machine, {**TINY.catalogue.parameters(), **DEFAULTS}), Tally()
    watch = Watch(machine, [c for some in split(watched) for c in some])
    assert explore(reader, instances(machine, TINY.values), TINY.most, watch.monitor(reader, tally)).violation is None
    return tally


def claim_named(name: str) -> Claim:
    return next(c for c in CLAIMS if c.id == name)


DRAINED = (
    "claim relaxed_only_when_empty, part drained: its interesting case never occurs: "
    "((answer.mode = relaxed) and (stranded_remainder = drain)) and (0 < fast)"
)
"""What the default answers leave out: they drain nothing."""


@pytest.mark.slow
def test_a_claim_is_named_whose_case_no_state_meets() -> None:
    relaxed, conservation = claim_named("relaxed_only_when_empty"), claim_named("conservation")
    first, *others = conservation.parts
    assert isinstance(first, StepPart)
    searched = [p for p in others if not getattr(p, "ghosts", ())]  # totals since opening have no bound
    empty = replace(conservation, parts=(replace(first, witness=lift(fast > allowance)), *searched))
    found = [str(v) for v in vacuous([relaxed, empty], counted(account(TINY.catalogue), (relaxed, empty)))]
    assert found == [DRAINED, "claim conservation, part each_pool: its interesting case never occurs: allowance < fast"]


@pytest.mark.slow
def test_a_claim_is_named_whose_case_the_declaration_no_longer_has() -> None:
    relaxed = claim_named("relaxed_only_when_empty")
    never_relaxed = with_definition(account(TINY.catalogue), "relaxed_serves", lambda _: False)
    found = [str(v) for v in vacuous([relaxed], counted(never_relaxed, (relaxed,)))]
    conditions, free, never = (
        f"claim relaxed_only_when_empty, part {name}: its interesting case never occurs: answer.mode = relaxed"
        for name in ("conditions", "free_of_charge", "never_while_tokens_cover_the_cost")
    )
    assert found == [conditions, free, DRAINED, never]


def test_a_leads_to_part_is_named_whose_premise_no_state_meets() -> None:
    idle = with_event(daily_job(), "falls_due", lambda e: replace(e, requires=(requires("it_never_does", False, ""),)))
    never_stuck, tally = claim_named("never_stuck"), Tally()
    (found,) = liveness(StateGraph(Compiled(idle, {}), instances(idle, {}), {}), [never_stuck], tally)
    assert (found.verdict, found.witnesses) == ("holds", 0)
    (part,) = [p for p in never_stuck.parts if isinstance(p, LivenessPart)]
    goal = given("generate", dict(part.fields))
    assert [str(v) for v in vacuous([never_stuck], tally)] == [
        f"claim never_stuck, part generation: its interesting case never occurs: {goal} is refused",
        "claim never_stuck, part daily_reset: its interesting case never occurs: "
        "(job = due) or (job = late), but not (job = waiting) or (job = overdue)",
    ]


def test_every_part_of_every_claim_is_named_where_nothing_was_counted() -> None:
    found = {(v.claim, v.part): v.witness for v in vacuous(CLAIMS, Tally())}
    assert list(found) == [(c.id, p.name) for c in CLAIMS for p in c.parts]
    assert found["pools_within_allowance", "daily"] == "daily = daily_allowance"
    assert found["late_equals_on_time", "days"] == "(status != absent) and (not daily_reset_due)"
    assert found["resets_commute", "daily"].startswith(
        "(daily_reset_due and (1 <= renewals_due)) and (status != free), but not ("
    )
    assert found["no_gifting", "transfer_refused"] == "a transfer is refused in every state"
    assert found["never_stuck", "generation"].endswith("is refused")


def test_a_part_about_refusals_is_named_with_its_codes() -> None:
    part = refuses("renew", ("subscription_must_exist", eq(status, ACTIVE)), ("renewal_must_be_due", renewals_due >= 1))
    (found,) = vacuous([claim(1, "renewals", "Renewals are refused.", "", part)], Tally())
    assert found.witness == "renew is refused with each of subscription_must_exist, renewal_must_be_due"

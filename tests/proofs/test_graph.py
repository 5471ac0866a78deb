"""The whole graph of a scope: what stays possible, what every fair run comes to, and that nothing ends for good.

Both searches are compared with others that work another way, over the account and over machines made at random.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

import pytest

from plain_search import explore
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.graph.findings import Dead, Finding, Lasso
from tokenspec.machine.checkers.graph.graph import NONE, StateGraph, deadlocks
from tokenspec.machine.checkers.graph.liveness import leads_to, liveness, stays_possible
from tokenspec.machine.checkers.monitor import Tally, Violation, Watch
from tokenspec.machine.checkers.wording import given
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang import claims as c
from tokenspec.machine.lang.build import eq, one_of, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Field, Machine
from tokenspec.machine.lang.errors import DeclarationErrors
from tokenspec.machine.lang.outcome import Accepted, Happened, Refused, Values
from tokenspec.machine.lang.types import Bool, Enum, Tokens
from tokenspec.machine.lang.validate import validate
from tokenspec.machine.lang.validate_claims import validate_claims
from tokenspec.machine.mutation.edits import with_effect, with_event
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import daily_job, system

Seed = Callable[[Machine], Machine]
Steps = dict[str, dict[str, str]]
"""For each event, from which place it leads to which."""
NEVER_STUCK = next(claim for claim in claims(TINY.catalogue.ranking) if claim.id == "never_stuck")
JOB, AT = var("job"), var("at")


def stuck_part() -> c.LivenessPart:
    (part,) = [p for p in NEVER_STUCK.parts if isinstance(p, c.LivenessPart)]
    return part


def reset_part(*fair: str) -> c.LeadsToPart:
    (part,) = [p for p in NEVER_STUCK.parts if isinstance(p, c.LeadsToPart)]
    return replace(part, fair=fair) if fair else part


def graph_of(machine: Machine, **most: int) -> StateGraph:
    validate(machine)
    return StateGraph(Compiled(machine, {}), instances(machine, {}), most)


@cache
def account_graph(seed: Seed | None = None) -> StateGraph:
    machine = account(TINY.catalogue) if seed is None else seed(account(TINY.catalogue))
    reader = Compiled(machine, {**TINY.catalogue.parameters(), **DEFAULTS})
    return StateGraph(reader, instances(machine, TINY.values), TINY.most)


def never(event: str) -> Seed:
    """An event that is always refused."""
    refusal = requires("it_must_never_happen", False, "")
    return lambda machine: with_event(machine, event, lambda e: replace(e, requires=(*e.requires, refusal)))


def follow(graph: StateGraph, way: Iterable[Happened], state: Values | None = None) -> list[Values]:
    """The states that the reference reader comes through; an event must change just what it is said to."""
    machine, parameters = graph.compiled.machine, graph.compiled.parameters
    states = [reference.initial_state(machine, parameters) if state is None else state]
    for taken in way:
        step = reference.step(machine, parameters, states[-1], taken.event, taken.fields)
        assert isinstance(step, Accepted)
        assert taken.changed == {n: (v, step.state[n]) for n, v in states[-1].items() if step.state[n] != v}
        states.append(step.state)
    return states


# -- the graph -------------------------------------------------------------------------------------------------------


def test_the_graph_has_the_states_and_transitions_that_the_explorer_counts() -> None:
    for machine in system().machines[1:]:
        found, graph = explore(Compiled(machine, {}), instances(machine, {}), {}), graph_of(machine)
        assert (found.states, found.transitions) == (len(graph.rows), len(graph.targets))
    graph, machine = account_graph(), account(TINY.catalogue)
    reader = Compiled(machine, {**TINY.catalogue.parameters(), **DEFAULTS})
    found = explore(reader, instances(machine, TINY.values), TINY.most)
    assert (len(graph.rows), sum(target != NONE for target in graph.targets)) == (found.states, found.transitions)
    assert max(len(graph.way_to(state)) for state in range(len(graph.rows))) == found.depth


def test_the_reference_reader_can_follow_the_way_to_a_state() -> None:
    graph = account_graph()
    for state in range(0, len(graph.rows), 97):
        assert follow(graph, graph.told(graph.way_to(state)))[-1] == graph.values(state)


def test_no_machine_of_the_account_ever_ends() -> None:
    for graph in (account_graph(), *map(graph_of, system().machines[1:])):
        assert deadlocks(graph) == []


def test_a_state_that_nothing_leaves_is_a_deadlock() -> None:
    shut = with_event(never("runs")(daily_job()), "falls_due", lambda e: replace(e, rules=e.rules[:1]))
    shut = with_event(shut, "falls_due", lambda e: replace(e, requires=(requires("it_must_wait", eq(JOB, "waiting"), ""),)))
    graph = graph_of(shut)
    assert [graph.values(state) for state in deadlocks(graph)] == [{"job": "overdue"}]


# -- what stays possible ---------------------------------------------------------------------------------------------

STUCK: dict[str, Seed] = {
    **{fault.id: fault.seed for fault in FAULTS if fault.claim == NEVER_STUCK.id},
    "a reset takes the day": lambda m: with_effect(m, "resets_free", {"daily": 0}),
}
NO_DAY_ENDS = never("daily_reset_falls_due")
AT_EASE = {fault.id: fault.seed for fault in FAULTS if fault.id in ("invoice_replayed", "bank_without_ceiling", "day_stays_due")}


def test_generating_stays_possible_in_every_state_of_the_account() -> None:
    found = stays_possible(account_graph(), NEVER_STUCK, stuck_part())
    assert (found.verdict, found.states, found.undecided) == ("holds", len(account_graph().rows), 0)
    assert 0 < found.witnesses < found.states
    what = f"{found.states:,} states, in {found.witnesses:,} of which there is something to wait for."
    said = f"claim never_stuck (generation) holds in {what}"
    assert [*found.lines()] == [said]
    otherwise = replace(stuck_part(), fields=stuck_part().fields[::-1])
    assert stays_possible(account_graph(), NEVER_STUCK, otherwise).witnesses == found.witnesses


@pytest.mark.parametrize("seed", [None, *STUCK.values(), *AT_EASE.values()], ids=["as declared", *STUCK, *AT_EASE])
def test_searching_backwards_finds_the_states_that_the_monitor_finds_forwards(seed: Seed | None) -> None:
    graph, dead = account_graph(seed), 0
    monitor = Watch(graph.compiled.machine, [NEVER_STUCK]).monitor(graph.compiled)
    for row in graph.rows:
        try:
            monitor._stays_possible(NEVER_STUCK, stuck_part(), row)
        except Violation:
            dead += 1
    found = stays_possible(graph, NEVER_STUCK, stuck_part())
    assert (found.broken.states if isinstance(found.broken, Dead) else 0, found.undecided) == (dead, 0)
    assert bool(dead) == (seed in STUCK.values())


def test_ways_that_go_on_for_ever_out_of_the_scope_are_not_called_dead() -> None:
    """A subscriber who has used everything up has one renewal after the other fall due, and that is allowed."""
    found = stays_possible(account_graph(NO_DAY_ENDS), NEVER_STUCK, stuck_part())
    assert isinstance(found.broken, Dead)
    assert (found.verdict, found.broken.states, found.undecided) == ("refuted", 4, 300)


@pytest.mark.parametrize("seed", [*STUCK.values(), NO_DAY_ENDS], ids=[*STUCK, "no day ends"])
def test_a_dead_state_comes_with_a_way_to_it_that_the_reference_reader_can_follow(seed: Seed) -> None:
    graph = account_graph(seed)
    dead = stays_possible(graph, NEVER_STUCK, stuck_part()).broken
    assert isinstance(dead, Dead)
    machine, parameters = graph.compiled.machine, graph.compiled.parameters
    seen = [follow(graph, dead.way)[-1]]
    for state in seen:
        refused = reference.step(machine, parameters, state, "generate", dict(stuck_part().fields))
        assert isinstance(refused, Refused)
        assert state != dead.end or refused.code == dead.code
        for event in stuck_part().events:
            step = reference.step(machine, parameters, state, event, {})
            if isinstance(step, Accepted) and step.rule not in stuck_part().without and step.state not in seen:
                seen.append(step.state)
    assert dead.end in seen


def test_the_goal_s_fields_may_stand_in_any_order() -> None:
    generate = account(TINY.catalogue).event_named["generate"]
    turned = replace(stuck_part(), fields=stuck_part().fields[::-1])
    assert dict(zip([f.name for f in generate.fields], turned.given(generate), strict=True)) == dict(stuck_part().fields)


def test_a_claim_may_be_about_worlds_of_which_the_machine_knows_nothing() -> None:
    comes = c.LivenessPart("comes", "daily_job", "falls_due", (), ("runs",), ())
    stated = c.claim(99, "comes", "It comes.", "F21", comes, where=var("daily_allowance") > 0)
    job = Compiled(daily_job(), {})
    monitor = Watch(daily_job(), [stated]).monitor(job)
    monitor.observe("falls_due", (), job.initial, job.steps["falls_due"](job.initial, ()), ())
    assert monitor.tally.checked["comes", "comes"] == 1


def test_a_dead_state_is_told_event_by_event() -> None:
    found = stays_possible(account_graph(STUCK["free_day_never_comes"]), NEVER_STUCK, stuck_part())
    fields = dict(stuck_part().fields)
    assert {
        "cost": 1,
        "media": "image",
        "origin": "first_party",
        "model_is_known": True,
        "job_is_new": True,
    }.items() <= fields.items()
    goal = given("generate", fields)
    assert found.verdict == "refuted"
    assert [*found.lines()] == [
        f"claim never_stuck (generation) does not hold: {NEVER_STUCK.sentence}",
        f"From 8 states nothing allowed leads to {goal}. The nearest of them:",
        "  1. open_account: status absent -> free, daily 0 -> 1",
        f"  2. {goal}: daily 1 -> 0",
        "     -> what is allowed from here ends up in status free, plan free, scheduled_plan (none), daily 0, fast 0, "
        "rollover 0, topup 0, api 0, renewals_due 0, daily_reset_due false",
        "        and stays within 2 states; the goal is refused there: tokens_must_cover_cost",
    ]


def test_where_the_only_way_leads_out_of_the_scope_nothing_is_decided() -> None:
    n = var("n")
    rises = Event("rise", Actor.CLOCK, "", (), (), (rule("rises", "on", None, "", effect=[n.becomes(n + 1)]),))
    rings = Event("ring", Actor.USER, "", (), (requires("n_must_be_high", n > 3, ""),), (rule("rang", "on", None, ""),))
    numbers = (variable("mode", Enum("Mode", ("on",)), "on", ""), variable("n", Tokens(), 0, ""))
    counter = Machine("counter", "", "mode", numbers, (rises, rings))
    part = c.LivenessPart("rings", "counter", "ring", (), ("rise",), ())
    claim = c.claim(1, "it_rings", "It can ring.", "", part)
    assert stays_possible(graph_of(counter, n=4), claim, part).verdict == "holds"
    found = stays_possible(graph_of(counter, n=3), claim, part)
    assert (found.verdict, found.undecided, found.broken) == ("unknown", 4, None)
    assert "4 of 4 states the only way leads out of the scope" in "".join(found.lines())


# -- what every fair run comes to ------------------------------------------------------------------------------------


def test_a_due_daily_reset_is_run_or_becomes_overdue() -> None:
    found = leads_to(graph_of(daily_job()), NEVER_STUCK, reset_part())
    assert (found.verdict, found.states, found.witnesses) == ("holds", 4, 2)


@pytest.mark.parametrize(
    ("machine", "fair", "rest"),
    [
        (
            daily_job(),
            ("four_hours_pass",),
            ["  2. four_hours_pass: job due -> late", "     -> and the run stops in job late, where no fair event is possible"],
        ),
        (daily_job(), ("two_days_pass",), ["     -> and the run stops in job due, where no fair event is possible"]),
        (
            never("two_days_pass")(daily_job()),
            (),
            ["  2. four_hours_pass: job due -> late", "     -> and the run stops in job late, where no fair event is possible"],
        ),
        (
            with_event(daily_job(), "four_hours_pass", lambda e: replace(e, rules=(replace(e.rules[0], target=None),))),
            (),
            ["     -> and from job due for ever round:", "  2. four_hours_pass: nothing changes"],
        ),
    ],
    ids=["two days need not pass", "four hours need not pass", "a late reset is never overdue", "a due reset is never late"],
)
def test_a_run_that_does_not_come_to_it_is_told_event_by_event(machine: Machine, fair: tuple[str, ...], rest: list[str]) -> None:
    found = leads_to(graph_of(machine), NEVER_STUCK, reset_part(*fair))
    assert found.verdict == "refuted"
    assert [*found.lines()] == [
        f"claim never_stuck (daily_reset) does not hold: {NEVER_STUCK.sentence}",
        "A fair run never comes to (job = waiting) or (job = overdue):",
        "  1. falls_due: job waiting -> due",
        "     -> (job = due) or (job = late)",
        *rest,
    ]


def test_of_several_fair_runs_one_with_the_shortest_stem_is_told() -> None:
    """From `d` one can go round over `b`, where a walk is not possible, or on to `e`, where one can stop."""
    steps = {"walks": {"a": "d", "d": "f"}, "drifts": {"d": "b", "b": "d"}, "jumps": {"b": "e"}}
    part = c.leads_to("comes", one_of(AT, "a", "b"), eq(AT, "f"), "walks", machine="wanderer")
    found = leads_to(graph_of(places(steps)), c.claim(1, "x", "One comes to f.", "", part), part)
    assert [*found.lines()][1:] == [
        "A fair run never comes to at = f:",
        "     -> (at = a) or (at = b)",
        "  1. walks: at a -> d",
        "     -> and from at d for ever round:",
        "  2. drifts: at d -> b",
        "  3. drifts: at b -> d",
    ]


def test_both_parts_of_the_claim_and_their_witnesses_are_counted() -> None:
    tally = Tally()
    graphs = [account_graph(), *map(graph_of, system().machines[1:])]
    found = [f for graph in graphs for f in liveness(graph, claims(TINY.catalogue.ranking), tally)]
    assert [(f.part.name, f.verdict) for f in found] == [("generation", "holds"), ("daily_reset", "holds")]
    states = {"generation": len(graphs[0].rows), "daily_reset": len(graph_of(daily_job()).rows)}
    assert tally.checked == {("never_stuck", part): number for part, number in states.items()}
    assert tally.witnesses.keys() == tally.checked.keys()
    assert all(0 < number < tally.checked[part] for part, number in tally.witnesses.items())


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("TS101", c.leads_to("p", eq(var("jobb"), "due"), eq(JOB, "waiting"), "runs", machine="daily_job")),
        ("TS101", c.leads_to("p", eq(JOB, "due"), eq(JOB, "waiting"), "runs", machine="weekly_job")),
        ("TS202", c.leads_to("p", eq(JOB, "due"), JOB, "runs", machine="daily_job")),
        ("TS303", c.leads_to("p", eq(JOB, "due"), eq(JOB, "waiting"), "ran", machine="daily_job")),
    ],
)
def test_a_wrong_part_is_refused(code: str, part: c.Part) -> None:
    with pytest.raises(DeclarationErrors) as refusal:
        validate_claims([c.claim(1, "x", "Something comes.", "", part)], [daily_job()])
    assert [fault.code for fault in refusal.value.errors] == [code]


# -- machines made at random -----------------------------------------------------------------------------------------

PLACES = ("a", "b", "c", "d", "e", "f")
EVENTS = ("walks", "drifts", "jumps")


def places(near: Steps, far: Steps | None = None) -> Machine:
    """One goes from place to place, beginning at `a`; an event with steps in `far` has a field that chooses them."""

    def event(name: str) -> Event:
        choices = {"": near[name]} if far is None or name not in far else {"near": near[name], "far": far[name]}
        fields = (Field("far", Bool(), ""),) if len(choices) > 1 else ()
        rules = [
            rule(f"{name}_{which}_{place}", place, target, "", when=eq(var("far"), which == "far") if which else True)
            for which, steps in choices.items()
            for place, target in steps.items()
        ]
        open_ones = requires("place_must_be_open", one_of(AT, *near[name]), "")
        return Event(name, Actor.USER, "", fields, (open_ones,), tuple(rules))

    at = variable("at", Enum("Place", PLACES), "a", "")
    return Machine("wanderer", "", "at", (at,), tuple(map(event, near)))


def wanderer(dice: random.Random) -> Machine:
    """Each event leads from some of the places to others; a jump has two ways to go."""
    able = {name: [place for place in PLACES if dice.random() < 0.5] or ["a"] for name in EVENTS}
    near, far = ({name: {p: dice.choice(PLACES) for p in able[name]} for name in EVENTS} for _ in range(2))
    return places(near, {"jumps": far["jumps"]})


def part_at_random(dice: random.Random) -> c.LeadsToPart:
    premise, goal = (one_of(AT, *dice.sample(PLACES, 2)) for _ in range(2))
    return c.leads_to("p", premise, goal, *dice.sample(EVENTS, dice.randint(0, 3)), machine="wanderer")


def can_stay_fair(machine: Machine, part: c.LeadsToPart) -> bool:
    """Whether some fair run meets the premise and never the goal: by fixpoints, over the steps of the reference reader."""
    steps = {
        (place, name, str(step.state["at"]))
        for place in PLACES
        for name, fields in instances(machine, {})
        for given in [dict(zip((f.name for f in machine.event_named[name].fields), fields, strict=True))]
        for step in [reference.step(machine, {}, {"at": place}, name, given)]
        if isinstance(step, Accepted)
    }
    scopes = {place: reference.Bindings(machine, {"at": place}) for place in PLACES}
    reached = {"a"}
    while more := {b for a, _, b in steps if a in reached} - reached:
        reached |= more
    stays = {place for place in PLACES if not reference.evaluate(part.goal, scopes[place])}
    for _ in range(len(PLACES) + 1):
        for fair in part.fair:
            able = {a for a, name, _ in steps if name == fair}
            served = {a for a, name, b in steps if name == fair and a in stays and b in stays} | (stays - able)
            for _ in PLACES:
                served |= {a for a, _, b in steps if a in stays and b in served}
            stays = served
    return any(reference.evaluate(part.premise, scopes[place]) for place in reached & stays)


def demand_fair(graph: StateGraph, part: c.LeadsToPart, lasso: Lasso) -> None:
    """The run meets the premise, then never the goal, comes round, and leaves no fair event possible and untaken for ever."""
    machine, stem = graph.compiled.machine, follow(graph, lasso.stem)
    loop = follow(graph, lasso.loop, stem[-1])
    assert stem[-1] == lasso.end == loop[-1]
    assert reference.evaluate(part.premise, reference.Bindings(machine, stem[lasso.since]))
    for state in (*stem[lasso.since :], *loop):
        assert not reference.evaluate(part.goal, reference.Bindings(machine, state))
    for fair in part.fair:
        fields = {"far": True} if fair == "jumps" else {}
        idle = [s for s in loop if isinstance(reference.step(machine, {}, s, fair, fields), Refused)]
        assert idle or fair in {taken.event for taken in lasso.loop}


@pytest.mark.slow
def test_fair_runs_are_found_as_by_fixpoints_and_can_be_followed() -> None:
    dice, verdicts, loops = random.Random(17), [], 0
    for _ in range(400):
        machine, part = wanderer(dice), part_at_random(dice)
        graph = graph_of(machine)
        found = leads_to(graph, c.claim(1, "x", "Something comes.", "", part), part)
        assert (found.verdict == "refuted") == can_stay_fair(machine, part)
        verdicts.append((found.verdict, bool(found.witnesses)))
        if isinstance(found.broken, Lasso):
            demand_fair(graph, part, found.broken)
            loops += len(found.broken.loop) > 1
    assert verdicts.count(("refuted", True)) > 50
    assert verdicts.count(("holds", True)) > 30
    assert loops > 10


def dead_by_walking(graph: StateGraph, part: c.LivenessPart) -> int:
    """How many states there are from which no walk leads to the goal, each walked from on its own."""
    machine, count = graph.compiled.machine, 0
    for number in range(len(graph.rows)):
        seen = [graph.values(number)]
        for state in seen:
            for event in part.events:
                step = reference.step(machine, {}, state, event, {})
                if isinstance(step, Accepted) and step.rule not in part.without and step.state not in seen:
                    seen.append(step.state)
        goal = [reference.step(machine, {}, state, part.goal, dict(part.fields)) for state in seen]
        count += all(isinstance(step, Refused) for step in goal)
    return count


def test_dead_states_are_found_as_by_walking_from_each_state() -> None:
    dice, dead = random.Random(18), []
    for _ in range(200):
        machine = wanderer(dice)
        without = tuple(r.name for r in machine.event_named["walks"].rules[:1])
        part = c.LivenessPart("p", "wanderer", "jumps", (("far", False),), ("walks", "drifts"), without)
        found: Finding = stays_possible(graph := graph_of(machine), c.claim(1, "x", "It can.", "", part), part)
        dead.append(found.broken.states if isinstance(found.broken, Dead) else 0)
        assert dead[-1] == dead_by_walking(graph, part)
    assert min(sum(map(bool, dead)), dead.count(0)) > 20

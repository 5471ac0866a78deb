"""Pictures show what the declaration says, whatever it is of: all states, all edges, every requirement, refusal and pool."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from lang.machines import counter, ladder, repeating_job, swap, wallet
from lang.turnstile import turnstile
from tokenspec.diagrams.decision import decision
from tokenspec.diagrams.graph import Edge, Graph, Heat, NodeShape, Stroke, members, with_hits
from tokenspec.diagrams.lifecycle import accepted_in, lifecycle
from tokenspec.diagrams.pools import payers, payment_orders
from tokenspec.diagrams.statechart import families, statechart
from tokenspec.diagrams.words import duration, in_words
from tokenspec.machine.interpreters.live import live
from tokenspec.machine.lang.build import all_of, any_of, eq, ite, lift, maximum, minimum, ne, negation, requires, var, variable
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.publish.gallery import pictures
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system

PARAMETERS = {**DEFAULT.parameters(), **DEFAULTS}
ACCOUNT = system().machines[0]


def texts(graph: Graph) -> str:
    lines = [line for node in members(graph) for line in node.lines] + [line for edge in graph.edges for line in edge.lines]
    return "\n".join(line.text for line in lines)


def arrows(graph: Graph) -> set[tuple[str, str, str]]:
    """(from, event, to) of the edges, and of the events named within a state."""
    drawn = {(e.source.split(".")[1], line.outcomes[0][0], e.target.split(".")[1]) for e in graph.edges for line in e.lines[:1]}
    within = [(node.id.split(".")[1], line) for node in members(graph) for line in node.lines if line.outcomes]
    return drawn | {(state, line.outcomes[0][0], state) for state, line in within}


@pytest.mark.parametrize("machine", system().machines, ids=lambda m: m.name)
def test_the_graph_of_transitions_has_the_same_states_and_edges(machine: Machine) -> None:
    theirs = live(machine, PARAMETERS, graph=True).get_graph().source
    found = set()
    for source, target, label in re.findall(r'^\t(\w+) -> (\w+) \[label="?(.*?)"?\]$', theirs, re.MULTILINE):
        found |= {(source, event.removesuffix(" [internal]"), target) for event in label.split(" | ")}
    ours = lifecycle(machine)
    assert arrows(ours) == found
    assert {n.lines[0].text.replace(" ", "_") for n in ours.nodes if n.lines} == set(machine.states)
    assert set(re.findall(r"^\t(\w+) \[label=\"", theirs, re.MULTILINE)) == set(machine.states)


def test_an_edge_carries_the_event_what_is_still_required_and_the_clauses() -> None:
    subscribes = next(e for e in lifecycle(ACCOUNT).edges if e.lines and e.lines[0].text == "subscribe")
    assert [line.text for line in subscribes.lines] == ["subscribe", "plan must exist", "plan must be paid", "F05 A17 F22"]
    late = next(e for e in lifecycle(system().machines[1]).edges if e.target == "daily_job.late")
    assert [line.text for line in late.lines] == ["four_hours_pass (clock)", "more than 4 hours after falls_due", "A03"]


def test_refusals_are_named_on_request() -> None:
    assert "refused" not in texts(lifecycle(ACCOUNT))
    free = next(n for n in lifecycle(ACCOUNT, refusals=True).nodes if n.id == "account.free")
    assert "refused, subscription must be active: upgrade, downgrade, payment_failed" in [line.text for line in free.lines]


@pytest.mark.parametrize("event", ACCOUNT.events, ids=lambda e: e.name)
def test_the_picture_of_an_event_shows_every_requirement_and_rule_in_order(event: object) -> None:
    declared = ACCOUNT.event_named[event.name]  # type: ignore[attr-defined]
    graph = decision(ACCOUNT, declared, PARAMETERS)
    assert [n.lines[1].text for n in graph.nodes if n.shape is NodeShape.REFUSAL] == [need.code for need in declared.requires]
    assert [n.id for n in graph.nodes if n.shape is NodeShape.OUTCOME] == [rule.name for rule in declared.rules]
    assert {e.target for e in graph.edges} == {n.id for n in graph.nodes if n.id not in ("asked", "words")}


def test_pools_pay_in_the_order_of_the_policies() -> None:
    (event, rule) = next(payers(ACCOUNT))
    assert payment_orders(ACCOUNT, PARAMETERS, event, rule) == {
        "": ("daily", "fast", "rollover", "topup"),
        "burn_order=rollover_fast_topup": ("daily", "rollover", "fast", "topup"),
        "daily_position=last": ("fast", "rollover", "topup", "daily"),
    }
    last = payment_orders(ACCOUNT, {**PARAMETERS, "daily_position": "last"}, event, rule)
    assert last["burn_order=rollover_fast_topup"] == ("rollover", "fast", "topup", "daily")


def outcome(event: str, rule: str, **policy: str) -> list[str]:
    """The lines of a rule in the picture of its event, between its reason and its clauses."""
    graph = decision(ACCOUNT, ACCOUNT.event_named[event], {**PARAMETERS, **policy})
    return next([line.text for line in n.lines][3:-1] for n in graph.nodes if n.id == rule)


def test_a_rule_names_the_pools_whose_tokens_move_under_the_policies_in_force() -> None:
    every = "daily, fast, rollover, topup"
    assert outcome("generate", "generates_relaxed") == [f"under stranded_remainder=drain spent: {every}"]
    drained = outcome("generate", "generates_relaxed", stranded_remainder="drain")
    assert drained == [f"spent: {every}", *(f"under stranded_remainder={a} spent: nothing" for a in ("refuse", "relax"))]
    assert "expired: fast, rollover" in outcome("lapse", "lapses")
    assert "under lapse_bank=frozen expired: fast" in outcome("lapse", "lapses")
    assert "expired: fast" in outcome("lapse", "lapses", lapse_bank="frozen")


def test_every_pool_names_all_that_fills_and_drains_it() -> None:
    graph = pictures()["pools"].draw(False)
    nodes = {n.id: [line.text for line in n.lines] for n in graph.nodes}
    assert nodes["topup"][3:] == ["+ bought: buy_topup", "+ refunded: refund", "- spent: generate", "- expired: refund"]
    seen = [(e.source, e.target, e.lines[0].text) for e in graph.edges if e.stroke is not Stroke.NONE]
    assert seen == [("fast", "rollover", "moved by renew")]


@pytest.mark.parametrize("last", [False, True])
def test_each_pool_is_numbered_in_the_order_in_which_it_pays(last: bool) -> None:
    graph = pictures(policy={**DEFAULTS, "daily_position": "last"} if last else DEFAULTS)["pools"].draw(False)
    numbered = {n.id: n.lines[1].text for n in graph.nodes if n.shape is NodeShape.POOL and n.lines[1].text.startswith("no.")}
    order = ["fast", "rollover", "topup", "daily"] if last else ["daily", "fast", "rollover", "topup"]
    assert numbered == {pool: f"no. {number} to pay for generate" for number, pool in enumerate(order, 1)}


def test_a_requirement_that_names_what_alone_is_missing_says_just_that() -> None:
    graph = decision(ACCOUNT, ACCOUNT.event_named["generate"], PARAMETERS)
    said = [line.text for n in graph.nodes if n.shape is NodeShape.QUESTION for line in n.lines[1:]]
    assert [line for line in said if line.startswith("no, ")] == [
        "no, if relaxed serves lacks only this: used up",
        "no, if relaxed serves lacks only this: medium relaxes, though plan relaxes",
        "no, if relaxed serves lacks only this: origin is first party",
    ]
    whole = "used up and status relaxes and medium relaxes and origin is first party"
    assert f"relaxed serves: generation goes on without tokens; this is {whole}" in texts(graph).splitlines()


def test_states_that_rules_name_together_share_a_box() -> None:
    boxes = [set(family) for family in families(ACCOUNT)]
    subscribed = {"active", "cancelling", "past_due"}
    assert boxes == [{"free", *subscribed}, subscribed, {"active", "cancelling"}]
    graph = statechart(system(), "account")
    assert [group.id for group in graph.groups if group.parallel] == [
        "account",
        "account_daily_reset_due",
        "daily_job",
        "session",
    ]
    assert {n.id for n in members(graph) if n.id.startswith("account.")} == {
        *(f"account.{state}" for state in ("", *ACCOUNT.states)),
        "account.daily_reset_due.True",
        "account.daily_reset_due.False",
    }


@pytest.mark.parametrize("machine", [counter(), wallet(), ladder(), swap(), repeating_job(), turnstile()], ids=lambda m: m.name)
def test_any_machine_can_be_drawn(machine: Machine) -> None:
    assert {n.id for n in lifecycle(machine).nodes} >= {f"{machine.name}.{state}" for state in machine.states}
    assert Counter(e for e in lifecycle(machine).edges if e.lines).total() == sum(
        rule.target is not None for state in machine.states for _, rule in accepted_in(machine, state)
    )


def test_a_state_an_event_and_a_requirement_that_are_added_appear() -> None:
    status = ACCOUNT.control_variable
    assert isinstance(status.type, Enum)
    wider = variable("status", Enum("Status", (*status.type.members, "banned")), "absent", status.says)
    cancel = ACCOUNT.event_named["cancel"]
    need = requires("account_must_not_be_watched", eq(var("plan"), "free"), "somebody looks")
    rule = replace(cancel.rules[0], name="bans", source=("free",), target="banned")
    ban = replace(cancel, name="ban", requires=(need,), rules=(rule,))
    events = tuple(replace(e, requires=(*e.requires, need)) if e is cancel else e for e in ACCOUNT.events)
    changed = replace(ACCOUNT, variables=(wider, *ACCOUNT.variables[1:]), events=(*events, ban))
    assert ("free", "ban", "banned") in arrows(lifecycle(changed))
    assert "account must not be watched" in texts(lifecycle(changed))
    assert "account.banned" in {n.id for n in members(statechart(replace(system(), machines=(changed,)), "x"))}
    assert "account_must_not_be_watched" in texts(decision(changed, changed.event_named["cancel"], PARAMETERS))


def test_hits_stand_on_edges_and_what_was_never_met_stands_out() -> None:
    graph = lifecycle(ACCOUNT)
    rules = {(e.name, r.name): 7 for e in ACCOUNT.events for r in e.rules}
    drawn = with_hits(graph, {**rules, ("lapse", "lapses"): 0, ("daily_reset", "resets_nothing"): 0})
    cold = [e for e in drawn.edges if e.heat is Heat.COLD]
    assert [(e.source, e.target, e.lines[0].text) for e in cold] == [
        ("account.past_due", "account.free", "lapse (job): never met")
    ]
    assert "subscribe: 7" in texts(drawn)
    assert "daily_reset: 1 of 2 rules never met" in texts(drawn)
    unknown: dict[tuple[str, str], int] = {}
    assert [e.heat for e in with_hits(graph, unknown).edges] == [None] * len(graph.edges)


def test_no_picture_is_named_twice_and_each_holds_what_its_edges_lead_to() -> None:
    for name, picture in pictures().items():
        graph = picture.draw(True)
        ids = [node.id for node in members(graph)]
        assert len(ids) == len(set(ids)), name
        assert {end for e in graph.edges for end in (e.source, e.target)} <= set(ids), name
        assert isinstance(graph.edges[0], Edge), name


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        (var("cost") <= 3, "cost is at most 3"),
        (var("cost") >= 3, "cost is at least 3"),
        (var("cost") < var("in_all"), "cost is below in all"),
        (negation(var("cost") <= 3), "cost is above 3"),
        (ne(var("a_b"), "c_d"), "a b is not c d"),
        (all_of(var("a"), any_of(var("b"), var("c"))), "a and (b or c)"),
        (any_of(var("a"), var("b"), var("c")), "a or b or c"),
        (negation(any_of(var("a"), var("b"))), "not (a or b)"),
        (ite(var("a"), 1_000, 2), "1,000 if a, else 2"),
        (eq(minimum(var("a"), 1), maximum(2, var("b"))), "the lesser of a and 1 is the greater of 2 and b"),
        (eq(var("a"), True), "a is true"),
        (negation(var("a_is_new")), "a is not new"),
    ],
)
def test_conditions_read_as_half_sentences(expr: object, words: str) -> None:
    assert in_words(lift(expr)) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ms", "words"),
    [(1, "1 millisecond"), (90_000, "90 seconds"), (14_400_000, "4 hours"), (172_800_000, "48 hours"), (259_200_000, "3 days")],
)
def test_durations_are_told_in_their_largest_whole_unit(ms: int, words: str) -> None:
    assert duration(ms) == words

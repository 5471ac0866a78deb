"""What breaks an obligation is told as a story, and believed only after the reference reader has gone through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from proofs.pump import due, level, pump, same
from tokenspec.machine.checkers.prover.induction import REFUTED, Induction, Obligation
from tokenspec.machine.checkers.prover.refutation import Refutation, UnreplayableError, replay
from tokenspec.machine.interpreters.symbolic import Solver
from tokenspec.machine.lang.build import Termlike, all_of, eq, ite, lift, requires, rule, total, var
from tokenspec.machine.lang.claims import Part, claim, ghost, new, other, pair, refuses, state, step
from tokenspec.machine.lang.declaration import Actor, Event, Field, Machine
from tokenspec.machine.lang.expr import Not
from tokenspec.machine.lang.outcome import Accepted
from tokenspec.machine.lang.types import Tokens, Value
from tokenspec.machine.mutation.edits import with_event, with_rule
from tokenspec.machine.proofs.contexts import LEMMA, Condition
from tokenspec.machine.proofs.of_claims import conditions

NEVER_NEGATIVE = state("due", due >= 0, due > 1, "pump")


def refuted(machine: Machine, *parts: Part) -> list[Obligation]:
    found = Induction(machine, [claim(1, "c", "", "", *parts)], ()).obligations()
    # The pump's level has no bound in its rules, as every number has in its type.
    return [o for o in found if o.verdict == REFUTED and o.claim != LEMMA]


def refutation(machine: Machine, *parts: Part) -> Refutation:
    first = refuted(machine, *parts)[0].refutation
    assert first is not None
    return first


def test_a_step_is_told_from_the_state_before_to_what_is_false() -> None:
    found = refutation(pump(), NEVER_NEGATIVE, step("p", new(level) <= level, level > 3, "fill", machine="pump"))
    ((happened,),) = found.runs
    assert isinstance(happened.outcome, Accepted)
    assert happened.outcome.state["level"] == int(found.state["level"]) + 1
    told = {name: str(value).lower() for name, value in found.state.items()}
    assert found.story() == [
        "figures and policies: none that matter",
        f"state: mode = on, due = {told['due']}, level = {told['level']}, marked = {told['marked']}",
        f"fill(): fills; then due = {int(told['due']) - 1}, level = {int(told['level']) + 1}",
        "false: new.level <= level",
    ]


def test_of_several_formulas_those_are_told_that_are_false() -> None:
    both = step("p", all_of(new(level) >= level, eq(new(level), 7)), level > 3, "fill", machine="pump")
    assert refutation(pump(), NEVER_NEGATIVE, both).false == "new.level = 7"


def test_the_first_state_has_no_events() -> None:
    found = refutation(pump(), state("p", level > 0, level > 3, "pump"))
    assert (found.runs, found.state["level"], found.false) == ((), 0, "0 < level")


def test_a_ghost_is_told_with_the_state() -> None:
    filled = var("filled")
    counts = ghost("filled", Tokens(), 0, filled + ite(eq(var("event"), "fill"), 2, 0))
    part = step("p", new(filled) >= 0, level > 3, ghosts=[counts], keeps=eq(filled, level), machine="pump")
    found = next(o.refutation for o in refuted(pump(), part) if o.about == "fills")
    assert found is not None
    assert found.state["filled"] == found.state["level"]
    assert found.false == "new.filled = new.level"


def test_what_breaks_a_ghost_is_told_of_an_event_that_the_part_is_not_about() -> None:
    asked, poured = var("asked"), Field("amount", Tokens(0, 9), "how much")
    pours = Event("pour", Actor.USER, "", (poured,), (), (rule("pours", "on", None, ""),))
    counts = ghost("asked", Tokens(), 0, asked + ite(eq(var("event"), "ask"), 2, 0))
    part = step("p", var("amount") >= 0, level > 3, "pour", ghosts=[counts], keeps=eq(asked, due), machine="pump")
    machine = replace(pump(), events=(*pump().events, pours))
    found = next(o.refutation for o in refuted(machine, part) if o.about == "asks")
    assert found is not None
    assert found.false == "new.asked = new.due"


def test_another_copy_is_told_with_the_state() -> None:
    found = refutation(pump(), pair("p", new(level) <= other(level), other(level) > 3, "pump"))
    assert {"level", "other.level"} <= found.state.keys()
    assert found.false == "new.level <= other.level"


@pytest.mark.parametrize(
    ("condition", "false"), [(due >= 2, "it is refused with work_must_be_due"), (due >= 0, "it is accepted")]
)
def test_an_event_that_is_not_refused_as_it_should_be(condition: Termlike, false: str) -> None:
    assert refutation(pump(), NEVER_NEGATIVE, refuses("fill", ("work_must_be_due", condition), machine="pump")).false == false


def test_an_event_with_two_outcomes_is_told_as_such() -> None:
    twice = with_event(pump(), "mark", lambda e: replace(e, rules=(*e.rules, replace(e.rules[0], name="marks_again"))))
    found = refutation(twice, NEVER_NEGATIVE)
    assert found.story()[-2:] == ["mark(): no rule applies, or more than one", "false: exactly one rule applies"]


def test_two_runs_are_told_one_after_the_other() -> None:
    found = refutation(pump(), *same("fill", "fill_two mark").parts)
    assert [line.split(":")[0] for line in found.story()][2:] == [
        *("fill()" for _ in found.runs[0]),
        "fill_two()",
        "mark()",
        "false",
    ]


def broken_condition(machine: Machine, parts: Sequence[Part]) -> tuple[Condition, dict[str, Value]]:
    solver = Solver(10)
    for each in conditions(machine, [claim(1, "c", "", "", *parts)], (), lambda _, goals: goals):
        if isinstance(each, Condition) and each.claim != LEMMA and solver.possible(each.setting, Not(each.goal)):
            return each, solver.values()
    raise AssertionError("nothing is broken")


@pytest.mark.parametrize("wrong", [{"level": 8}, {"due": -1}, {"level": 3, "due": 0}])
def test_values_that_do_not_break_anything_are_no_refutation(wrong: dict[str, int]) -> None:
    """The first breaks no claim, the second no state of which the invariants hold, the third is refused."""
    part = step("p", new(level) >= 8, level > 9, "fill", machine="pump")
    condition, values = broken_condition(pump(), [NEVER_NEGATIVE, part])
    assert replay(pump(), condition, values) is not None
    with pytest.raises(UnreplayableError, match="cannot be replayed"):
        replay(pump(), condition, {**values, **wrong})


def test_a_reader_that_disagrees_is_told_loudly() -> None:
    """The conditions are those of one machine, and another one is replayed."""
    part = step("p", new(level) >= 8, level > 9, "fill", machine="pump")
    condition, values = broken_condition(pump(), [NEVER_NEGATIVE, part])
    faster = with_rule(pump(), "fills", lambda r: replace(r, effect=(replace(r.effect[1], value=lift(total(level, 99))),)))
    never = with_event(pump(), "fill", lambda e: replace(e, requires=(requires("it_is_never", False, ""),)))
    for machine in (faster, never):
        with pytest.raises(UnreplayableError):
            replay(machine, condition, values)

"""Two runs are compared for any number of runs of a job that repeats; where that cannot be shown, the bound is told."""

from __future__ import annotations

import pytest

from proofs.pump import due, level, marked, pump, same
from tokenspec.machine.checkers.prover.induction import PROVED, REFUTED, RUNS, VACUOUS, Induction, Obligation
from tokenspec.machine.lang.build import Termlike, all_of, eq, negation
from tokenspec.machine.lang.claims import Claim
from tokenspec.machine.lang.declaration import Assign, Machine


def prove(only: Claim, machine: Machine | None = None) -> list[Obligation]:
    return [o for o in Induction(machine or pump(), [only], []).obligations() if o.part == "runs"]


def verdicts(found: list[Obligation]) -> set[tuple[str, int | None]]:
    return {(o.verdict, o.bound) for o in found}


def test_a_job_that_has_been_run_has_no_more_to_do() -> None:
    found = prove(same("fill", "fill fill"))
    assert verdicts(found) == {(PROVED, None)}
    assert [o.about for o in found] == [
        "fill ends, by fills",
        "fill begins",
        "fill goes on, by fills",
        "fill is refused after 0 runs",
        "two runs",
    ]


def test_two_loops_in_step_end_alike() -> None:
    found = prove(same("fill mark", "mark fill", negation(marked)))
    assert verdicts(found) == {(PROVED, None)}
    assert {"fill begins alike", "fill ends together", "fill goes on alike"} <= {o.about for o in found}


def test_what_every_run_keeps_is_known_at_the_end() -> None:
    assert verdicts(prove(same("fill mark", "mark fill", all_of(marked, level > 5)))) == {(PROVED, None)}


def test_runs_that_can_be_counted_are_written_out() -> None:
    found = prove(same("fill", "fill_at_once", eq(due, RUNS)))
    assert [(o.about, o.verdict, o.bound) for o in found] == [
        ("fill is refused after 2 runs", PROVED, None),
        ("two runs", PROVED, None),
    ]


@pytest.mark.parametrize("right", ["fill_at_once", "fill_two"])
def test_where_no_summary_suffices_the_proof_is_told_to_be_bounded(right: str) -> None:
    """The first is true but beyond the facts that are tried, the second is true of two runs and false of three."""
    assert verdicts(prove(same("fill", right))) == {(PROVED, RUNS)}


@pytest.mark.parametrize("effect", [[level.becomes(level + 1)], [due.becomes(due + 1)]])
def test_a_loop_that_need_not_end_is_not_summarised(effect: list[Assign]) -> None:
    """Only what is refused from the start is left to compare, which is told."""
    assert verdicts(prove(same("fill", "fill fill"), pump(*effect))) == {(PROVED, RUNS)}


def test_runs_that_differ_are_refuted_and_replayed() -> None:
    (last,) = [o for o in prove(same("fill", "fill_two mark")) if o.about == "two runs"]
    assert last.verdict == REFUTED
    assert last.refutation is not None
    left, right = last.refutation.runs
    assert [h.event for h in left][-1] == "fill"
    assert [h.event for h in right] == ["fill_two", "mark"]
    assert last.refutation.false == "marked = false is the same as marked = true"


@pytest.mark.parametrize("assume", [due < 0, all_of(marked, negation(marked))])
def test_an_assumption_that_is_never_met_is_vacuous(assume: Termlike) -> None:
    assert VACUOUS in {o.verdict for o in prove(same("mark", "mark mark", assume))}

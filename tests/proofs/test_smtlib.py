"""The conditions as SMT-LIB text: another solver, cvc5, comes to the same verdict on each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import cvc5
import pytest

from proofs.pump import pump, same
from proofs.worked_out_once import obligations
from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.machine.checkers.prover.induction import PROVED, REFUTED, RUNS, VACUOUS, Induction
from tokenspec.machine.exporters.smtlib import smtlib
from tokenspec.machine.lang.build import all_of, definition, eq, ite, maximum, negation, rule, var, variable
from tokenspec.machine.lang.claims import Claim, StatePart, claim, state
from tokenspec.machine.lang.declaration import Actor, Event, Machine
from tokenspec.machine.lang.types import Enum, Tokens
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

ALL = claims(DEFAULT.ranking)


def text_of(machine: Machine, only: Sequence[Claim] = ALL, with_lemmas: Sequence[StatePart] = ()) -> str:
    return smtlib(machine, only, with_lemmas, Induction(machine, only, with_lemmas).proves)


def expected(text: str) -> list[str]:
    return re.findall(r"\(set-info :status (\w+)\)", text)


def answers(text: str) -> list[tuple[str, str]]:
    """Each check's title, which the script echoes, with what cvc5 answers."""
    said = iter(_run(text))
    return [(title, next(said)) for title in said]


def _run(text: str) -> Iterator[str]:
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("incremental", "true")
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "script")
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        if said := command.invoke(solver, symbols).strip():
            # An answer that is not the status before it is told as an error.
            other = re.fullmatch(r'\(error "Expected result \w+ but got (\w+)"\)', said)
            yield other[1] if other else said


@pytest.mark.slow
@pytest.mark.parametrize("machine", system().machines, ids=lambda m: m.name)
def test_cvc5_proves_all_that_z3_proves(machine: Machine) -> None:
    text = text_of(machine, ALL, lemmas())
    found = answers(text)
    assert [answer for _, answer in found] == expected(text)
    proved = obligations(machine, ALL, lemmas())
    assert len(found) > len(proved)  # what has to be possible is asked as well
    assert expected(text).count("unsat") == len(proved)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bank_without_ceiling", "daily_job_settles_the_month"])
def test_both_find_a_fault_in_the_same_places(name: str) -> None:
    fault = next(f for f in FAULTS if f.id == name)
    machine = fault.seed(system().machines[0])
    # Of the whole declaration both solvers are asked above.
    only = [each for each in ALL if each.id in (fault.claim, "balances_never_negative", "conservation")]
    text = text_of(machine, only, lemmas())
    wrong = [title for (title, answer), status in zip(answers(text), expected(text), strict=True) if answer != status]
    found = [o for o in Induction(machine, only, lemmas()).obligations() if o.verdict in (REFUTED, VACUOUS)]
    assert wrong == [f'"{o.claim}, {o.part}: {o.about}"' for o in found]
    assert wrong


def test_the_same_machine_gives_the_same_text() -> None:
    only = [same("fill mark", "mark fill")]
    assert text_of(pump(), only) == text_of(pump(), only)


def test_without_a_solver_a_loop_is_written_with_its_bound() -> None:
    bounded, whole = smtlib(pump(), [same("fill", "fill fill")], ()), text_of(pump(), [same("fill", "fill fill")])
    taken = f"; Taken for granted: a job that repeats is refused after {RUNS} runs."
    assert bounded.count(taken) == 2
    assert taken not in whole
    assert {answer for _, answer in answers(bounded)} == {"sat", "unsat"}


def test_odd_names_and_bare_members_mean_the_same_to_both() -> None:
    """`mod` and `let` are words of SMT-LIB; `mood` is one of two bare names, in another order than the faces have."""
    mod, let, face, mood = var("mod"), var("let"), var("face"), var("mood")
    turn = rule("turns", ("sad", "glad"), None, "", effect=[mod.becomes(maximum(let, 0)), let.becomes(-1)])
    glad = rule("smiles", "sad", "glad", "", when=mod > 0)
    sad = rule("frowns", "glad", "sad", "", when=negation(mod > 0))
    machine = Machine(
        "face",
        "",
        "face",
        (
            variable("face", Enum("Face", ("none", "sad", "glad")), "sad", ""),
            variable("mod", Tokens(), 0, ""),
            variable("let", Tokens(-2, 0), -2, ""),
        ),
        (Event("turn", Actor.USER, "", (), (), (turn,)), Event("look", Actor.USER, "", (), (), (glad, sad))),
        definitions=(definition("mood", ite(mod > 0, "glad", "sad"), ""),),
    )
    true = state("true", all_of(let < 0, eq(mod, 0), eq(face, "sad"), eq(face, mood)), eq(mood, "sad"), "face")
    false = state("false", eq(mood, "glad"), eq(mood, "glad"), "face")
    for part, at_first in ((true, PROVED), (false, REFUTED)):
        only = [claim(1, "moods", "", "", part)]
        found = {o.about: o.verdict for o in Induction(machine, only, ()).obligations() if o.part == part.name}
        assert found["first state"] == at_first
        told = dict(answers(text_of(machine, only)))
        assert {about: told[f'"moods, {part.name}: {about}"'] for about in found} == {
            about: "unsat" if verdict == PROVED else "sat" for about, verdict in found.items()
        }

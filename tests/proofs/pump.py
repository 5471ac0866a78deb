"""A pump whose job is run again for as long as it is accepted: what the tests of two runs are about."""

from __future__ import annotations

from tokenspec.machine.lang.build import Termlike, minimum, requires, rule, var, variable
from tokenspec.machine.lang.claims import Claim, claim, state, two_runs
from tokenspec.machine.lang.declaration import Actor, Assign, Event, Machine
from tokenspec.machine.lang.types import Bool, Enum, Tokens

due, level, marked = var("due"), var("level"), var("marked")
VARIABLES = ("mode", "due", "level", "marked")
ONE_LESS = due.becomes(due - 1)


def job(name: str, *effect: Assign, repeats: bool = False) -> Event:
    """A job that needs something to be due."""
    need = requires("work_must_be_due", due >= 1, "there is nothing to do")
    return Event(name, Actor.JOB, "", (), (need,), (rule(f"{name}s", "on", None, "", effect=effect),), repeats=repeats)


def pump(*fill: Assign) -> Machine:
    """`fill` raises the level by one for each unit due; `mark` tells that the pump was looked at."""
    effect = fill or (ONE_LESS, level.becomes(level + 1))
    return Machine(
        name="pump",
        says="A pump that works off what is due.",
        control="mode",
        variables=(
            variable("mode", Enum("Mode", ("on",)), "on", "there is one state"),
            variable("due", Tokens(), 0, "what is to be pumped"),
            variable("level", Tokens(), 0, "what has been pumped"),
            variable("marked", Bool(), False, "whether it was looked at"),
        ),
        events=(
            job("fill", *effect, repeats=True),
            job("fill_at_once", due.becomes(0), level.becomes(level + due)),
            job("fill_two", due.becomes(0), level.becomes(level + minimum(due, 2))),
            Event("mark", Actor.USER, "", (), (), (rule("marks", "on", None, "", effect=[marked.becomes(True)]),)),
            Event("ask", Actor.USER, "", (), (), (rule("asks", "on", None, "", effect=[due.becomes(due + 1)]),)),
        ),
    )


def same(left: str, right: str, assume: Termlike = True) -> Claim:
    """That two runs, each written as events with spaces between them, come to the same."""
    part = two_runs("runs", assume, left.split(), right.split(), VARIABLES, machine="pump")
    return claim(1, "same", "Both come to the same.", "", part, state("due", due >= 0, due > 1, "pump"))

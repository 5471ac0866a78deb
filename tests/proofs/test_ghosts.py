"""What a claim follows beside the state goes along every event, also where the claim speaks of one event alone."""

from __future__ import annotations

import pytest

from proofs.pump import level, pump
from tokenspec.machine.checkers.monitor import Tally, Violation, Watch
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.build import Termlike, eq, ite, var
from tokenspec.machine.lang.claims import claim, ghost, new, step
from tokenspec.machine.lang.types import Tokens

ASKED = var("asked")


def observe(holds: Termlike, *events: str) -> Tally:
    """Runs the pump and watches that `holds` of each filling, with the number of times it was asked to."""
    counts = ghost("asked", Tokens(), 0, ASKED + ite(eq(var("event"), "ask"), 1, 0))
    part = step("p", holds, new(level) > 1, "fill", ghosts=[counts], machine="pump")
    compiled, tally = Compiled(pump(), {}), Tally()
    monitor = Watch(pump(), [claim(1, "c", "Sentence.", "", part)]).monitor(compiled, tally)
    row, ghosts = compiled.initial, monitor.initial_ghosts
    for event in events:
        outcome = compiled.steps[event](row, ())
        ghosts = monitor.observe(event, (), row, outcome, ghosts)
        row = outcome[1]
    return tally


def test_a_ghost_goes_along_the_events_that_its_part_says_nothing_about() -> None:
    tally = observe(new(level) <= ASKED, "ask", "ask", "fill", "mark", "fill")
    assert (tally.checked["c", "p"], tally.witnesses["c", "p"]) == (2, 1)


def test_what_they_changed_is_seen() -> None:
    with pytest.raises(Violation, match="c "):
        observe(ASKED <= 1, "ask", "ask", "fill")

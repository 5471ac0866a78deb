"""Refusal parts: which code, in which order, in every state; and what is wrong with one that speaks of something else."""

from __future__ import annotations

import pytest

from lang.turnstile import barrier, coin, purse, room, turnstile, worth
from lang.wrong import MISSING, NAME, refused
from plain_search import explore
from tokenspec.machine.checkers.exploration import Exploration, instances
from tokenspec.machine.checkers.monitor import Tally, Watch
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.build import Termlike, all_of, eq, negation, one_of, var
from tokenspec.machine.lang.claims import RefusalPart, claim, refuses
from tokenspec.machine.lang.validate_claims import validate_claims

KEY = ("refusals", "pay")
COPPER = ("coin_must_not_be_copper", one_of(coin, "silver", "gold"))
AHEAD = ("barrier_must_be_locked", negation(all_of(eq(var("ahead"), "refused"), eq(barrier, "unlocked"))))
FITS = ("coin_must_fit", purse + worth <= room)


def part(*refusals: tuple[str, Termlike], event: str = "pay") -> RefusalPart:
    return refuses(event, *refusals, machine=NAME)


def searched(part: RefusalPart, ahead: str, tally: Tally) -> Exploration:
    reader = Compiled(turnstile(), {"room": 4, "ahead": ahead})
    watch = Watch(reader.machine, [claim(1, "refusals", "Coins are refused as the notice says.", "", part)])
    return explore(reader, instances(reader.machine, {}), {"purse": 9}, watch.monitor(reader, tally))


@pytest.mark.parametrize("ahead", ["kept", "refused"])
def test_a_right_table_holds(ahead: str) -> None:
    tally = Tally()
    found = searched(part(COPPER, AHEAD, FITS), ahead, tally)
    assert found.complete
    assert found.violation is None
    # Each coin is tried in each state.
    assert tally.checked[KEY] == 3 * found.states


def test_the_witness_is_met_where_every_code_is() -> None:
    kept, refusing = Tally(), Tally()
    searched(part(COPPER, AHEAD, FITS), "kept", kept)
    searched(part(COPPER, AHEAD, FITS), "refused", refusing)
    assert kept.witnesses[KEY] == kept.refused[KEY]["barrier_must_be_locked"] == 0
    assert kept.refused[KEY]["coin_must_fit"] > 0
    assert refusing.witnesses[KEY] == min(refusing.refused[KEY].values()) > 0


def test_runs_are_counted_together_code_by_code() -> None:
    kept, refusing = Tally(), Tally()
    searched(part(COPPER, AHEAD, FITS), "kept", kept)
    searched(part(COPPER, AHEAD, FITS), "refused", refusing)
    rarest = min((kept.refused[KEY] + refusing.refused[KEY]).values())
    kept.add(refusing)
    assert kept.witnesses[KEY] == rarest


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ((AHEAD, COPPER, FITS), "refused with coin_must_not_be_copper, and should be refused with barrier_must_be_locked"),
        ((COPPER, AHEAD, ("coin_must_fit", purse + worth < room)), "accepted, and should be refused with coin_must_fit"),
        ((COPPER, AHEAD), "refused with coin_must_fit, and should be accepted"),
        ((("coin_must_not_be_copper", eq(coin, "gold")), AHEAD, FITS), "refused with coin_must_not_be_copper"),
    ],
    ids=["order", "boundary", "a code too few", "condition"],
)
def test_a_wrong_table_falls(table: tuple[tuple[str, Termlike], ...], says: str) -> None:
    found = searched(part(*table), "refused", Tally())
    assert found.violation is not None
    assert (found.violation.claim, found.violation.part) == KEY
    assert says in found.violation.detail


@pytest.mark.parametrize(
    ("wrong", "code", "shows"),
    [
        (part(COPPER, event="shove"), "TS303", "'shove'"),
        (part(COPPER, ("coin_must_shine", True)), "TS101", "'coin_must_shine'"),
        (part(COPPER, COPPER), "TS102", "'coin_must_not_be_copper'"),
        (part(("coin_must_fit", purse + worth)), "TS202", "purse + worth"),
        (part(("coin_must_fit", MISSING <= 3)), "TS101", "'pursee'"),
    ],
    ids=["event", "code", "code twice", "type", "name"],
)
def test_a_table_that_speaks_of_something_else_is_refused(wrong: RefusalPart, code: str, shows: str) -> None:
    (fault,) = refused(lambda: validate_claims([claim(1, "refusals", "Coins are refused.", "", wrong)], [turnstile()]))
    assert (fault.code, fault.place) == (code, f"claim 'refusals', part {wrong.name!r}")
    assert shows in fault.message

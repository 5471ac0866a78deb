"""What was found is made short by histories that show it, and not by one that showed it once by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from tokenspec.oracle.races.campaign import Campaign, WrongWorld
from tokenspec.oracle.races.judge import NotLinearizable
from tokenspec.oracle.races.plainer import records_of
from tokenspec.oracle.races.playing import Played, Round
from tokenspec.oracle.races.result import RaceFinding, RaceResult

MIDNIGHT_MS = 1_798_761_600_000
WHY = NotLinearizable([], [])


class Chancy(Campaign):
    """Worlds in which two requests at once show something at each so-manieth try, and any other history the first time alone."""

    def __init__(self, each: int) -> None:
        self._result, self._each, self.tried = RaceResult(), each, Counter[str]()

    def _can_be_sent(self, rounds: Sequence[Round]) -> bool:
        return True

    def again(self, rounds: Sequence[Round]) -> WrongWorld | None:
        key = repr(records_of(rounds))
        self.tried[key] += 1
        collide = any(len(each.sends) > 1 for each in rounds)
        shows = self.tried[key] % self._each == 0 if collide else self.tried[key] == 1
        return WrongWorld(Played(list(rounds)), WHY) if shows else None


def round_of(number: int, *clients: int) -> Round:
    """A round in which each client opens an account."""
    sends = tuple((client, {"account": f"a{number}", "event": "open_account"}) for client in clients)
    return Round(MIDNIGHT_MS + number * 60_000, sends)


@pytest.mark.parametrize("each", [1, 7])
def test_a_history_that_showed_once_by_chance_is_not_taken_for_a_shorter_one(each: int) -> None:
    found = RaceFinding(Played([round_of(0, 0), round_of(1, 1, 2), round_of(2, 3)]), WHY)
    assert Chancy(each).shorten(found)
    assert [len(round_.sends) for round_ in found.played.rounds] == [2]
    assert (found.shown > 1, found.tries >= found.shown) == (True, True)


def test_what_always_shows_is_tried_fewer_times_than_what_shows_now_and_then() -> None:
    often, rarely = Chancy(1), Chancy(7)
    for worlds in (often, rarely):
        worlds.shorten(RaceFinding(Played([round_of(0, 0), round_of(1, 1, 2), round_of(2, 3)]), WHY))
    assert max(often.tried.values()) < max(rarely.tried.values()) <= 200

"""Histories judged in a second of the processor, and requests a second with 1, 2, 4 and 8 clients of a wallet behind a lock."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from races.small_wallet import ABOUT
from tokenspec.oracle.races.campaign import race_for
from tokenspec.oracle.races.crew import crew_of
from tokenspec.oracle.races.history import Call
from tokenspec.oracle.races.judge import Judge, meaning_of
from tokenspec.oracle.races.playing import Players, Round
from tokenspec.oracle.races.result import Race
from tokenspec.oracle.races.schedules import Scheduler
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.capabilities import Capabilities, capabilities_from
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

# The processes of clients import the wallet as well.
os.environ["PYTHONPATH"] = sys.path[0]
SETTING = SutSettings(DEFAULTS, DEFAULT)
HISTORIES, CLIENTS = 1_000, (1, 2, 4, 8)


def histories(terms: Capabilities) -> list[list[list[Call]]]:
    """Histories by round, with the right answers of an order that was drawn; all requests of a round overlap."""
    found = []
    for number in range(HISTORIES):
        dice = random.Random(number)
        scheduler = Scheduler(dice, terms, DEFAULT, 4, False)
        oracle, judge = Oracle(DEFAULTS, DEFAULT), Judge(meaning_of(SETTING, terms), terms, SETTING)
        rounds: list[list[Call]] = []
        while (round_ := scheduler.next(judge.account, 0.0)) is not None:
            rounds.append(answered(round_, oracle, dice, 10 * len(rounds)))
            judge.round(rounds[-1])
            scheduler.saw(rounds[-1])
        found.append(rounds)
    return found


def up_to_a_race(rounds: list[list[Call]]) -> list[list[Call]]:
    """A history up to its first round of several requests, as those are that are told in the end."""
    first = next((number for number, calls in enumerate(rounds) if len(calls) > 1), len(rounds))
    return rounds[: first + 1]


def answered(round_: Round, oracle: Oracle, dice: random.Random, number: int) -> list[Call]:
    calls = []
    size = len(round_.sends)
    for position, (client, record) in enumerate(dice.sample(round_.sends, size)):
        asked = {**record, "at": round_.at}
        calls.append(Call(client, asked, number + position, number + size + position, oracle.apply(asked).as_dict()))
    return calls


def judged(terms: Capabilities, found: list[list[list[Call]]]) -> float:
    judge = Judge(meaning_of(SETTING, terms), terms, SETTING)
    started = time.process_time()
    for rounds in found:
        judge.begin()
        for calls in rounds:
            judge.round(calls)
    return time.process_time() - started


def requests_a_second(clients: int) -> float:
    players = Players(crew_of("python:races.small_wallet:right", 5.0, clients), SETTING)
    try:
        result = race_for(players, SETTING, Race(clients, False, False, 300, None, 0))
    finally:
        players.end()
    assert result.word == "conforms", result.why_none
    return result.requests / result.search_seconds


if __name__ == "__main__":
    for name, about in (("every event, every field", Server().handle(SETTING.request())), ("free accounts alone", ABOUT)):
        terms = capabilities_from(about)
        whole = histories(terms)
        for found in (whole, [up_to_a_race(rounds) for rounds in whole]):
            calls = sum(len(calls) for rounds in found for calls in rounds)
            took, each = min(judged(terms, found) for _ in range(3)), calls / len(found)
            print(f"{name}: {len(found) / took:,.0f} histories/s of {each:.1f} requests, {calls / took:,.0f} requests/s")
    for clients in CLIENTS:
        print(f"{clients} clients: {requests_a_second(clients):,.0f} requests/s")

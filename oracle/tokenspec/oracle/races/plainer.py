"""Rounds as flat records and back, for what makes them fewer and plainer, and rounds by fewer clients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.races.playing import Record, Round


def records_of(rounds: Iterable[Round]) -> list[Record]:
    """The requests of rounds as records, which say in words whose they are, so that nothing makes them smaller."""
    return [
        {
            **record,
            "at": format_instant(round_.at),
            "client": str(client),
            "round": str(number),
            **({"kill": repr(round_.kill)} if round_.kill is not None else {}),
        }
        for number, round_ in enumerate(rounds)
        for client, record in round_.sends
    ]


def rounds_of(records: Iterable[Record]) -> list[Round]:
    """The rounds that `records_of` made records of, as far as they are left."""
    rounds: list[Round] = []
    for _, group in groupby(records, lambda record: record["round"]):
        together = list(group)
        at = max(parse_instant(record["at"]) for record in together)
        kill = together[0].get("kill")
        sends = tuple(
            (int(record["client"]), {key: value for key, value in record.items() if key not in ("at", "client", "round", "kill")})
            for record in together
        )
        rounds.append(Round(max(at, rounds[-1].at) if rounds else at, sends, None if kill is None else float(kill)))
    return rounds


def in_order(rounds: Sequence[Round]) -> list[Round]:
    """The same by clients that are numbered as they come."""
    numbers: dict[int, int] = {}
    return [
        replace(each, sends=tuple((numbers.setdefault(client, len(numbers)), record) for client, record in each.sends))
        for each in rounds
    ]


def few_clients(rounds: Sequence[Round]) -> list[Round]:
    """The same by as few clients as the widest round has."""
    return [replace(each, sends=tuple((number, record) for number, (_, record) in enumerate(each.sends))) for each in rounds]

"""Histories in files: records that also say by which `client` each was `sent` and `answered`, as numbers of one order.

A request that was not answered has no `answered`; `kill` says when the implementation was killed during the round: once all
was `answered`, or so many milliseconds after the requests were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tokenspec.oracle.base.errors import BadRecord, BadSetting
from tokenspec.oracle.base.text import as_text, path_text
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.races.history import Call
from tokenspec.oracle.races.playing import ANSWERED, Played, Record, Round
from tokenspec.oracle.wire.records import Reader, at_of

CLIENTS_MAX = 64
"""The largest number of clients."""
OF_A_CALL = ("client", "sent", "answered", "kill")
"""The fields of a record of a history beside those of an event."""


def records_of_history(played: Played, part: Callable[[Call], dict[str, Any]]) -> list[Record]:
    """The records of what was played, in the order in which they were sent; `part` is what counts of an answer."""
    records: list[tuple[int, Record]] = []
    for round_, calls in zip(played.rounds, played.calls, strict=False):
        killed = {} if round_.kill is None else {"kill": "answered" if round_.kill == ANSWERED else round(round_.kill * 1_000)}
        for call in calls:
            order = {"client": call.client, "sent": call.sent, "answered": call.answered}
            seen = {} if call.got is None else {"observed": part(call), "observed_as": "answer"}
            record = {**call.record, **{key: n for key, n in order.items() if n is not None}, **killed, **seen}
            records.append((call.sent, record))
    return [record for _, record in sorted(records, key=lambda each: each[0])]


def rounds_of_file(path: str, reader: Reader) -> list[Round]:
    """The rounds of a history in a file. Raises `BadSetting` with file, line and field; `OSError`."""
    rounds: list[Round] = []
    end, waits = 0, False
    for line, record in _lines(path):
        try:
            sent, answered, at = _checked(record, reader)
        except BadRecord as fault:
            raise BadSetting(f"{path_text(path)}:{line}", str(fault)) from None
        kill = record.get("kill")
        killed = None if kill is None else ANSWERED if kill == "answered" else kill / 1_000
        bare = {key: value for key, value in record.items() if key not in (*OF_A_CALL, "at", "observed", "observed_as")}
        send = (record["client"], bare)
        last = rounds[-1] if rounds else None
        if last is not None and at < last.at:
            raise BadSetting(f"{path_text(path)}:{line}", "at: a history is in the order of time, and an earlier line is later")
        # Requests that were killed together have no end that would show that they overlap.
        died_together = answered is None and waits and last is not None and killed == last.kill
        if last is not None and at == last.at and (sent < end or died_together):
            rounds[-1] = Round(last.at, (*last.sends, send), last.kill if killed is None else killed)
        else:
            rounds.append(Round(at, (send,), killed))
        waits = answered is None
        end = max(end, answered or sent)
    if not rounds:
        raise BadSetting(path_text(path), "it holds no record, and a history has at least one")
    return rounds


def _lines(path: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        if line.strip():
            try:
                yield number, decode(line, dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
                raise BadSetting(f"{path_text(path)}:{number}", f"a record is one JSON object a line: {fault}") from None


def _checked(record: Record, reader: Reader) -> tuple[int, int | None, int]:
    """The order numbers and the instant of a record. Raises `BadRecord`."""
    client, sent, answered, kill = (record.get(key) for key in OF_A_CALL)
    for key, value, span in (("client", client, range(CLIENTS_MAX)), ("sent", sent, range(1, 2**53))):
        if type(value) is not int or value not in span:
            rule = f"it is a whole number from {span.start} to {span.stop - 1}, as `fuzz --clients N --save FILE` writes it"
            raise BadRecord(key, rule, as_text(value))
    assert isinstance(sent, int)
    if answered is not None and (type(answered) is not int or answered <= sent):
        raise BadRecord("answered", "it is a whole number above `sent`, or absent where no answer came", as_text(answered))
    if kill is not None and kill != "answered" and (type(kill) is not int or kill < 0):
        raise BadRecord("kill", "it is `answered`, or milliseconds after the requests were sent", as_text(kill))
    return sent, answered, at_of(reader.convert({key: value for key, value in record.items() if key != "observed"}))

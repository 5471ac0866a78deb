"""A log or counterexample as a picture: each record, its answer, and its changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from tokenspec.diagrams.graph import Graph
from tokenspec.diagrams.sequence import sequence
from tokenspec.oracle.base import provenance
from tokenspec.oracle.base.errors import BadRecord, BadSetting
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.logs.narrative import told
from tokenspec.oracle.logs.reading import read
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.oracle.wire.records import differing

RECORDS_MAX = 100
"""The largest number of records that one picture shows; more could not be read."""


def sequence_of(path: str, account: str | None, oracle: Oracle) -> Graph:
    """Returns a picture of the records of the log at `path`, or of one account's. Raises `BadSetting`, `OSError`.

    Answers are the oracle's; the picture marks observations that differ.
    """
    records, wrong, accounts = [], [], dict[str, None]()
    for line, record, fault, _ in read(Logs([path]), oracle.reader):
        try:
            if record is None or fault is not None:
                raise fault or BadRecord("line", "it holds no record")
            answer = oracle.answer(record)
        except BadRecord as bad:
            raise BadSetting(f"{line.file}:{line.number}", f"{bad.field}: {bad.rule}") from None
        accounts[record.account] = None
        if account in (None, record.account):
            shown: dict[str, Any] = msgspec.json.decode(line.content)
            records.append(shown | {"observed": answer.as_dict()})
            found = differing(record, answer)
            wrong.append(tuple(f"{name} expected {as_text(want)}, observed {as_text(got)}" for name, want, got in found))
    if not records:
        whose = "" if account is None else f" of account {one_line(account)!r}{did_you_mean(account, accounts)}"
        raise BadSetting(path, f"it holds no record{whose}")
    if len(records) > RECORDS_MAX:
        raise BadSetting(
            path, f"{len(records)} records are too many for a picture, of {RECORDS_MAX} at most: narrow it by --account"
        )
    happenings = [replace(it, wrong=differs) for it, differs in zip(told(records), wrong, strict=True)]
    return replace(sequence(happenings, f"What happened in {one_line(path)}"), origin=provenance.line())

"""The report on the history of an account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import ABSENT, POOLS, hint
from tokenspec.oracle.base.text import one_line, path_text
from tokenspec.oracle.logs.as_data import bad_data
from tokenspec.oracle.logs.diagnosis import Asked, causes
from tokenspec.oracle.logs.history import WAITING, LedgerEntry, instant, local_time
from tokenspec.oracle.report.exits import BAD_DATA, HOLDS
from tokenspec.oracle.report.model import Block, Notes, ReportTable, RunReport, Verbatim, few
from tokenspec.oracle.report.replay import NEVER_NULL, bad_record_text, rows_texts


def explain_report(asked: Asked) -> RunReport:
    """Returns the report on the account that was asked about."""
    rows = asked.story.rows
    code = BAD_DATA if asked.story.bad or (rows is not None and rows.all_unmapped) else HOLDS
    return RunReport(verb="explain", code=code, body=lambda: _body(asked), data=lambda: _data(asked))


def _body(asked: Asked) -> Iterator[Block]:
    """Yields the state of the account, the causes that fit, and the gains and losses of each pool."""
    yield Verbatim(few(list(map(bad_record_text, asked.story.bad)), "bad record"))
    yield Notes(_standing(asked))
    found = [f"- {cause.sentence}" + f" [{' '.join(cause.clauses)}]" * bool(cause.clauses) for cause in causes(asked)]
    yield Notes(found or ["- Nothing stands out: no cause of a missing or wrong balance fits."], essential=True)
    for pool in POOLS:
        yield from _pool_table(asked, pool)
    if asked.story.rows is not None:
        yield Notes(list(rows_texts(asked.story.rows)))


def _data(asked: Asked) -> dict[str, Any]:
    story = asked.story
    return {
        "policy": story.oracle.policy,
        "resets": story.oracle.resets,
        "account": story.account,
        "at": format_instant(story.at),
        **{name: story.state[name] for name in NEVER_NULL},
        "balances": story.balances,
        "shown": asked.shown,
        **({} if story.rows is None else {"rows": story.rows.as_data()}),
        "bad_records": [bad_data(bad) for bad in story.bad],
        "pools": {pool: [_posting_data(p) for p in story.postings if p.pool == pool] for pool in POOLS},
        "due": [
            {
                "clock": due.clock.name,
                "at": format_instant(due.at),
                "local": local_time(due.at, asked.zone) if asked.zone is not None else None,
                "state": due.state,
                "support_after": format_instant(due.support_after),
                "clauses": list(due.clock.clauses),
            }
            for due in story.due
        ],
        "causes": [{"cause": cause.cause, "clauses": list(cause.clauses), "sentence": cause.sentence} for cause in causes(asked)],
    }


def _standing(asked: Asked) -> list[str]:
    story, state = asked.story, asked.story.state
    if state[story.oracle.machine.control] == ABSENT:
        return [f"Account {one_line(story.account)} was not opened by {asked.when(story.at)}."]
    held = ", ".join(f"{pool} {tokens:,}" for pool, tokens in story.balances.items())
    standing = hint("standing") or _in_words
    lines = [f"At {asked.when(story.at)} account {one_line(story.account)} is {standing(state)}: {held}."]
    for due in story.due:
        what = due.clock.falls_due.removesuffix("_falls_due").replace("_", " ")
        lines.append(f"The {what} {'is next due at' if due.state == WAITING else 'has been due since'} {asked.when(due.at)}.")
    if asked.wrong:
        told = ", ".join(f"{pool} {tokens:,}" for pool, tokens in (asked.shown or {}).items())
        lines.append(f"It was shown as {told}, which is not the true balance.")
    elif asked.shown is not None:
        lines.append("What was shown is the true balance.")
    return lines


def _in_words(state: Mapping[str, Any]) -> str:
    return ", ".join(one_line(v) if isinstance(v := state[name], str) else f"{name} {v}" for name in NEVER_NULL)


def _pool_table(asked: Asked, pool: str) -> Iterator[Block]:
    rows, held = [], 0
    files = {p.line.file for p in asked.story.postings if p.line is not None}
    for p in asked.story.postings:
        if p.pool == pool:
            held += p.tokens if p.kind.adds else -p.tokens
            sign = "+" if p.kind.adds else "-"
            place = "by itself" if p.line is None else p.line.key or f"line {p.line.number}"
            if p.line is not None and len(files) > 1:
                place = f"{path_text(p.line.file, 60)}:{p.line.key or p.line.number}"
            rows.append([instant(p.at, asked.zone), p.event, place, p.kind.value, f"{sign}{p.tokens:,}", f"{held:,}"])
    if rows:
        yield Notes([""])
        yield ReportTable(["at", "event", "record", "kind", "tokens", "then"], rows, f"{pool}: {held:,}")


def _posting_data(p: LedgerEntry) -> dict[str, Any]:
    return {
        "at": format_instant(p.at),
        "event": p.event,
        "file": p.line.file if p.line is not None else None,
        "line": p.line.number if p.line is not None else None,
        "kind": p.kind.value,
        "tokens": p.tokens,
    }

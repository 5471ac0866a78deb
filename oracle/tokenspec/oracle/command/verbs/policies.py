"""`tokenspec policies`: the open questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from tokenspec.oracle.base.specification import CLAUSES, POLICIES
from tokenspec.oracle.command.options import Output, output_options
from tokenspec.oracle.report.exits import HOLDS
from tokenspec.oracle.report.model import Block, ReportTable, RunReport


@click.command()
@output_options("text", "json", "md", reports=True)
def command(out: Output) -> int:
    """Lists every open question with its answers, the default first, and why it is open.

    \b
    tokenspec policies
    tokenspec policies --format json
    """
    out.check(())
    return out.write(RunReport(verb="policies", code=HOLDS, body=lambda: _body(out.quiet), data=_data))


def _body(is_short: bool) -> Iterator[Block]:
    """Yields a row for each answer; if `is_short` without the reasons."""
    rows = []
    for policy in POLICIES:
        for index, (answer, meaning) in enumerate(policy.answers):
            name = "" if index else policy.name
            why = f"{policy.why} ({' '.join(policy.clauses)})" if name else ""
            rows.append([name, answer + (" (default)" if name else ""), meaning, why])
    headings = ["policy", "answer", "what it means", "why it is open"]
    columns = 3 if is_short else 4
    yield ReportTable(headings[:columns], [row[:columns] for row in rows], essential=True)


def _data() -> dict[str, Any]:
    return {
        "policies": [
            {
                "policy": policy.name,
                "default": policy.answers[0][0],
                "answers": [{"answer": answer, "means": means} for answer, means in policy.answers],
                "why": policy.why,
                "clauses": [{"id": clause, "says": CLAUSES[clause]} for clause in policy.clauses],
            }
            for policy in POLICIES
        ]
    }

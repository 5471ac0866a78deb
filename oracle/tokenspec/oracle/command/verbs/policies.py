"""`tokenspec policies`: the open questions."""

from __future__ import annotations

import click

from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.options import output_options
from tokenspec.oracle.report.output import output
from tokenspec.oracle.report.text import as_json, table
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.policies import POLICIES


@click.command()
@output_options("text", "json")
def command(form: str, output_file: str | None, quiet: bool) -> int:
    """Lists every open question with its answers, the default first, and why it is open.

    \b
    tokenspec policies
    tokenspec policies --format json
    """
    check_files((), {}, output_file)
    with output(output_file) as to:
        if form == "json":
            to.write(as_json(stamp() | {"policies": [_as_data(p.name) for p in POLICIES]}))
            return 0
        rows = []
        for policy in POLICIES:
            for index, (answer, meaning) in enumerate(policy.answers):
                first = index == 0
                rows.append(
                    [policy.name if first else "", answer + (" (default)" if first else ""), meaning]
                    + ([] if quiet else [f"{policy.why} ({' '.join(policy.clauses)})" if first else ""])
                )
        table("", ["policy", "answer", "what it means", *([] if quiet else ["why it is open"])], rows, to)
    return 0


def _as_data(name: str) -> dict[str, object]:
    policy = next(p for p in POLICIES if p.name == name)
    return {
        "policy": policy.name,
        "default": policy.answers[0][0],
        "answers": [{"answer": answer, "means": means} for answer, means in policy.answers],
        "why": policy.why,
        "clauses": [{"id": clause, "says": CLAUSES[clause]} for clause in policy.clauses],
    }

"""A report as a page in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import assert_never

from tokenspec.diagrams.markup import markdown_table
from tokenspec.oracle.base import provenance
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.report.model import LONGEST, Block, CoverageTable, Notes, ReportTable, Rerun, RunReport, Verbatim


def markdown(report: RunReport) -> str:
    """Returns the verdict, the blocks that are not empty, and the provenance of the run."""
    head = f"## tokenspec {report.verb}" + (f": {_escaped(report.verdict)}" if report.verdict else "")
    others = [f"{key} {_escaped(str(value))}" for key, value in report.provenance.items() if key not in ("version", "digest")]
    foot = f"<sub>{', '.join([provenance.line(report.provenance), *others])}</sub>"
    return "\n\n".join([head, *(part for block in report.body() for part in _parts(block) if part), foot]) + "\n"


def _parts(block: Block) -> Iterator[str]:
    match block:
        case Notes(lines):
            told = [_escaped(line) for line in lines if line]
            yield told[0] if len(told) == 1 else "\n".join(f"- {line.removeprefix('- ')}" for line in told)
        case Verbatim(lines):
            yield _fenced(lines)
        case ReportTable(headings, rows, title):
            yield f"**{_escaped(title)}**" if title and rows else ""
            yield _table(headings, rows) if rows else ""
        case Rerun(figures, command):
            yield _escaped(figures)
            yield f"Again with\n\n{_fenced([command], 'sh')}"
        case CoverageTable():
            yield from _coverage(block)
        case _:
            assert_never(block)


def _coverage(block: CoverageTable) -> Iterator[str]:
    rows = block.rows()
    if not rows:
        return
    event, what, hits = rows[0]
    times = "never met" if not hits else "met once" if hits == 1 else f"met {hits:,} times"
    yield f"Coldest of {len(rows)} rules and refusals: {_escaped(event)}, {_escaped(what)}, {times}."
    met = f"{sum(hits > 0 for _, _, hits in rows):,} of {len(rows):,}"
    yield _table(("coverage", "met"), [("rules and refusals", met), *block.further])
    table = _table(("event", "rule or refusal", "hits"), [(event, what, f"{hits:,}") for event, what, hits in rows])
    yield _folded(f"Coverage: {met} rules and refusals met", table)
    if block.not_met:
        yield _folded(f"Pairs of rules not met: {len(block.not_met):,}", _table(("rule", "directly after it"), block.not_met))


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    # The bars are escaped with the rest, so that nothing is left for `markdown_table` to escape.
    return markdown_table(
        headings, [["<br>".join(map(_escaped, cell.splitlines())).replace("\\|", "|") for cell in row] for row in rows]
    )


def _escaped(text: str) -> str:
    """Returns `text`, on one line, with markup escaped. An underscore between letters or digits is not markup."""
    return re.sub(r"([\\`*\[\]<>|#~&$]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", one_line(text, LONGEST))


def _fenced(lines: Iterable[str], language: str = "text") -> str:
    """Returns lines as a code block, whatever their content; empty where there are none."""
    inside = "\n".join(lines).strip("\n")
    longest = max((len(run) for run in re.findall("`+", inside)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{inside}\n{fence}" if inside else ""

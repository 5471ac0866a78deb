"""The forms of a report, and the files that it is written to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tokenspec.oracle.base import text as text_of
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.report.junit import junit
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.output import noted, output, raise_all
from tokenspec.oracle.report.sarif import sarif
from tokenspec.oracle.report.text import text

Reports = Sequence[tuple[str, str]]
"""Forms, each with its output file."""


def as_json(report: Any) -> str:
    """Returns one object, indented, keys in the order given."""
    return text_of.json_text(report, 2) + "\n"


def as_lines(report: RunReport) -> str:
    """Returns a line for each item of the lists that the report itemises, and one for the rest."""
    data = report.data()
    lines = [{name: item} for key, name in report.itemised.items() for item in data.get(key, ())]
    summary = {key: value for key, value in data.items() if key not in report.itemised}
    return "".join(text_of.json_text(line) + "\n" for line in [*lines, {"summary": summary}])


def _markdown(report: RunReport) -> str:
    # The modules that draw pictures are not imported for a text.
    from tokenspec.oracle.report.markdown import markdown

    return markdown(report)


def _parquet(report: RunReport) -> bytes:
    from tokenspec.oracle.report.replays.parquet import parquet

    return parquet(report)


TABLE = "parquet"
"""The form that is not text, and goes to a file alone."""

RENDERERS: dict[str, Callable[[RunReport], str]] = {
    "json": lambda report: as_json(report.data()),
    "jsonl": as_lines,
    "junit": junit,
    "sarif": lambda report: as_json(sarif(report)),
    "md": _markdown,
}
"""Every form but the text, which depends on the terminal."""


def write(
    report: RunReport, form: str, output_file: str | None, quiet: bool, reports: Reports = (), failed: Sequence[WrongUsage] = ()
) -> int:
    """Writes the report in `form` to `output_file` or standard output, and in other forms to `reports`; returns the exit code.

    Where one cannot be written the others still are; then `WrongUsage` is raised, for the outputs in `failed` too.
    """
    faults = list(failed)
    for also, path, option in [*((form, path, "--report") for form, path in reports), (form, output_file, "-o")]:
        if also == TABLE and path is not None:
            with noted(faults):
                write_file(option, path, _parquet(report))
            continue
        with noted(faults), output(path, option) as to:
            if also == "text":
                text(report, to, quiet)
            else:
                to.write(text_of.no_commands(RENDERERS[also](report)))
    raise_all(faults)
    return report.code

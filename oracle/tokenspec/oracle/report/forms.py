"""The forms of a report, and the files that it is written to; logs of what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tokenspec.oracle.base import text as text_of
from tokenspec.oracle.base.specification import AnyCatalogue
from tokenspec.oracle.base.whole_files import with_ending, write_file
from tokenspec.oracle.report.config import Settings, replay_again
from tokenspec.oracle.report.junit import junit
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.sarif import sarif
from tokenspec.oracle.wire.settings import as_toml


def as_json(report: Any) -> str:
    """Returns one object, indented, keys in the order given."""
    return text_of.json_text(report, 2) + "\n"


def as_lines(report: RunReport) -> str:
    """Returns a line for each item of the lists that the report itemises, and one for the rest."""
    data = report.whole()
    lines = [{name: item} for key, name in report.itemised.items() for item in data.get(key, ())]
    summary = {key: value for key, value in data.items() if key not in report.itemised}
    return "".join(text_of.json_text(line) + "\n" for line in [*lines, {"summary": summary}])


def _markdown(report: RunReport) -> str:
    # The modules that draw pictures are not imported for a text.
    from tokenspec.oracle.report.markdown import markdown

    return markdown(report)


def as_table(report: RunReport) -> bytes:
    """Returns the divergences as a Parquet file."""
    from tokenspec.oracle.report.replays.parquet import parquet

    return parquet(report)


TABLE = "parquet"
"""The form that is not text, and goes to a file alone."""

RENDERERS: dict[str, Callable[[RunReport], str]] = {
    "json": lambda report: as_json(report.whole()),
    "jsonl": as_lines,
    "junit": junit,
    "sarif": lambda report: as_json(sarif(report)),
    "md": _markdown,
}
"""Every form but the text, which depends on the terminal."""


def saved_log(
    path: str,
    records: Iterable[Any],
    policy: Mapping[str, str],
    resets: str,
    catalogue: AnyCatalogue,
    settings: Settings,
    inferred: Mapping[str, str] | None = None,
) -> str:
    """Writes a log, and a catalogue beside it unless it is that of `settings`; returns the command that replays it.

    Where settings are inferred, `inferred` are the known ones.
    """
    write_file("--save", path, json_lines(records))
    file = settings.catalogue_file
    if catalogue != settings.catalogue:
        file = with_ending(path, ".toml" if file is None else ".own.toml")
        write_file("--save", file, as_toml(catalogue).encode())
    return replay_again(path, policy, resets, file, inferred)


def json_lines(records: Iterable[Any]) -> bytes:
    """Returns a log of records."""
    return "".join(f"{text_of.json_text(record)}\n" for record in records).encode()

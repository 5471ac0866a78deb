"""`tokenspec replay --policy infer`: logs against every setting that is still possible, as one set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tokenspec.oracle.command.files import output
from tokenspec.oracle.command.infer import came_to_data, data, exit_of, text
from tokenspec.oracle.command.options import as_json, progress
from tokenspec.oracle.command.replay import divergence_data
from tokenspec.oracle.infer import Inference, infer
from tokenspec.oracle.logs import Line, Logs
from tokenspec.oracle.replay import replay
from tokenspec.oracle.world import Oracle
from tokenspec.spec.catalogue import Catalogue


def replay_under_all(
    read: Logs, known: Mapping[str, str], catalogue: Catalogue, resets: str, form: str, output_file: str | None, quiet: bool
) -> int:
    """Replays the logs under all settings with the answers in `known`, and writes the report; the exit code."""
    with progress("replaying", read.size or None) as tick:
        found = infer(read, known, catalogue, resets, tick)
    with output(output_file) as to:
        if form == "text":
            text(found, to, quiet)
        else:
            report = _report(found, data(found, catalogue, resets), read, catalogue, resets)
            to.write(as_json(report) if form == "json" else _as_lines(report))
    return exit_of(found)


def _report(
    found: Inference, inferred: dict[str, Any], lines: Iterable[Line], catalogue: Catalogue, resets: str
) -> dict[str, Any]:
    """The report of a replay, with what is inferred beside it."""
    divergences = []
    if found.unexplained is not None:
        # The setting in the report explains every record up to there, so that its own replay first differs there too.
        under_example = replay(lines, Oracle(found.example, catalogue, resets)).divergences[0]
        ways = came_to_data(found.unexplained.came_to)
        divergences = [{**divergence_data(under_example), "explained": True, "came_to": ways}]
    verdict = "diverges" if divergences else "conforms" if found.compared else "no_verdict"
    return {**inferred, "verdict": verdict, "divergences": divergences}


def _as_lines(report: dict[str, Any]) -> str:
    lines = [{"bad_record": bad} for bad in report["bad_records"]]
    lines += [{"divergence": divergence} for divergence in report["divergences"]]
    summary = {key: value for key, value in report.items() if key not in ("bad_records", "divergences")}
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in [*lines, {"summary": summary}])

"""`tokenspec replay --policy infer`: logs against every setting that is still possible, as one set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from tokenspec.oracle.command.infer import came_to_data, data, exit_of, figures, text, unexplained_text, verdict
from tokenspec.oracle.command.options import Reports, as_json, progress, write_result
from tokenspec.oracle.command.replay import as_lines, bad_text, divergence_data
from tokenspec.oracle.command.replay_forms import Replayed, replay_forms
from tokenspec.oracle.infer import Inference, infer
from tokenspec.oracle.logs import Logs
from tokenspec.oracle.replay import Divergence, replay
from tokenspec.oracle.stamp import stamp
from tokenspec.oracle.world import Oracle
from tokenspec.spec.catalogue import Catalogue


def replay_under_all(
    read: Logs,
    known: Mapping[str, str],
    catalogue: Catalogue,
    resets: str,
    quiet: bool,
    form: str,
    output_file: str | None,
    reports: Reports,
) -> int:
    """Replays the logs under all settings with the answers in `known`, and writes the report; the exit code."""
    with progress("replaying", read.size or None) as tick:
        found = infer(read, known, catalogue, resets, tick)
    inferred, diverged = data(found, catalogue, resets), list[tuple[Divergence, str]]()
    if found.unexplained is not None:
        # The setting in the report explains every record up to there, so that its own replay first differs there too.
        under_example = replay(read, Oracle(found.example, catalogue, resets)).divergences[0]
        diverged = [(under_example, unexplained_text(found.unexplained))]
    report = _report(found, inferred, [divergence for divergence, _ in diverged])
    forms: dict[str, Callable[[IO[str]], object]] = {
        "text": lambda to: text(found, to, quiet),
        "json": lambda to: to.write(as_json(report)),
        "jsonl": lambda to: to.write(as_lines(report)),
        **replay_forms(lambda: _replayed(found, read.names, diverged)),
    }
    write_result(forms, form, output_file, reports)
    return exit_of(found)


def _replayed(found: Inference, logs: Sequence[str], diverged: Sequence[tuple[Divergence, str]]) -> Replayed:
    return Replayed(
        verdict=verdict(found),
        figures=figures(found),
        logs=logs,
        records=found.records,
        compared=found.compared,
        bad=[(bad, bad_text(bad)) for bad in found.bad],
        diverged=diverged,
        rows=(),
        stamp=stamp(),
    )


def _report(found: Inference, inferred: dict[str, Any], diverged: Sequence[Divergence]) -> dict[str, Any]:
    """The report of a replay, with what is inferred beside it."""
    ways = came_to_data(found.unexplained.came_to) if found.unexplained is not None else []
    divergences = [{**divergence_data(each), "explained": True, "came_to": ways} for each in diverged]
    word = "diverges" if divergences else "conforms" if found.compared else "no_verdict"
    return {**inferred, "verdict": word, "divergences": divergences}

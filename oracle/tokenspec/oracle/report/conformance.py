"""The result of fuzzing an implementation, as text and as data."""

from __future__ import annotations

import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from tokenspec.oracle.base.clauses import clause_texts
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.text import as_text, bounded, one_line
from tokenspec.oracle.fuzz.conformance import Conformance, SutCounterexample
from tokenspec.oracle.fuzz.sut_infer import NoSettingLeft
from tokenspec.oracle.report.fuzz_ci import Fuzzed, made_of, sut_finding
from tokenspec.oracle.report.infer import came_to_data, came_to_lines, conforming
from tokenspec.oracle.report.sut import DEFAULT_TIMEOUT, show_failure, title_of
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.answers import FIELDS
from tokenspec.oracle.wire.protocol import JOBS, event_names
from tokenspec.spec.policies import DEFAULTS


@dataclass(frozen=True)
class SutRun:
    """What was asked for on the command line."""

    sut: str
    timeout: float
    examples: int
    steps: int
    seed: int
    policy: tuple[str, ...]
    catalogue: str | None
    reasons: str | None
    save: tuple[str, ...]
    database: str | None = None
    part: str | None = None

    def again(self) -> str:
        """The command that gives the same run."""
        words = ["--sut", self.sut, "--examples", str(self.examples), "--steps", str(self.steps), "--seed", str(self.seed)]
        words += [word for setting in dict.fromkeys(self.policy) for word in ("--policy", setting)]
        words += [
            word for option in ("catalogue", "reasons") if (path := getattr(self, option)) for word in (f"--{option}", path)
        ]
        words += ["--timeout", f"{self.timeout:g}"] if self.timeout != DEFAULT_TIMEOUT else []
        words += [
            word
            for option, value in (("slice", self.part), ("database", self.database))
            if value
            for word in (f"--{option}", value)
        ]
        return shlex.join(["tokenspec", "fuzz", *words])


def fuzzed(verdict: Conformance, run: SutRun, setting: SutSettings, saved: Sequence[str]) -> Fuzzed:
    """Returns the forms for continuous integration."""
    found = verdict.counterexample
    story, limits = io.StringIO(), io.StringIO()
    if found is not None:
        show_counterexample(found, story)
    elif verdict.terms is not None:
        _limits(verdict, verdict.terms, limits)
    return Fuzzed(
        about=title_of(verdict.terms) if verdict.terms is not None else run.sut,
        verdict=sentence(verdict),
        again=run.again(),
        rows=_rows(verdict),
        closed=verdict.closed,
        stamp=made_of(run.seed, run.part, verdict.count),
        finding=sut_finding(found, story.getvalue()) if found is not None else None,
        why_none=verdict.why_none,
        limits=limits.getvalue().splitlines(),
        saved=saved,
        files=run.save if found is not None and found.records else (),
    )


def sentence(verdict: Conformance) -> str:
    """The verdict."""
    word = verdict.word.replace("_", " ")
    if verdict.why_none and verdict.counterexample is None:
        return f"{word}: {one_line(verdict.why_none, 1_000)}"
    if verdict.counterexample is not None and isinstance(verdict.counterexample.error, NoSettingLeft):
        return "diverges: no setting explains it"
    if verdict.policies is not None:
        return word if verdict.counterexample is not None else conforming(verdict.policies, verdict.settings)
    changed = [f"{knob}={answer}" for knob, answer in verdict.policy.items() if DEFAULTS[knob] != answer]
    return f"{word} under {', '.join(changed)}" if changed else word


def details(verdict: Conformance, run: SutRun, saved: Sequence[str], to: IO[str]) -> None:
    """Writes the counterexample, the figures, and the limits of the run."""
    terms = verdict.terms
    if terms is not None:
        to.write(f"{title_of(terms)}\n")
    if verdict.counterexample is not None:
        show_counterexample(verdict.counterexample, to)
        to.writelines(f"{one_line(line, 600)}\n" for line in saved)
    rate = verdict.count.steps / max(verdict.seconds, 0.001)
    to.write(
        f"{verdict.count.examples:,} worlds, {verdict.count.steps:,} events in {verdict.seconds:.0f} s ({rate:,.0f}/s), "
        f"seed {run.seed}; again with: {one_line(run.again(), 400)}\n"
    )
    if verdict.tried:
        to.write(f"{verdict.tried} found by earlier runs were tried first; of them no longer show: {verdict.mended}\n")
    if terms is not None and verdict.counterexample is None:
        _limits(verdict, terms, to)
        if verdict.cold and not verdict.why_none:
            cold = ", ".join(f"{event} ({what})" for event, what in verdict.cold)
            to.write(f"{len(verdict.cold)} more were not met: {cold}\n")


def _limits(verdict: Conformance, terms: Capabilities, to: IO[str]) -> None:
    """What the run says nothing about."""
    for says, names in (("never sent", _unsent(terms)), ("not compared", _unobserved(terms))):
        if names:
            to.write(f"{says}: {', '.join(names)}\n")
    for key, values in terms.values.items():
        to.write(f"sent as {key} was only: {', '.join(as_text(value) for value in values) or 'nothing'}\n")
    if verdict.closed:
        to.write(f"{_met(verdict)[1]} of {_met(verdict)[2]} rules and refusals cannot be met with what it takes\n")


def _met(verdict: Conformance) -> tuple[int, int, int]:
    rows = _rows(verdict)
    met = {row[:2] for row in rows if row[2]}
    return len(met), sum(row[:2] in verdict.closed and row[:2] not in met for row in rows), len(rows)


def _rows(verdict: Conformance) -> list[tuple[str, str, int]]:
    """Coverage of what can be sent; what falls due by itself is left out."""
    return [row for row in verdict.coverage.rows() if row[0] in event_names()]


def _unsent(terms: Capabilities) -> list[str]:
    by_itself = JOBS if terms.resets == "implied" else ()
    return [name for name in event_names() if name not in terms.events and name not in by_itself]


def _unobserved(terms: Capabilities) -> list[str]:
    return [name for name in FIELDS if name not in terms.observes and not any(o.startswith(f"{name}.") for o in terms.observes)]


def show_counterexample(found: SutCounterexample, to: IO[str]) -> None:
    """The story as it should have gone, and the last answer beside the right one."""
    told = [
        {**record, "observed": answer.as_dict()} if answer is not None else record
        for record, answer in zip(found.records, found.expected, strict=True)
    ]
    show_failure(told, found.error.differences, found.error.failed, to)
    if found.because is not None:
        to.write(f"  because   {found.because.outcome}: {found.because.why}\n")
        to.writelines(f"            {line}\n" for line in clause_texts(found.because.clauses))
    if isinstance(found.error, NoSettingLeft):
        _show_settings(found, found.error, to)
    elif found.because is not None:
        settings = ", or ".join(f"{knob}={answer}" for knob, answer in found.because.explained_by)
        to.write(f"  right under  --policy {settings}\n" if settings else "  no other answer of a single policy makes it right\n")
    if not found.is_reproduced:
        to.write(
            "  it did not come again in a new world: an earlier world may not have been forgotten, or it is left to chance\n"
        )
    to.write("\n")


def _show_settings(found: SutCounterexample, error: NoSettingLeft, to: IO[str]) -> None:
    """What the records had ruled out, and what the last one came to under each setting that was left."""
    for number in dict.fromkeys(out.by for out in error.ruled_out):
        out = ", ".join(f"{policy}={answer}" for policy, answer, record in error.ruled_out if record == number)
        to.write(f"  record {number} rules out {out}\n")
    number = found.because.line.number if found.because is not None else len(found.records)
    to.write(f"  record {number} is explained by no setting left:\n")
    to.writelines(f"  {line}\n" for line in came_to_lines(error.why.came_to))


def data(verdict: Conformance, run: SutRun, setting: SutSettings) -> dict[str, Any]:
    """Returns the result as one JSON object."""
    terms, found = verdict.terms, verdict.counterexample
    sut = {
        "name": terms.name,
        "version": terms.version,
        "resets": terms.resets,
        "events": [name for name in event_names() if name in terms.events],
        "observes": list(terms.observes),
        "values": dict(terms.values),
    } if terms is not None else None  # fmt: skip
    return {
        **stamp(),
        "seed": run.seed,
        **({"slice": run.part} if run.part is not None else {}),
        **({"kept": {"tried": verdict.tried, "mended": verdict.mended}} if run.database is not None else {}),
        "policy": dict(verdict.policy),
        "fixed": dict(terms.policy) if terms is not None else {},
        "policies": verdict.policies,
        "settings": verdict.settings,
        "sut": sut,
        "verdict": verdict.word,
        "why": verdict.why_none or None,
        "examples": verdict.count.examples,
        "steps": verdict.count.steps,
        "compared": verdict.compared,
        "seconds": round(verdict.seconds, 2),
        "coverage": [{"event": event, "outcome": what, "hits": hits} for event, what, hits in _rows(verdict)],
        "closed_off": [{"event": e, "outcome": what} for e, what in sorted(verdict.closed) if e in event_names()],
        "counterexample": _counterexample(found) if found is not None else None,
    }


def _counterexample(found: SutCounterexample) -> dict[str, Any]:
    error, because = found.error, found.because
    expected = error.expected.as_dict() if error.expected is not None else None
    failed = error.failed
    _, right, got = (error.field, expected, None) if failed else error.differences[0]
    return {
        "records": found.records,
        "field": error.field,
        "expected": right,
        "got": str(failed) if failed is not None else bounded(got),
        "fields": [{"field": n, "expected": e, "got": bounded(g)} for n, e, g in error.differences],
        "failure": {"kind": failed.how, "detail": failed.detail, "last_words": failed.last_words} if failed is not None else None,
        "outcome": error.rule,
        "clauses": list(because.clauses) if because is not None else [],
        "explained_by": [{"policy": k, "answer": a} for k, a in because.explained_by] if because is not None else [],
        "reproduced": found.is_reproduced,
    } | (_unexplained(error) if isinstance(error, NoSettingLeft) else {})


def _unexplained(error: NoSettingLeft) -> dict[str, Any]:
    out = [{"policy": policy, "answer": answer, "record": record} for policy, answer, record in error.ruled_out]
    return {"policies": error.why.possible, "ruled_out": out, "came_to": came_to_data(error.why.came_to)}

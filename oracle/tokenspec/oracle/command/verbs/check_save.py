"""`tokenspec check --save`: a counterexample in files that other tools read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.check.concretize import Log, UnrealisableError, answered, realised
from tokenspec.oracle.check.counterexample import Counterexample
from tokenspec.oracle.check.evidence import Evidence
from tokenspec.oracle.check.itf import itf
from tokenspec.oracle.fuzz.worlds import Failure
from tokenspec.oracle.report.check import BrokenClaim
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.forms import as_json, saved_log

_TRACE, _LOG, _CATALOGUE = ".itf.json", ".jsonl", ".toml"


def paths(stem: str) -> dict[str, str]:
    """Returns every file that may be written, by its description in errors."""
    return {f"--save ({stem}{ending})": stem + ending for ending in (_TRACE, _LOG, _CATALOGUE)}


def saved(stem: str, evidence: Evidence, broken: Sequence[BrokenClaim]) -> Iterator[str]:
    """Writes the first counterexample of the searches, or else the random run that failed; yields a line for each file.

    The log holds the answers of the faulty declaration: it conforms to it, and diverges once the fault is mended.
    """
    example = next((breach.example for breach in broken if breach.example is not None), None)
    if example is not None:
        write_file("--save", stem + _TRACE, as_json(itf(example)).encode())
        yield f"saved {stem}{_TRACE}: the trace that breaks {example.claim.id} ({example.part}), {len(example.trace)} events"
    log = _log(example, evidence.fuzzed.failure)
    if isinstance(log, str):
        yield log
    else:
        world, note = log.world, f"; {log.note}" if log.note else ""
        again = saved_log(stem + _LOG, log.records, world.policy, world.resets, world.catalogue, Settings())
        yield f"saved {stem}{_LOG}: a log that breaks it, {len(log.records)} records{note}; {again}"


def _log(example: Counterexample | None, failure: Failure | None) -> Log | str:
    """Returns the counterexample as a log, or the random run that failed; where there is none, the reason."""
    why = "no log: none of the violations is a run of an account"
    if example is not None:
        try:
            return realised(example)
        except UnrealisableError as fault:
            why = f"no log: {fault}"
    if failure is not None and failure.records:
        return Log(answered(failure.records, failure.world), failure.world, "it is the random run that failed")
    return why

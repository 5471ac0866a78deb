"""`tokenspec fuzz --save`: a counterexample as a log, as a conformance vector, or as a test for pytest."""

from __future__ import annotations

import hashlib
import pprint
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.specification import AnyCatalogue
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.base.whole_files import with_ending, write_file
from tokenspec.oracle.fuzz.conformance import Conformance, SutCounterexample
from tokenspec.oracle.fuzz.worlds import Failure
from tokenspec.oracle.report.config import FuzzConfig, Settings, SutConfig
from tokenspec.oracle.report.forms import as_json, saved_log
from tokenspec.oracle.report.fuzz import VECTOR, is_log
from tokenspec.oracle.report.output import noted
from tokenspec.oracle.vectors.suite import written_vector
from tokenspec.oracle.wire.records import asked
from tokenspec.oracle.wire.settings import INFER, as_options

_TEST_FILE = '''"""Found by `tokenspec fuzz`: {title}.

{again}
"""

import pytest

VECTOR = {vector}


@pytest.mark.tokenspec_sut({sut})
def test_{name}(token_sut):
    token_sut.check(VECTOR{policy})
'''

_NOT_ANSWERED = "replay has no answer to the last event to compare; --save FILE.py or FILE.json keeps what sends it again"


def outputs(save: Sequence[str], of_sut: bool, has_catalogue: bool) -> dict[str, str]:
    """Returns every file that may be written, by its description in errors. Raises `WrongUsage`.

    A run without a given catalogue draws its own, and an implementation may have fixed figures: they are saved beside the log.
    """
    for path in save:
        if path == "-":
            raise WrongUsage("--save", "a counterexample is saved to a file, not to standard output")
        if not of_sut and not is_log(path):
            raise WrongUsage("--save", f"{path}: a vector or a test is about an implementation, and goes with --sut")
    files = {f"--save {path}": path for path in save}
    if not has_catalogue:
        files |= {f"--save {path} (its catalogue)": with_ending(path, ".toml") for path in save if is_log(path)}
    return files


def save_failure(save: Sequence[str], failure: Failure, settings: Settings, failed: list[WrongUsage]) -> Iterator[str]:
    """Writes a failed run of the declared machines as logs; yields a line for each. Errors of writing go to `failed`."""
    world = failure.world
    for path in save:
        with noted(failed):
            yield f"saved; {saved_log(path, failure.records, world.policy, world.resets, world.catalogue, settings)}"


def save_counterexample(config: FuzzConfig, sut: SutConfig, verdict: Conformance, failed: list[WrongUsage]) -> Iterator[str]:
    """Writes the counterexample of an implementation in the form of each file's ending; yields a line for each.

    Errors of writing are added to `failed`.
    """
    found, settings = verdict.counterexample, config.settings
    if found is None:
        return
    resets, fixed = (verdict.terms.resets, verdict.terms.policy) if verdict.terms is not None else ("explicit", {})
    known = {**settings.named, **fixed} if settings.infers else None
    for path in config.save:
        with noted(failed):
            if not found.records:
                yield not_saved(path)
                continue
            if is_log(path):
                # A null in an implementation's answer counts, unlike one in a log.
                first, *others = found.records
                records = [first | {"observed_as": "answer"}, *others]
                yield f"saved; {saved_log(path, records, verdict.policy, resets, verdict.catalogue, settings, known)}"
                if found.error.failed is not None:
                    yield _NOT_ANSWERED
                continue
            vector = found_vector(found, verdict.policy, verdict.catalogue, resets)
            if Path(path).suffix == VECTOR:
                write_file("--save", path, as_json(vector).encode())
                under = "" if known is None else ", under a setting that explains all but its last event"
                yield f"saved {path}: a vector{under}"
            else:
                write_file("--save", path, _test(vector, sut, known).encode())
                yield f"saved; pytest {shlex.quote(path)}"


def not_saved(path: str) -> str:
    """Returns the line about a file of a counterexample that shows before any event."""
    return f"not saved as {path}: no event was sent, so that there is nothing to play again"


def found_vector(found: SutCounterexample, policy: Mapping[str, str], catalogue: AnyCatalogue, resets: str) -> dict[str, Any]:
    """Returns the vector, in the form of a file of a suite. Its id is derived from its requests; at least one was sent."""
    answered = [
        (asked(record), answer) for record, answer in zip(found.records, found.expected, strict=True) if answer is not None
    ]
    digest = hashlib.sha256(msgspec.json.encode([{"op": "apply", **record} for record, _ in answered])).hexdigest()
    title = f"{found.records[-1]['event']}: {found.error.field} was wrong"
    clauses = found.because.clauses if found.because is not None else ()
    return written_vector(f"found-{digest[:12]}", title, clauses, policy, catalogue, resets, answered)


def _test(vector: Mapping[str, Any], sut: SutConfig, known: Mapping[str, str] | None) -> str:
    words = [repr(sut.address)] + [f"reasons={sut.reasons_file!r}"] * (sut.reasons_file is not None)
    again = "It fails as long as the implementation answers as it did"
    if known is not None:
        again = "It fails as long as no setting explains what the implementation answers"
    return _TEST_FILE.format(
        title=one_line(vector["title"]).replace("\\", "").replace('"', "'"),
        again=f"{again}; --tokenspec-sut asks another one.",
        vector=pprint.pformat(vector, width=120, sort_dicts=False),
        sut=", ".join(words),
        name=vector["id"].replace("-", "_"),
        policy="" if known is None else f", policy={[INFER, *as_options(known)]!r}",
    )

"""`tokenspec fuzz --save`: a counterexample as a log, as a conformance vector, or as a test for pytest."""

from __future__ import annotations

import pprint
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.specification import DEFAULT
from tokenspec.oracle.base.text import json_text, one_line
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.fuzz.conformance import Conformance
from tokenspec.oracle.fuzz.worlds import Failure
from tokenspec.oracle.report.again import replay_again
from tokenspec.oracle.report.config import FuzzConfig, SutConfig
from tokenspec.oracle.report.forms import as_json
from tokenspec.oracle.report.fuzz import VECTOR, is_log
from tokenspec.oracle.report.output import noted
from tokenspec.oracle.vectors.from_counterexample import found_vector
from tokenspec.oracle.wire.settings import INFER, as_toml

_TEST_FILE = '''"""Found by `tokenspec fuzz`: {title}.

{again}
"""

import pytest

VECTOR = {vector}


@pytest.mark.tokenspec_sut({sut})
def test_{name}(token_sut):
    token_sut.check(VECTOR{policy})
'''


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
        files |= {f"--save {path} (its catalogue)": _beside(path) for path in save if is_log(path)}
    return files


def _beside(path: str, suffix: str = ".toml") -> str:
    return str(Path(path).with_suffix(suffix))


def save_failure(save: Sequence[str], failure: Failure, catalogue: str | None, failed: list[WrongUsage]) -> Iterator[str]:
    """Writes a failed run of the declared machines as logs; yields a line for each. Errors of writing go to `failed`."""
    for path in save:
        with noted(failed):
            write_file("--save", path, _log(failure.records))
            world, of_its_own = failure.world, catalogue
            if catalogue is None and world.catalogue != DEFAULT:
                of_its_own = _beside(path)
                write_file("--save", of_its_own, as_toml(world.catalogue).encode())
            yield f"saved; {replay_again(path, world.policy, world.resets, of_its_own)}"


def save_counterexample(config: FuzzConfig, sut: SutConfig, verdict: Conformance, failed: list[WrongUsage]) -> Iterator[str]:
    """Writes the counterexample of an implementation in the form of each file's ending; yields a line for each.

    Errors of writing are added to `failed`.
    """
    found, settings = verdict.counterexample, config.settings
    if found is None:
        return
    resets, catalogue = verdict.terms.resets if verdict.terms is not None else "explicit", settings.catalogue_file
    known = {**settings.named, **(verdict.terms.policy if verdict.terms is not None else {})} if settings.infers else None
    for path in config.save:
        with noted(failed):
            if not is_log(path) and not found.records:
                yield f"not saved as {path}: nothing was sent, so that there is no vector"
            elif is_log(path):
                # A null in an implementation's answer counts, unlike one in a log.
                first, *others = found.records or [{}]
                write_file("--save", path, _log([first | {"observed_as": "answer"}, *others] if first else []))
                if verdict.catalogue != settings.catalogue:
                    catalogue = _beside(path, ".toml" if settings.catalogue_file is None else ".own.toml")
                    write_file("--save", catalogue, as_toml(verdict.catalogue).encode())
                yield f"saved; {replay_again(path, verdict.policy, resets, catalogue, known)}"
            elif Path(path).suffix == VECTOR:
                write_file("--save", path, as_json(found_vector(found, verdict.policy, verdict.catalogue, resets)).encode())
                under = "" if known is None else ", under a setting that explains all but its last event"
                yield f"saved {path}: a vector{under}"
            else:
                vector = found_vector(found, verdict.policy, verdict.catalogue, resets)
                write_file("--save", path, _test(vector, sut, known).encode())
                yield f"saved; pytest {shlex.quote(path)}"


def _log(records: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json_text(record)}\n" for record in records).encode()


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
        policy="" if known is None else f", policy={[INFER, *(f'{k}={a}' for k, a in known.items())]!r}",
    )

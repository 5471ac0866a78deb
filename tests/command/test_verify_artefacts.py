"""`tokenspec verify-artefacts`: everything written carries the digest of the declaration, and a mixed set is refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, tokenspec, within
from tokenspec.oracle.base.provenance import declaration

MADE = {
    "account.wasm": ("export", "wasm", "-o"),
    "account.pml": ("export", "promela", "--scope", "tiny", "-o"),
    "account.smt2": ("export", "smtlib", "-o"),
    "account.json": ("export", "json", "-o"),
    "lifecycle.svg": ("diagram", "lifecycle", "-o"),
    "lifecycle.mmd": ("diagram", "lifecycle", "-o"),
    "lifecycle.gv": ("diagram", "lifecycle", "-o"),
    "explorer.html": ("explore", "-o"),
    "replay.json": ("replay", *sorted(map(str, EXAMPLES.glob("*.jsonl")))[:1], "--format", "json", "-o"),
    "policies.json": ("policies", "--format", "json", "-o"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for name, arguments in MADE.items():
        done = tokenspec(*arguments, str(folder / name))
        assert done.code == 0, done.err
    (folder / "notes.txt").write_text("made by hand")
    return folder


@pytest.mark.slow
def test_everything_written_carries_the_digest(made: Path) -> None:
    done = tokenspec("verify-artefacts", made, "--format", "json")
    assert done.code == 0
    verdicts = {Path(each["path"]).name: each["verdict"] for each in done.report["artefacts"]}
    assert verdicts == dict.fromkeys([*MADE, "account.md"], "this declaration")


def test_a_mixed_set_is_refused(made: Path, tmp_path: Path) -> None:
    text = (made / "lifecycle.svg").read_text()
    digest = tokenspec("policies", "--format", "json").report["digest"]
    (tmp_path / "older.svg").write_text(text.replace(digest, "0" * 64))
    done = tokenspec("verify-artefacts", made / "account.wasm", tmp_path)
    assert (done.code, done.err) == (65, "")
    assert "another declaration" in done.out
    assert "1 of 2 files are of this declaration" in done.out


@pytest.mark.parametrize(("name", "code"), [("notes.txt", 65), ("nowhere", 66)])
def test_a_file_named_by_itself_has_to_be_there_and_to_carry_one(made: Path, name: str, code: int) -> None:
    assert tokenspec("verify-artefacts", made / name).code == code


def test_a_folder_without_artefacts_is_no_verdict(tmp_path: Path) -> None:
    assert tokenspec("verify-artefacts", tmp_path).code == 20


@pytest.mark.parametrize("digest", ["0" * 63, "0" * 64, "ab", "A" * 64, ""])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_digest_of_any_form_is_read(digest: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(f'{{"digest": "{digest}"}}', encoding)
    (tmp_path / "right.json").write_text(f'{{"digest": "{declaration()}"}}', encoding)
    assert within("verify-artefacts", tmp_path).code == 65
    assert within("verify-artefacts", tmp_path / "right.json").code == 0


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "right.json").write_text(f'{{"digest": "{declaration()}"}}')
    (tmp_path / "older").mkdir()
    scan = os.scandir

    def refused(folder: str) -> Any:
        if str(folder).endswith("older"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refused)
    done = within("verify-artefacts", ".", cwd=tmp_path)
    assert (done.code, done.err) == (66, "tokenspec: ./older: permission denied\n")


def test_what_lies_behind_a_link_is_read(tmp_path: Path) -> None:
    for name in ("build", "older"):
        (tmp_path / name).mkdir()
    (tmp_path / "older/report.json").write_text(f'{{"digest": "{"0" * 64}"}}')
    (tmp_path / "build/right.json").write_text(f'{{"digest": "{declaration()}"}}')
    (tmp_path / "build/back").symlink_to(tmp_path / "build")
    assert within("verify-artefacts", "build", cwd=tmp_path).code == 0
    (tmp_path / "build/link").symlink_to(tmp_path / "older")
    assert within("verify-artefacts", "build", cwd=tmp_path).code == 65
    (tmp_path / "build/nowhere").symlink_to(tmp_path / "gone")
    assert within("verify-artefacts", "build", cwd=tmp_path).code == 66

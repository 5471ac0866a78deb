"""Whole files: missing, empty, cut short, in other encodings, very large."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command.conftest import divergent, generate, opened, tokenspec, within, write_log

FIRST = json.dumps(opened()).encode()
SECOND = json.dumps(generate("ada", "2026-07-15T09:05:00Z", "j", 24)).encode()


NO_RECORD = {"empty": b"", "blank": b" \t\r\n\n", "mark_alone": b"\xef\xbb\xbf", "utf16": FIRST.decode().encode("utf-16")}


@pytest.mark.parametrize("content", list(NO_RECORD.values()), ids=list(NO_RECORD))
def test_a_file_without_a_record_exits_65(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(content)
    done = within("replay", "log.jsonl", cwd=tmp_path)
    assert (done.code, done.err) == (65, "")
    assert "conforms" not in done.out


def test_an_empty_standard_input_exits_65() -> None:
    assert tokenspec("replay", "-").code == 65


def test_a_missing_file_exits_66_and_is_named(tmp_path: Path) -> None:
    done = within("replay", "missing.jsonl", cwd=tmp_path)
    assert (done.code, done.out) == (66, "")
    assert "missing.jsonl" in done.err


def test_a_missing_file_among_good_and_divergent_ones_exits_66(tmp_path: Path) -> None:
    write_log(tmp_path / "good.jsonl", [opened("bea")])
    write_log(tmp_path / "divergent.jsonl", [divergent()])
    done = within("replay", "good.jsonl", "divergent.jsonl", "missing.jsonl", cwd=tmp_path)
    assert (done.code, done.out) == (66, "")
    assert "missing.jsonl" in done.err


def test_a_directory_exits_66_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = within("replay", "folder", cwd=tmp_path)
    assert (done.code, done.out) == (66, "")
    assert "folder" in done.err


def test_a_log_is_never_overwritten_with_its_own_answers(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", [opened()])
    before = log.read_bytes()
    done = within("replay", "log.jsonl", "--answers", "log.jsonl", cwd=tmp_path)
    assert log.read_bytes() == before
    assert done.code == 64


def test_a_byte_order_mark_line_ends_of_windows_and_blank_lines_are_no_content(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + FIRST + b"\r\n\r\n \t\r\n\n" + SECOND + b"\r\nwrong\r\n"
    (tmp_path / "log.jsonl").write_bytes(content)
    report = within("replay", "log.jsonl", "--format", "json", cwd=tmp_path).report
    (bad,) = report["bad_records"]
    assert report["records"] == 3
    assert (bad["line"], bad["offset"]) == (6, content.index(b"wrong"))


def test_each_file_has_its_own_mark_lines_and_offsets(tmp_path: Path) -> None:
    for name in ("one.jsonl", "two.jsonl"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf\n" + FIRST.replace(b"ada", name.encode()) + b"\nwrong")
    report = within("replay", "one.jsonl", "two.jsonl", "--format", "json", cwd=tmp_path).report
    places = [(b["file"], b["line"], b["offset"]) for b in report["bad_records"]]
    assert report["records"] == 4
    assert places == [(name, 3, 4 + len(FIRST) + 6 + 1) for name in ("one.jsonl", "two.jsonl")]


def test_a_last_line_that_is_cut_short_is_bad_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(FIRST + b"\n" + SECOND[:-9])
    done = within("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    (bad,) = done.report["bad_records"]
    assert (done.code, done.report["records"]) == (65, 2)
    assert (bad["line"], bad["offset"], bad["field"]) == (2, len(FIRST) + 1, "line")


@pytest.mark.slow
def test_lines_of_ten_megabytes_are_read_and_told_shortly(tmp_path: Path) -> None:
    long = b"y" * 10_000_000
    lines = (FIRST[:-1] + b',"note":"' + long + b'"}', FIRST.replace(b"open_account", long), FIRST.replace(b"Z", long))
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    done = within("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    assert (done.code, done.report["records"]) == (65, 3)
    assert [b["field"] for b in done.report["bad_records"]] == ["event", "at"]
    assert len(json.dumps(done.report | {"coverage": []})) < 5_000

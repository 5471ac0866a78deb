"""A file that is no log is called by its name, once, with what to do; a log with a bad first line is still a log."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import zipfile
from pathlib import Path

import pytest

from command.conftest import Finished, line_of, opened, tokenspec, within

ROWS = "id,user_id,created_at,type\n" + "".join(f"{n},42,2026-07-15T11:00:00+02:00,usage\n" for n in range(50))
RECORDS = [opened(f"a{n}") for n in range(50)]
LINES = b"".join(line_of(r) + b"\n" for r in RECORDS)


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "ledger.db") as ledger:
        ledger.execute("create table ledger (id)")
    ledger.close()
    return (folder / "ledger.db").read_bytes()


FORMS: dict[str, tuple[bytes, str]] = {
    "comma": (ROWS.encode(), "CSV"),
    "one heading alone": (b"id,user_id\n", "CSV"),
    "mark and comma": (b"\xef\xbb\xbf" + ROWS.encode(), "CSV"),
    "semicolon": (ROWS.replace(",", ";").encode(), "CSV"),
    "quoted": (ROWS.replace("user_id", '"user id"').encode(), "CSV"),
    "tab": (ROWS.replace(",", "\t").encode(), "tab-separated values"),
    "gzip": (gzip.compress(LINES), "a gzip file"),
    "bzip2": (bz2.compress(LINES), "a bzip2 file"),
    "xz": (lzma.compress(LINES), "an xz file"),
    "parquet": (b"PAR1" + bytes(range(256)) * 20 + b"PAR1", "a Parquet file"),
    "xlsx": (zipped(), "an XLSX or ZIP file"),
    "array on one line": (json.dumps(RECORDS).encode(), "a JSON array"),
    "array on many lines": (json.dumps(RECORDS, indent=0).encode(), "a JSON array"),
    "array of lines": (b"[\n" + LINES.replace(b"}\n", b"},\n") + b"]\n", "a JSON array"),
    "object on many lines": (json.dumps(RECORDS[0], indent=2).encode(), "a JSON object written over several lines"),
    "utf-16": (LINES.decode().encode("utf-16"), "UTF-16 text"),
    "yaml": (b"---\naccount: a\n", "YAML"),
    "yaml list": (b"- account: a\n  event: cancel\n", "YAML"),
    "yaml object": (b"records:\n  - account: a\n", "YAML"),
    "pdf": (b"%PDF-1.7\n", "a PDF"),
    "object around them": (json.dumps({"version": 1, "records": RECORDS}).encode(), "a JSON object around the records"),
    "page": (b"<!doctype html>\n<p>404\n", "XML or HTML"),
}


def is_called(done: Finished, name: str) -> bool:
    text = done.out + done.err
    return done.code == 65 and text.count(f"this looks like {name}, and a log is one JSON object a line; ") == 1


@pytest.mark.parametrize("verb", ["replay", "infer"])
@pytest.mark.parametrize("form", list(FORMS))
def test_a_file_in_another_form_is_called_by_its_name_once(form: str, verb: str, tmp_path: Path) -> None:
    content, name = FORMS[form]
    (tmp_path / "ledger").write_bytes(content)
    assert is_called(within(verb, "ledger", cwd=tmp_path), name)


def test_a_log_for_people_is_called_nothing_that_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("[2026-07-15 09:00:00] INFO opened account a\n")
    done = within("replay", "ledger", cwd=tmp_path)
    assert (done.code, "this looks like" in done.out) == (65, False)


def test_a_database_is_called_by_its_name(tmp_path: Path) -> None:
    database(tmp_path)
    assert is_called(within("replay", "ledger.db", cwd=tmp_path), "a SQLite database")


@pytest.mark.parametrize(
    "command", [("diagram", "sequence", "--log"), ("explore", "-o", "page.html"), ("explain", "--account", "a")], ids=" ".join
)
@pytest.mark.parametrize("form", ["comma", "gzip", "array on one line"])
def test_verbs_that_draw_or_explain_a_log_say_so_too(form: str, command: tuple[str, ...], tmp_path: Path) -> None:
    content, name = FORMS[form]
    (tmp_path / "ledger").write_bytes(content)
    assert is_called(within(*command, "ledger", cwd=tmp_path), name)


def test_on_standard_input_too_and_the_other_logs_are_read(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes(line_of(opened(observed={"outcome": "accepted"})) + b"\n")
    done = tokenspec("replay", "-", "good.jsonl", cwd=tmp_path, stdin=ROWS.encode())
    assert is_called(done, "CSV")
    assert "1 compared" in done.out


@pytest.mark.parametrize("first", [b"[]", b"hello, world", b"{", b"id,user_id", b"#,comment", b""], ids=repr)
def test_a_first_line_that_is_no_record_leaves_a_log_a_log(first: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(first + b"\n" + LINES)
    report = within("replay", "log.jsonl", "--format", "json", cwd=tmp_path).report
    assert (report["accounts"], len(report["bad_records"])) == (50, int(bool(first)))

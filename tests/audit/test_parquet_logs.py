"""Logs in Parquet without a map: what is found in them is what is found in JSON lines of the same records."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.test_columns import FIRST, lives, told
from command.conftest import Finished, Record, generate, opened, record, within, write_log
from tokenspec.oracle import Oracle
from tokenspec.oracle.audit.parquet_logs import ParquetLogs
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.wire.log_files import Line

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def write_parquet(path: Path, records: list[Record], **options: Any) -> Path:
    """The records as they are: what was observed is a column of objects, and lists are lists."""
    names = dict.fromkeys(name for each in records for name in each)
    table = pa.table({name: [each.get(name) for each in records] for name in names})
    parquet.write_table(table, path, **options)
    return path


def with_faults(accounts: int = 20) -> list[Record]:
    """Lives that conform, with their lists, and in each third account a fault of another kind."""
    oracle, made = Oracle(), []
    for n in range(accounts):
        for each in (
            opened(f"ä{n}", FIRST),
            record(f"ä{n}", FIRST, "subscribe", plan="ultimate", id="i1"),
            generate(f"ä{n}", "2026-07-15T09:02:00Z", "j1", 24),
        ):
            said = {name: value for name, value in oracle.apply(each).as_dict().items() if value is not None}
            assert "relaxed" in said
            made.append({**each, "observed": said})
    for n, (name, value) in enumerate(FAULTS):
        made[9 * n + 2] = json.loads(json.dumps(made[9 * n + 2]))
        (made[9 * n + 2]["observed"] if name in made[9 * n + 2]["observed"] else made[9 * n + 2])[name] = value
    return made


FAULTS: tuple[tuple[str, Any], ...] = (
    ("relaxed", []), ("relaxed", ["image"]), ("relaxed", ["sound"]), ("relaxed", ["image", None]),
    ("cost", 23), ("account", None),
)  # fmt: skip


def as_of(done: Finished, path: Path) -> dict[str, Any]:
    """The report, without the name of the log, the places of bytes, and the records as they are written."""
    text = re.sub(r'"offset": ?(null|-?\d+)', '"offset": 0', done.out.replace(str(path), "LOG"))
    return {"code": done.code, **{name: told for name, told in json.loads(text).items() if name != "stories"}}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"row_group_size": 7},
        {"use_dictionary": False},
        {"dictionary_pagesize_limit": 9, "data_page_size": 9, "write_batch_size": 2},
    ],
    ids=["one row group", "small row groups", "no dictionaries", "dictionaries that end before their column"],
)
@pytest.mark.parametrize("verb", [("replay",), ("infer",), ("replay", "--late", "5"), ("replay", "--against", "refund=none")])
def test_the_report_is_that_of_json_lines(verb: tuple[str, ...], options: dict[str, Any], tmp_path: Path) -> None:
    records = with_faults()
    lines, table = write_log(tmp_path / "l.jsonl", records), write_parquet(tmp_path / "l.parquet", records, **options)
    found = as_of(within(*verb, table, "--format", "json"), table)
    expected = as_of(within(*verb, lines, "--format", "json"), lines)
    assert found == expected
    assert found["code"] not in (0, 2, 64)


def test_the_kernel_finds_what_the_oracle_finds(tmp_path: Path) -> None:
    logs = parquet_logs(write_parquet(tmp_path / "l.parquet", with_faults(), row_group_size=7))
    found = told(logs, True)
    assert found == told(logs, False)
    assert len(found[0]["divergences"]) + len(found[0]["bad_records"]) == len(FAULTS)


def parquet_logs(*paths: Path) -> ParquetLogs:
    names = [str(path) for path in paths]
    return ParquetLogs(names, names)


def test_right_lists_need_no_oracle(tmp_path: Path) -> None:
    kernel = AuditKernel(parquet_logs(write_parquet(tmp_path / "l.parquet", with_faults()[-6:])), Oracle())
    kernel.find_dirty(None)
    assert not kernel.has_dirty


def test_a_state_on_the_way_is_that_of_json_lines(tmp_path: Path) -> None:
    records = lives(30)
    write_log(tmp_path / "l.jsonl", records), write_parquet(tmp_path / "l.parquet", records)
    for name in ("jsonl", "parquet"):
        options = ("--save-state", f"{name}.json", "--save-every", "50", "--format", "json")
        done = within("replay", f"l.{name}", *options, cwd=tmp_path)
        assert (done.code, done.report["records"]) == (0, 120)
    states = [json.loads((tmp_path / f"{name}.json").read_text())["accounts"] for name in ("jsonl", "parquet")]
    assert states[0] == states[1]


def test_several_files_are_one_world_and_each_keeps_its_rows(tmp_path: Path) -> None:
    records = with_faults()
    paths = [write_parquet(tmp_path / f"{n}.parquet", part) for n, part in enumerate((records[:10], records[10:]))]
    done = within("replay", *paths, "--format", "json")
    whole = as_of(within("replay", write_log(tmp_path / "l.jsonl", records), "--format", "json"), tmp_path / "l.jsonl")
    assert done.report["records"] == whole["records"]
    places = [10 * paths.index(Path(each["file"])) + each["line"] for each in done.report["divergences"]]
    assert places == [each["line"] for each in whole["divergences"]]
    assert min(places) <= 10 < max(places)


def test_a_file_without_rows_is_named(tmp_path: Path) -> None:
    paths = write_parquet(tmp_path / "a.parquet", lives(1)), tmp_path / "b.parquet"
    parquet.write_table(parquet.read_table(paths[0]).slice(0, 0), paths[1])
    done = within("replay", *paths, "--format", "json")
    assert (done.code, done.report["empty_logs"]) == (0, [str(paths[1])])


def as_numbers(records: list[Record]) -> list[Record]:
    return [{**each, "cost": 0.5} for each in records]


def as_text_and_object(records: list[Record]) -> list[Record]:
    return [{**each, "observed": "all", "observed.outcome": "accepted"} for each in records]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (as_numbers, "l.parquet: column cost is double; it holds texts, whole numbers, instants, truth values or lists of texts"),
        (as_text_and_object, "l.parquet: column observed holds no objects, and there is a column observed.outcome"),
    ],
)
def test_a_column_that_cannot_be_taken_is_named(made: Callable[[list[Record]], list[Record]], says: str, tmp_path: Path) -> None:
    write_parquet(tmp_path / "l.parquet", made(lives(2)))
    done = within("replay", "l.parquet", cwd=tmp_path)
    assert done.code == 65
    assert f"{says}; or read it through a map (docs/maps.md)" in done.err


def cut_off(content: bytes) -> bytes:
    return content[:-9]


def overwritten(content: bytes) -> bytes:
    return content[:200] + bytes(byte ^ 0x5A for byte in content[200:400]) + content[400:]


@pytest.mark.parametrize(
    ("breaks", "says"),
    [(cut_off, "l.parquet:1: (byte 0) bad record"), (overwritten, "l.parquet: it cannot be read as Parquet: ")],
)
def test_a_broken_file_is_named(breaks: Callable[[bytes], bytes], says: str, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "l.parquet", lives(200), use_dictionary=False)
    path.write_bytes(breaks(path.read_bytes()))
    done = within("replay", "l.parquet", cwd=tmp_path)
    assert done.code == 65
    assert says in done.out + done.err


def test_a_table_without_the_columns_of_a_record_needs_a_map(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"user": ["a"] * 9, "delta": [3] * 9}), tmp_path / "l.parquet")
    done = within("replay", "l.parquet", cwd=tmp_path)
    assert (done.code, done.out.count("read it through a map")) == (65, 1)


def test_parquet_beside_json_lines_is_wrong_usage(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", lives(1)), write_log(tmp_path / "b.jsonl", lives(1))
    done = within("replay", "b.jsonl", "a.parquet", cwd=tmp_path)
    assert done.code == 64
    assert "a.parquet is a log in Parquet and b.jsonl is none" in done.err


def test_names_that_nobody_knows_are_counted(tmp_path: Path) -> None:
    records = [{**each, "cots": n} for n, each in enumerate(lives(3))]
    lines, table = write_log(tmp_path / "l.jsonl", records), write_parquet(tmp_path / "l.parquet", records)
    found = as_of(within("replay", table, "--format", "json"), table)
    assert found == as_of(within("replay", lines, "--format", "json"), lines)
    assert found["unknown_fields"]


@pytest.mark.parametrize("at", [-(2**63), 2**63 - 1, 0])
@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_an_instant_of_another_age_is_told_as_the_oracle_tells_it(at: int, unit: str, tmp_path: Path) -> None:
    """The least number is what some libraries write for no instant."""
    records = [opened("ada", FIRST), opened("bob", FIRST)]
    table = pa.table({name: [each[name] for each in records] for name in ("account", "event")})
    table = table.append_column("at", pa.array([at, 1_784_000_000_000_000], pa.timestamp(unit)))
    parquet.write_table(table, tmp_path / "l.parquet", version="2.6")
    logs = parquet_logs(tmp_path / "l.parquet")
    assert told(logs, True) == told(logs, False)


def test_a_large_log_of_parquet_goes_through_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's own way: rows need no text, and none is made of them but at the ends of batches."""
    records = lives(6_000)
    path = write_parquet(tmp_path / "l.parquet", records)

    def refuses(_: ParquetLogs) -> Iterator[Line]:
        raise AssertionError("a line is made of each row")

    monkeypatch.setattr(ParquetLogs, "__iter__", refuses)
    done = within("replay", path, "--format", "json")
    assert (done.code, done.report["records"], done.report["compared"]) == (0, 24_000, 18_000)

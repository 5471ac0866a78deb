"""One ledger, from every source that maps read: the same verdict, and the same rows."""

from __future__ import annotations

import csv
import gzip
import json
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.test_ready_maps import FIXTURES, add_up, read
from command.conftest import Finished, tokenspec, within
from postgres import PostgresServer, needs_postgres, postgres
from tokenspec.oracle.audit.map_files import ready_map

duckdb = pytest.importorskip("duckdb")
WRONG, LINE = "23", 24
"""The row whose balance is off, by its id, and where it stands in the file with its headings."""
LEDGER = ready_map("ledger")


def rows() -> list[dict[str, str]]:
    found = read("ledger")
    found[int(WRONG) - 1]["balance_after"] = "1"
    return found


def a_map(folder: Path, source: str, **replaced: str) -> Path:
    text = LEDGER.replace('format = "csv"', source)
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "map.toml").write_text(text)
    return folder / "map.toml"


def write_csv(path: Path, some: list[dict[str, str]], **options: Any) -> Path:
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="") as file:
        writer = csv.DictWriter(file, list(some[0]), **options)
        writer.writeheader()
        writer.writerows(some)
    return path


def audited(log: Any, map_file: Path, *others: Any) -> Finished:
    done = within("replay", log, *others, "--map", map_file, "--format", "json")
    assert done.err == ""
    return done


def typed(folder: Path) -> str:
    """The ledger as a relation with types of its own."""
    write_csv(folder / "plain.csv", rows())
    cast = "CAST(id AS INTEGER) AS id, CAST(delta AS BIGINT) AS delta, CAST(balance_after AS DECIMAL(18, 2)) AS balance_after"
    cast += ", CAST(created_at AS TIMESTAMP) AS created_at, {'plan': meta ->> '$.plan'} AS meta"
    return f"SELECT * REPLACE ({cast}) FROM read_csv('{folder / 'plain.csv'}', all_varchar = true)"


def as_csv(folder: Path) -> tuple[Path, str]:
    return write_csv(folder / "ledger.csv", rows()), 'format = "csv"'


def as_semicolons(folder: Path) -> tuple[Path, str]:
    return write_csv(folder / "ledger.csv.gz", rows(), delimiter=";"), 'format = "csv"\ndelimiter = ";"'


def as_parquet(folder: Path) -> tuple[Path, str]:
    duckdb.sql(f"COPY ({typed(folder)}) TO '{folder / 'ledger.parquet'}' (FORMAT parquet)")
    return folder / "ledger.parquet", 'format = "parquet"'


def as_jsonl(folder: Path) -> tuple[Path, str]:
    lines = [json.dumps({**row, "delta": int(row["delta"]), "meta": json.loads(row["meta"] or "{}")}) for row in rows()]
    (folder / "ledger.jsonl").write_text("\n\n".join(lines))
    return folder / "ledger.jsonl", 'format = "jsonl"'


def as_sqlite(folder: Path) -> tuple[Path, str]:
    database = sqlite3.connect(folder / "app.db")
    database.execute(
        'CREATE TABLE "led""ger" (id INTEGER, user_id, kind, delta INTEGER, balance_after, ref_id, meta, created_at)'
    )
    # Every other account and kind is bytes, which a column of SQLite takes whatever it was declared as.
    held = [{**row, **({k: row[k].encode() for k in ("user_id", "kind")} if n % 2 else {})} for n, row in enumerate(rows())]
    database.executemany(
        'INSERT INTO "led""ger" VALUES (?, ?, ?, ?, ?, ?, ?, ?)', [tuple(row.values()) for row in reversed(held)]
    )
    database.commit()
    database.close()
    return folder / "app.db", 'format = "sqlite"\ntable = \'led"ger\''


def as_duckdb(folder: Path) -> tuple[Path, str]:
    with duckdb.connect(str(folder / "app.duckdb")) as database:
        database.execute(f"CREATE TABLE ledger AS {typed(folder)}")
    return folder / "app.duckdb", 'format = "duckdb"\nquery = "SELECT * FROM ledger WHERE delta <> 12345;"'


SOURCES = {
    "csv": (as_csv, LINE, None),
    "other delimiters, compressed": (as_semicolons, LINE, None),
    "parquet": (as_parquet, LINE - 1, None),
    "jsonl with empty lines": (as_jsonl, 2 * (LINE - 1) - 1, None),
    "sqlite": (as_sqlite, None, f"id={WRONG}"),
    "duckdb": (as_duckdb, None, f"id={WRONG}"),
}


@pytest.mark.parametrize("source", list(SOURCES))
def test_every_source_gives_the_same_verdict_at_the_same_row(source: str, tmp_path: Path) -> None:
    make, line, key = SOURCES[source]
    log, form = make(tmp_path)
    done = audited(log, a_map(tmp_path, form))
    [found] = done.report["divergences"]
    assert (done.code, found["account"], found["field"], found["got"], found["offset"]) == (15, "u-1042", "total", 1, None)
    assert found["key"] == key if key else found["line"] == line
    assert (done.report["compared"], done.report["rows"]["read"], add_up(done.report["rows"])) == (24, 25, True)


def inserted(row: dict[str, str]) -> str:
    texts = ["NULL" if not value else f"'{value}'" for value in {**row, "created_at": f"{row['created_at']}+00"}.values()]
    return f"INSERT INTO shop.ledger VALUES ({', '.join(texts)})"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    needs_postgres()
    with postgres() as running:
        running.run(
            "CREATE SCHEMA shop",
            "CREATE TABLE shop.ledger (id bigint, user_id text, kind text, delta int, balance_after numeric(20, 2), ref_id text, "
            "meta jsonb, created_at timestamptz)",
            *map(inserted, reversed(rows())),
        )
        yield running


@pytest.mark.parametrize("form", ['table = "shop.ledger"', 'query = "SELECT * FROM shop.ledger"'])
def test_a_ledger_in_postgres_is_read_as_it_stands(form: str, server: PostgresServer, tmp_path: Path) -> None:
    done = audited(server.url, a_map(tmp_path, f'format = "postgres"\n{form}'))
    [found] = done.report["divergences"]
    assert (done.code, found["key"], found["file"]) == (15, f"id={WRONG}", "postgresql:///postgres")
    assert (done.report["compared"], add_up(done.report["rows"])) == (24, True)


def test_nothing_is_written_to_postgres(server: PostgresServer, tmp_path: Path) -> None:
    query = 'query = "WITH gone AS (DELETE FROM shop.ledger RETURNING *) SELECT * FROM gone"'
    done = within("replay", server.url, "--map", a_map(tmp_path, f'format = "postgres"\n{query}'))
    assert (done.code, server.run("SELECT count(*) FROM shop.ledger")) == (65, [[25]])
    assert "read-only" in done.err or "DELETE" in done.err


def test_no_password_of_a_database_is_shown(tmp_path: Path) -> None:
    address = f"postgresql://audit:secret@/postgres?host={tmp_path}"
    done = within("replay", address, "--map", a_map(tmp_path, 'format = "postgres"\ntable = "ledger"'))
    assert (done.code, "secret" in done.err + done.out) == (66, False)


def test_a_database_that_nobody_serves_is_told_in_the_words_of_the_system(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        port = held.getsockname()[1]
        done = within("map", f"postgresql://audit@127.0.0.1:{port}/x", "--table", "ledger", cwd=tmp_path)
    assert (done.code, done.err) == (66, f"tokenspec: postgresql://127.0.0.1:{port}/x: connection refused\n")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_several_files_are_one_log_in_any_order(order: tuple[int, ...], tmp_path: Path) -> None:
    some = rows()
    parts = [write_csv(tmp_path / f"{number}.csv", some[number::3]) for number in range(3)]
    done = audited(parts[order[0]], a_map(tmp_path, 'format = "csv"'), *(parts[n] for n in order[1:]))
    [found] = done.report["divergences"]
    place = (int(WRONG) - 1) % 3, (int(WRONG) - 1) // 3 + 2
    assert (done.code, Path(found["file"]).name, found["line"]) == (15, f"{place[0]}.csv", place[1])
    assert done.report["rows"]["read"] == 25


def test_a_map_can_name_the_files_itself(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", rows()[:9])
    write_csv(tmp_path / "b.csv", rows()[9:])
    done = within("replay", "--map", a_map(tmp_path, 'format = "csv"\nglob = "*.csv"'), "--format", "json")
    assert (done.code, done.report["rows"]["read"], len(done.report["divergences"])) == (15, 25, 1)


def test_standard_input_is_read_through_a_map(tmp_path: Path) -> None:
    content = FIXTURES["ledger"].read_bytes()
    done = tokenspec("replay", "-", "--map", "ledger", "--format", "json", stdin=content)
    assert (done.code, done.report["rows"]["read"]) == (0, 25)


def test_rows_keep_their_place_beside_those_that_are_none(tmp_path: Path) -> None:
    text = write_csv(tmp_path / "ledger.csv", rows()).read_text().splitlines()
    text.insert(3, "x,y")
    text.insert(10, 'one,"field\nof two lines",too,few')
    (tmp_path / "ledger.csv").write_text("\n".join(text))
    done = audited(tmp_path / "ledger.csv", a_map(tmp_path, 'format = "csv"'))
    assert [bad["line"] for bad in done.report["bad_records"]] == [4, 11]
    assert [d["line"] for d in done.report["divergences"]] == [LINE + 2]
    assert (done.report["rows"]["read"], done.report["rows"]["bad"], add_up(done.report["rows"])) == (27, 2, True)


def crlf_around_a_line_feed(text: bytes) -> bytes:
    return text.replace(b"g-1,", b'"g\n1",').replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"g\r\n1", b"g\n1")


UNEVEN: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "ends of lines of two kinds": (lambda text: text.replace(b"\r\n", b"\n", 9), 0),
    "a line feed within a field, between other ends of lines": (crlf_around_a_line_feed, 0),
    "a column without a heading": (lambda text: text.replace(b"\r\n", b",\r\n"), 0),
    "a row in another encoding": (lambda text: text + b"26,\xe9,signup,150,150,,,2026-07-15 09:00:00\r\n", 1),
    "a row that is too long": (lambda text: text + b"26," + b"x" * 2_100_000 + b"\r\n", 1),
    "a number of thousands of digits": (lambda text: text + b"26,zoe,generation,-" + b"9" * 5_000 + b",1,,,2026-07-15\r\n", 1),
}


@pytest.mark.parametrize("kind", list(UNEVEN))
def test_one_uneven_row_keeps_no_other_from_being_read(kind: str, tmp_path: Path) -> None:
    change, bad = UNEVEN[kind]
    log = write_csv(tmp_path / "ledger.csv", rows())
    log.write_bytes(change(log.read_bytes()))
    done = audited(log, a_map(tmp_path, 'format = "csv"'))
    assert [(d["account"], d["got"]) for d in done.report["divergences"]] == [("u-1042", 1)]
    assert (done.code, done.report["compared"], done.report["rows"]["bad"]) == (15, 24, bad)


ZONES: dict[str, tuple[str, str, str | None]] = {
    "a zone": ('zone = "Europe/Berlin"', "2026-07-15 11:00:00", "2026-07-15T09:00:00Z"),
    "an offset beside a zone": ('zone = "Europe/Berlin"', "2026-07-15T11:00:00+01:00", "2026-07-15T10:00:00Z"),
    "UTC by name": ("", "2026-07-15 09:00:00 UTC", "2026-07-15T09:00:00Z"),
    "finer than milliseconds": ("", "2026-07-15 09:00:00.123999", "2026-07-15T09:00:00.123Z"),
    "seconds": ('unit = "s"', "1784106000", "2026-07-15T09:00:00Z"),
    "seconds with a fraction": ('unit = "s"', "1784106000.25", "2026-07-15T09:00:00.250Z"),
    "microseconds": ('unit = "us"', "1784106000000001", "2026-07-15T09:00:00Z"),
    "a number and no unit": ("", "1784106000", None),
    "seconds for milliseconds": ('unit = "ms"', "1784106000", None),
    "milliseconds for microseconds": ('unit = "us"', "1784106000000", None),
    "milliseconds for seconds": ('unit = "s"', "1784106000000", None),
    "an hour that comes twice": ('zone = "Europe/Berlin"', "2026-10-25 02:30:00", None),
    "an hour that never comes": ('zone = "Europe/Berlin"', "2026-03-29 02:30:00", None),
    "no day of any month": ("", "2026-02-30 09:00:00", None),
    "half an hour that comes twice": ('zone = "Australia/Lord_Howe"', "2026-04-05 01:45:00", None),
    "two hours that come twice": ('zone = "Antarctica/Troll"', "2026-10-25 01:30:00", None),
    "the time before the hour that comes twice": ('zone = "Europe/Berlin"', "2026-10-25 01:59:59", "2026-10-24T23:59:59Z"),
    "the afternoon by a clock of twelve hours": ("", "2026-07-15 09:00:00 PM", None),
    "a zone in the text": ("", "2026-07-15 09:00:00 Europe/Berlin", None),
    "an offset of a hundred hours": ("", "2026-07-15 09:00:00+99", None),
    "a word that databases know": ("", "epoch", None),
    "small letters": ("", "2026-07-15t09:00:00z", "2026-07-15T09:00:00Z"),
    "microseconds for seconds": ('unit = "s"', "1784106000000000", None),
    "the end of a day": ("", "2026-07-15T24:00:00Z", None),
    "the end of a day in a zone": ('zone = "Europe/Berlin"', "2026-07-15 24:00:00", None),
    "a day alone": ("", "2026-07-15", None),
    "a day alone whose form is said": ('format = "%Y-%m-%d"', "2026-07-15", "2026-07-15T00:00:00Z"),
    "one figure for an hour": ("", "2026-07-15 9:00", "2026-07-15T09:00:00Z"),
}


@pytest.mark.parametrize("kind", list(ZONES))
def test_instants_are_read_by_the_zone_and_the_unit_of_the_map(kind: str, tmp_path: Path) -> None:
    time, written, at = ZONES[kind]
    (tmp_path / "log.csv").write_text(f"who,at,what\nann,{written},open_account\n")
    (tmp_path / "map.toml").write_text(
        f'[source]\nformat = "csv"\n[time]\n{time}\n[fields]\naccount = "who"\nat = "at"\n[events]\ncolumn = "what"\n'
        '[events.kinds]\nopen_account = "open_account"\n[observed]\noutcome = {value = "accepted"}\n'
    )
    done = within("explain", tmp_path / "log.csv", "--map", tmp_path / "map.toml", "--account", "ann", "--format", "json")
    if at is None:
        replayed = audited(tmp_path / "log.csv", tmp_path / "map.toml")
        assert (done.code, replayed.code, replayed.report["bad_records"][0]["field"]) == (65, 65, "at")
    else:
        assert (done.code, done.report["at"]) == (0, at)


def test_settings_are_inferred_from_a_table(tmp_path: Path) -> None:
    some = read("ledger")
    some[23] |= {"delta": "60000", "balance_after": str(101_700 + 60_000 - 25_000)}
    done = within("infer", write_csv(tmp_path / "l.csv", some[:23]), "--map", "ledger", "--format", "json")
    assert (done.code, done.report["rows"]["in_records"], "difference" in done.report["policies"]["upgrade_grant"]) == (
        0,
        23,
        True,
    )


def test_an_instant_that_is_nearly_right_is_told_what_makes_it_one(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("who,at\nann,1784106000\nbob,2026-07-15\n")
    (tmp_path / "map.toml").write_text(
        '[source]\nformat = "csv"\n[time]\nunit = "ms"\n[fields]\naccount = "who"\nat = "at"\n[events]\nevent = "open_account"\n'
    )
    number, day = audited(tmp_path / "log.csv", tmp_path / "map.toml").report["bad_records"]
    assert number["rule"].endswith('this looks like s: write unit = "s"')
    assert day["rule"].endswith('write format = "%Y-%m-%d" if its midnight is meant')


@pytest.mark.parametrize(("code", "time"), [(65, ""), (0, '[time]\nformat = "%Y-%m-%d"\n')])
def test_a_column_of_days_is_taken_as_their_texts_are(code: int, time: str, tmp_path: Path) -> None:
    duckdb.sql("SELECT 'ann' AS who, DATE '2026-07-15' AS at").write_parquet(str(tmp_path / "log.parquet"))
    observed = '[observed]\noutcome = { value = "accepted" }\n'
    (tmp_path / "map.toml").write_text(
        f'[source]\nformat = "parquet"\n{time}[fields]\naccount = "who"\nat = "at"\n[events]\nevent = "open_account"\n{observed}'
    )
    assert audited(tmp_path / "log.parquet", tmp_path / "map.toml").code == code


OPENED = '{"who":"ann","at":"2026-07-15T09:00:00Z","kind":"open_account","held":150,"due":"2026-07-16T00:00:00Z"}'
CHANGED = {
    "a name twice": ('"held":150', '"held":7,"held":150', "row"),
    "a name twice, once with an escape": ('"held":150', '"held":7,"h\\u0065ld":150', "row"),
    "a name twice in an object that no column reads": ('"held":150', '"held":150,"more":[{"x":1,"x":2}]', "row"),
    "another kind of the same name": ('"kind"', '"kind":"seen","kind"', "row"),
    "a due instant that is none": ("2026-07-16T00:00:00Z", "tomorrow", "observed.next_daily_reset_at"),
    "a due instant in seconds": ('"2026-07-16T00:00:00Z"', "1784160000", "observed.next_daily_reset_at"),
    "a due instant that clocks show twice": ("2026-07-16T00:00:00Z", "2026-10-25 02:30:00", "observed.next_daily_reset_at"),
}
"""What is replaced by what in a row that conforms, and the field that is bad then."""


@pytest.mark.parametrize("kind", list(CHANGED))
def test_nothing_in_a_row_is_guessed_at_or_passed_over(kind: str, tmp_path: Path) -> None:
    old, new, field = CHANGED[kind]
    (tmp_path / "map.toml").write_text(
        '[source]\nformat = "jsonl"\n[time]\nunit = "ms"\nzone = "Europe/Berlin"\n[fields]\naccount = "who"\nat = "at"\n'
        '[events]\ncolumn = "kind"\nignore = ["seen"]\n[events.kinds]\nopen_account = "open_account"\n'
        '[observed]\ntotal = "held"\nnext_daily_reset_at = "due"\n'
    )
    (tmp_path / "log.jsonl").write_text(OPENED + "\n")
    assert audited(tmp_path / "log.jsonl", tmp_path / "map.toml").code == 0
    (tmp_path / "log.jsonl").write_text(OPENED.replace(old, new) + "\n")
    done = audited(tmp_path / "log.jsonl", tmp_path / "map.toml")
    assert (done.code, [bad["field"] for bad in done.report["bad_records"]]) == (65, [field])


def test_a_name_twice_in_the_json_of_a_column_is_not_guessed_at(tmp_path: Path) -> None:
    some = read("ledger")
    some[1]["meta"] = '{"plan":"essential","plan":"premium"}'
    done = audited(write_csv(tmp_path / "l.csv", some), a_map(tmp_path, 'format = "csv"'))
    assert [(bad["line"], bad["field"]) for bad in done.report["bad_records"]] == [(3, "row")]


BOOKED: dict[str, tuple[str, list[str]]] = {
    "instants": ("", ["2026-07-15T10:00:00Z", "2026-07-15T10:00:00.5Z", "2026-07-15T13:00:01+03:00"]),
    "days written the other way round": (
        'format = "%d.%m.%Y %H:%M"',
        ["31.07.2026 09:00", "01.08.2026 09:00", "02.08.2026 09:00"],
    ),
    "numbers with a fraction": ("", ["9.6", "10.2", "10.4"]),
    "numbers of any length": ("", ["2", "10", "12345678901234567890"]),
}


@pytest.mark.parametrize("kind", list(BOOKED))
def test_rows_of_one_instant_are_in_the_order_of_what_the_column_says(kind: str, tmp_path: Path) -> None:
    time, booked = BOOKED[kind]
    at = booked[0] if time else "2026-07-15T10:00:00Z"
    made = [f"3,{booked[2]},90", f"2,{booked[1]},120", f"1,{booked[0]},140"]
    some = [f"ann,{at},spent,{10 * int(row[0])},{row[2:]}" for row in made]
    (tmp_path / "log.csv").write_text("\n".join(["who,at,what,cost,booked,held", *some, f"ann,{at},began,,,150"]))
    (tmp_path / "map.toml").write_text(
        '[source]\nformat = "csv"\n[fields]\naccount = "who"\nat = "at"\ncost = "cost"\n[events]\ncolumn = "what"\n'
        f'[events.kinds]\nbegan = "open_account"\nspent = "generate"\n[time]\norder = ["what", "booked"]\n{time}\n'
        '[defaults]\nmedia = "image"\norigin = "first_party"\njob = { row = true }\n[observed]\ntotal = "held"\n'
    )
    done = audited(tmp_path / "log.csv", tmp_path / "map.toml")
    assert (done.code, done.report["compared"]) == (0, 4)


def test_what_is_called_after_its_row_is_the_only_one_of_that_name(tmp_path: Path) -> None:
    """Neither a key that others have too, nor yesterday's table of the same name, has a row of the same name."""

    def one_day(*some: str) -> Path:
        (tmp_path / "l.csv").write_text("id,user_id,kind,delta,balance_after,ref_id,meta,created_at\n" + "".join(some))
        return tmp_path / "l.csv"

    log = one_day("1,a,signup,150,150,,,2026-07-15 09:00:00\n", "2,a,generation,-10,140,,,2026-07-15 10:00:00\n")
    assert within("replay", log, "--map", "ledger", "--save-state", tmp_path / "state").code == 0
    later = "4,a,generation,-10,130,,,2026-07-15 11:00:00\n", "5,a,generation,-10,120,,,2026-07-15 11:00:00\n"
    assert within("replay", one_day(*later), "--map", "ledger", "--load-state", tmp_path / "state").code == 0
    with duckdb.connect(str(tmp_path / "app.duckdb")) as database:
        columns = "kind, delta, balance_after, '' AS ref_id, {'plan': ''} AS meta, created_at, 5 AS row_n"
        database.execute(f"CREATE TABLE ledger AS SELECT id, 'a' AS user_id, {columns} FROM read_csv('{log}')")
    form = 'format = "duckdb"\ntable = "ledger"\nkey = "kind"'
    done = audited(tmp_path / "app.duckdb", a_map(tmp_path, form), "--load-state", tmp_path / "state")
    assert (done.code, done.report["compared"]) == (0, 2)


@pytest.mark.parametrize(
    ("make", "query"),
    [
        (as_sqlite, "ATTACH '{to}' AS other"),
        (as_duckdb, "FROM ledger; COPY ledger TO '{to}'"),
        (as_duckdb, "CREATE TABLE t (a INT)"),
    ],
)
def test_a_map_only_reads(make: Callable[[Path], tuple[Path, str]], query: str, tmp_path: Path) -> None:
    log, form = make(tmp_path)
    asked = query.format(to=tmp_path / "made")
    done = within("replay", log, "--map", a_map(tmp_path, f'format = "{form.split(chr(34))[1]}"\nquery = "{asked}"'))
    assert (done.code, (tmp_path / "made").exists()) == (65, False)


def test_a_member_of_any_name_is_read_and_looked_at(tmp_path: Path) -> None:
    some = [{'my"/~_user': "ann", "at": "2026-07-15T09:00:00Z", "kind": "signup", "held": 150, "": 1, "*": {"": 2}}] * 2
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(row) for row in some))
    guessed = within("map", tmp_path / "log.jsonl")
    assert (guessed.code, 'account = "my\\"/~_user"' in guessed.out) == (0, True)
    (tmp_path / "map.toml").write_text(
        '[source]\nformat = "jsonl"\n[fields]\naccount = \'my"/~_user\'\nat = "at"\n'
        '[events]\nevent = "open_account"\n[observed]\ntotal = "held"\n'
    )
    done = audited(tmp_path / "log.jsonl", tmp_path / "map.toml")
    assert (done.code, done.report["compared"]) == (0, 2)

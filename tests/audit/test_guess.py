"""A first map, guessed from a table: it says how sure each line is, and replays the ledger it was made from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from audit.test_ready_maps import FIXTURES, read
from audit.test_sources import as_csv, as_duckdb, as_jsonl, as_parquet, as_semicolons, as_sqlite, write_csv
from command.conftest import within
from tokenspec.oracle.audit.guess import GUESS, LIKELY, SURE

duckdb = pytest.importorskip("duckdb")
Row = dict[str, str]


def spends_are_positive(row: Row) -> Row:
    """The same ledger in other words: what is taken is above 0, and instants are seconds."""
    at = duckdb.sql(f"SELECT epoch(TIMESTAMP '{row['created_at']}')::BIGINT").fetchall()[0][0]
    return {
        "entry_id": row["id"],
        "ts": str(at),
        "customer": row["user_id"],
        "reason": row["kind"],
        "used": str(-int(row["delta"])),
        "running_balance": row["balance_after"],
        "request_id": row["ref_id"],
        "meta": row["meta"],
    }


def of_other_names(row: Row) -> Row:
    """The same ledger in names that say little."""
    plan = json.loads(row["meta"])["plan"] if row["meta"] else ""
    at = row["created_at"].replace(" ", "T") + "+00:00"
    return {
        "n": row["id"],
        "uid": row["user_id"],
        "w": at,
        "x": row["delta"],
        "y": row["balance_after"],
        "z": row["kind"],
        "p": plan,
    }


def with_money_in_and_out(row: Row) -> Row:
    """The same ledger as a bank would write it: a column for what comes in, one for what goes out, days before months."""
    delta, at = int(row["delta"]), row["created_at"]
    return {
        "Entry Id": row["id"],
        "customerId": row["user_id"],
        "bookedAt": f"{at[8:10]}.{at[5:7]}.{at[:4]} {at[11:]}",
        "transactionType": row["kind"],
        "credit": f"{delta}.00" if delta > 0 else "",
        "debit": f"{-delta}.00" if delta < 0 else "",
        "balanceAfter": f"{row['balance_after']}.00",
        "requestId": row["ref_id"],
        "meta": row["meta"],
    }


SHAPES: dict[str, Callable[[Row], Row]] = {
    "as it is": dict,
    "spends above 0": spends_are_positive,
    "other names": of_other_names,
    "in and out": with_money_in_and_out,
}


def lines_of(text: str) -> Iterator[tuple[str, str]]:
    """The lines of a first map that say how sure they are, each with the word."""
    for line in text.splitlines():
        written, _, why = line.partition("  # ")
        sure = why.partition(":")[0]
        if sure in (SURE, LIKELY, GUESS):
            yield written, sure


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_guessed_map_replays_the_ledger_it_was_made_from(shape: str, tmp_path: Path) -> None:
    some = [SHAPES[shape](row) for row in read("ledger")]
    if shape == "other names":
        # Without jobs nothing says which generation a refund gives back.
        some = [row for row in some if row["n"] not in ("11", "12")]
    log = write_csv(tmp_path / "log.csv", some)
    assert within("map", log, "-o", tmp_path / "map.toml").code == 0
    done = within("replay", log, "--map", tmp_path / "map.toml", "--format", "json")
    assert (done.code, done.report["rows"]["in_records"], done.report["divergences"]) == (0, len(some), [])
    sure = {line.partition(" ")[0]: word for line, word in lines_of((tmp_path / "map.toml").read_text())}
    assert (sure["total"], sure["delta"], sure["cost"]) == ("sure", "sure", "sure")
    assert sure["media"] == "a guess"


def test_a_form_of_days_that_may_be_another_is_a_guess(tmp_path: Path) -> None:
    rows = [{"user": "a", "at": f"0{n}/0{n}/2026 9:00 AM", "kind": "signup", "left": "1"} for n in (1, 2, 3)]
    log = write_csv(tmp_path / "log.csv", [*rows, {**rows[0], "user": "b"}])
    lines = dict(lines_of(within("map", log).out))
    assert lines['format = "%m/%d/%Y %I:%M %p"'] == "a guess"
    log = write_csv(tmp_path / "log.csv", [{**row, "at": "2026-07-15 9:00 PM"} for row in rows])
    assert 'format = "%Y-%m-%d %I:%M %p"' in dict(lines_of(within("map", log).out))
    log = write_csv(tmp_path / "log.csv", [{**row, "at": "2026-07-15"} for row in rows])
    assert 'format = "%Y-%m-%d"' in dict(lines_of(within("map", log).out))


@pytest.mark.parametrize("form", ["csv", "sqlite"])
def test_a_table_with_the_names_of_a_record_has_a_map(form: str, tmp_path: Path) -> None:
    some = [
        {"account": "a", "at": "2026-07-15T09:00:00Z", "event": "open_account", "daily": "150"},
        {"account": "a", "at": "2026-07-15T10:00:00Z", "event": "daily_reset", "daily": "150"},
    ]
    log = write_csv(tmp_path / "log.csv", some)
    if form == "sqlite":
        log = tmp_path / "log.db"
        with closing(sqlite3.connect(log)) as database:
            database.execute("CREATE TABLE log (account, at, event, daily)")
            database.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", [tuple(row.values()) for row in some])
            database.commit()
    assert within("map", log, "-o", tmp_path / "map.toml").code == 0
    done = within("replay", log, "--map", tmp_path / "map.toml", "--format", "json")
    assert (done.code, done.report["compared"]) == (0, 2)


def test_columns_called_after_pools_are_their_balances(tmp_path: Path) -> None:
    some = [
        {"id": "1", "user": "a", "at": "2026-07-15T09:00:00Z", "kind": "signup", "daily_left": "150", "cost": ""},
        {"id": "2", "user": "a", "at": "2026-07-15T10:00:00Z", "kind": "image", "daily_left": "130", "cost": "20"},
        {"id": "3", "user": "a", "at": "2026-07-15T11:00:00Z", "kind": "image", "daily_left": "111", "cost": "20"},
    ]
    log = write_csv(tmp_path / "log.csv", some)
    assert within("map", log, "-o", tmp_path / "map.toml").code == 0
    done = within("replay", log, "--map", tmp_path / "map.toml", "--format", "json")
    assert (done.code, [(d["line"], d["field"]) for d in done.report["divergences"]]) == (15, [(4, "balances.daily")])


def test_deltas_without_a_balance_are_observed_and_a_field_that_no_column_holds_is_named(tmp_path: Path) -> None:
    what = [("signup", "150"), ("subscription", "25000"), ("image", "-24")]
    some = [
        {"id": str(n), "user": "a", "delta": delta, "reason": kind, "at": f"2026-07-15T09:0{n}:00Z"}
        for n, (kind, delta) in enumerate(what)
    ]
    log = write_csv(tmp_path / "log.csv", some)
    written = within("map", log).out
    assert 'no column holds plan: write { event = "subscribe", plan = "..." }' in written
    (tmp_path / "map.toml").write_text(written.replace('= "subscribe"  #', '= { event = "subscribe", plan = "premium" }  #'))
    done = within("replay", log, "--map", tmp_path / "map.toml", "--format", "json")
    assert (done.code, done.report["compared"], done.report["divergences"]) == (0, 3, [])
    write_csv(log, [some[0] | {"delta": "100"}, *some[1:]])
    found = within("replay", log, "--map", tmp_path / "map.toml", "--format", "json").report["divergences"]
    assert [(each["line"], each["field"], each["got"]) for each in found] == [(2, "delta", 100)]


def test_a_balance_that_does_not_always_add_up_is_not_sure(tmp_path: Path) -> None:
    log, _ = as_csv(tmp_path)
    lines = {line.partition(" ")[0]: word for line, word in lines_of(within("map", log).out)}
    assert lines["total"] == "likely"
    assert "in 20 of 22 rows" in within("map", log).out


FORMS = {
    "csv": as_csv,
    "semicolons": as_semicolons,
    "parquet": as_parquet,
    "jsonl": as_jsonl,
    "sqlite": as_sqlite,
    "duckdb": as_duckdb,
}


@pytest.mark.parametrize("form", list(FORMS))
def test_every_source_can_be_looked_at(form: str, tmp_path: Path) -> None:
    log, _ = FORMS[form](tmp_path)
    assert within("map", log, "-o", tmp_path / "map.toml").code == 0
    done = within("replay", log, "--map", tmp_path / "map.toml", "--format", "json")
    # The one row whose balance is off is found through the guessed map as well.
    assert (done.code, len(done.report["divergences"]), done.report["compared"]) == (15, 1, 24)


@pytest.mark.parametrize("name", ["stripe", "lago", "openmeter"])
def test_a_log_of_a_known_system_gets_the_map_that_comes_along(name: str, tmp_path: Path) -> None:
    done = within("map", FIXTURES[name], "-o", tmp_path / "map.toml")
    assert (done.code, f"--map {name}" in (tmp_path / "map.toml").read_text()) == (0, True)
    assert within("replay", FIXTURES[name], "--map", tmp_path / "map.toml").code == 0


def test_a_kind_that_no_word_speaks_of_is_left_to_the_user(tmp_path: Path) -> None:
    some = [*read("ledger")]
    some[24]["kind"] = "xyzzy"
    log = write_csv(tmp_path / "log.csv", some)
    done = within("map", log)
    assert '# "xyzzy" = ...' in done.out


WRONG: dict[str, tuple[tuple[Any, ...], int, str]] = {
    "no log": ((), 64, "name either the log"),
    "a map that does not come along": (("--ready", "none"), 64, "there are lago, ledger, openmeter, records, stripe"),
    "a table of a file": ((FIXTURES["ledger"], "--table", "x"), 64, "only a database has tables"),
    "no such file": (("none.csv",), 66, "none.csv"),
    "a log of ours": (
        (Path(__file__).parents[2] / "examples" / "05-premium-out-of-tokens.jsonl",),
        65,
        "replay it without a map",
    ),
    "nothing that could be an instant": (("flat.csv",), 65, "no column holds an instant"),
}


@pytest.mark.parametrize("kind", list(WRONG))
def test_what_no_map_can_be_made_of_is_told(kind: str, tmp_path: Path) -> None:
    (tmp_path / "flat.csv").write_text("a,b\n1,2\n3,4\n")
    arguments, code, told = WRONG[kind]
    done = within("map", *arguments, cwd=tmp_path)
    assert (done.code, told in done.err) == (code, True), done.err


def test_a_database_of_several_tables_names_them(tmp_path: Path) -> None:
    log, _ = as_duckdb(tmp_path)
    with duckdb.connect(str(log)) as database:
        database.execute("CREATE TABLE other (a INTEGER)")
    done = within("map", log)
    assert (done.code, "ledger, other" in done.err) == (64, True)
    assert within("map", log, "--table", "ledger").code == 0


def test_a_map_that_comes_along_is_written_to_be_changed(tmp_path: Path) -> None:
    assert within("map", "--ready", "ledger", "-o", tmp_path / "m.toml").code == 0
    assert within("replay", FIXTURES["ledger"], "--map", tmp_path / "m.toml").code == 0

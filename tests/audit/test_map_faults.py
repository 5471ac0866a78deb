"""Every fault of a map is told with its key, the value found, the rule, and what to do; the exit code is 65."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from audit.test_ready_maps import FIXTURES
from command.conftest import tokenspec, within
from tokenspec.oracle.audit.map_files import ready_map, ready_maps

pytest.importorskip("duckdb")
LEDGER = ready_map("ledger")

FAULTS: dict[str, tuple[str, str, str]] = {
    "no format": ('format = "csv"', "", "source.format: it is required, one of csv"),
    "another format": ('"csv"', '"xlsx"', 'one of csv, parquet, jsonl, sqlite, postgres, duckdb, records (found "xlsx")'),
    "a key nobody knows": (
        "order = [",
        "oder = [",
        "time.oder: there is no such key; there are zone, unit, format, order (did you mean order?)",
    ),
    "a table nobody knows": ("[defaults]", "[default]", "default: there is no such key"),
    "a field nobody knows": ("job = ", "jobb = ", "fields.jobb: there is no such key"),
    "no account": ('account = "user_id"', "", "fields.account: it is required: name the column"),
    "an instant in two columns": (
        'at = "created_at"',
        'at = ["created_at", "id"]',
        "fields.at: it is a column, and nothing else",
    ),
    "a constant account": ('account = "user_id"', 'account = { value = "x" }', "fields.account: it is a column or several"),
    "a zone that there is not": ("[time]", '[time]\nzone = "Mars"', 'zones are named like UTC or Europe/Berlin (found "Mars")'),
    "a unit that there is not": ("[time]", '[time]\nunit = "min"', 'time.unit: it is one of s, ms, us (found "min")'),
    "an event that there is not": ('= "daily_reset"', '= "daily_rest"', "events.kinds.daily_reset: it names an event"),
    "a field that the event has not": ('pack = "small"', 'cost = "x"', "events.kinds.purchase.cost: there is no such key"),
    "a kind that is ignored too": (
        'column = "kind"',
        'column = "kind"\nignore = ["refund"]',
        "events.ignore: a kind is an event or is ignored, not both",
    ),
    "a kind of a group that is ignored": (
        'column = "kind"',
        'column = "kind"\nignore = ["rollover"]',
        "events.ignore: a kind is one of a group or is ignored, not both",
    ),
    "no kinds": ('column = "kind"', "", "events.column: it is required"),
    "a group of one": ('optional = ["expiry", "rollover"]', "", "groups[1].kinds: a group has two or more kinds"),
    "nothing observed of that name": (
        'total = "balance_after"',
        'totall = "balance_after"',
        "observed.totall: there is no such key",
    ),
    "a value that is no table": (
        'order = ["created_at", "id"]',
        "order = 3",
        "time.order: it is a text or a list of texts (found 3)",
    ),
    "negate that is no truth value": ("negate = true", "negate = 1", "fields.cost.negate: it is true or false (found 1)"),
    "a form of instants without a year": (
        "[time]",
        '[time]\nformat = "%d.%m."',
        "time.format: it is the form of a day and a time",
    ),
    "a form of instants that is none": ("[time]", '[time]\nformat = "%Y-%m-%d %Q"', 'such as "%d.%m.%Y %H:%M:%S" (found'),
    "a form and a unit": ("[time]", '[time]\nformat = "%Y-%m-%d"\nunit = "s"', "time.format: numbers have a unit and texts"),
    "a name less a number": (
        'job = "ref_id"',
        'job = { column = "ref_id", less = "delta" }',
        'fields.job.less: it is a column whose number is taken from that of one other column; leave it out (found "delta")',
    ),
    "less a column that there is not": (
        "negate = true",
        'less = "detla"',
        "fields.cost: there is no column detla (did you mean delta?)",
    ),
    "divided by nothing": ("divide = 1000", "divide = 0", "divide: it is a whole number above 0 (found 0)"),
    "divided by a truth value": ("divide = 1000", "divide = true", "divide: it is a whole number above 0 (found true)"),
    "a name with its sign changed": (
        'plan = "meta.plan"',
        'plan = { column = "meta.plan", negate = true }',
        "fields.plan.negate: only a column of numbers has it; leave it out (found true)",
    ),
    "a constant that is divided": (
        'media = "image"',
        'media = { value = "image", divide = 7 }',
        "defaults.media.divide: only a column of numbers has it",
    ),
    "what texts stand for, negated": (
        "negate = true",
        'negate = true, values = { "-24" = 24 }',
        "fields.cost.negate: only a column of numbers has it",
    ),
    "what a constant stands for": ("{ row = true }", "{ row = true, values = { a = 1 } }", "defaults.job.values: only a column"),
    "units": ("[time]", '[time]\nunit = ["s"]', 'time.unit: it is one of s, ms, us (found ["s"])'),
    "events for a kind": ('= "daily_reset"', '= { event = ["daily_reset"] }', "events.kinds.daily_reset: it names an event"),
    "a column and a value": ("negate = true", "value = 1", "fields.cost: it has one of column, value and row = true"),
    "a query of a file": (
        'format = "csv"',
        'format = "csv"\nquery = "SELECT 1"',
        "source.query: only sqlite, postgres, duckdb have it",
    ),
    "a database without a query": ('"csv"', '"sqlite"', "source: a database is read by"),
    "an opening into no pool": (
        "[observed]",
        '[opening]\nfrom = "first_balance"\npool = "api"\n[observed]',
        "opening.pool: it is the pool",
    ),
    "an opening without a delta": (
        'delta = "delta"\n',
        '[opening]\nfrom = "first_balance"\npool = "fast"\n',
        "observed.delta: a first balance is",
    ),
    "no TOML": ("[source]", "[source", "it is not TOML"),
    "a column that there is not": ('"ref_id"', '"ref-id"', "fields.job: there is no column ref-id (did you mean ref_id?)"),
    "an order that there is not": ('order = ["created_at", "id"]', 'order = ["seq"]', "time.order: there is no column seq"),
}


@pytest.mark.parametrize("kind", list(FAULTS))
def test_a_fault_of_a_map_is_told_with_its_key_and_the_remedy(kind: str, tmp_path: Path) -> None:
    old, new, told = FAULTS[kind]
    assert old in LEDGER
    (tmp_path / "m.toml").write_text(
        LEDGER.replace(old, new) if kind != "an opening without a delta" else LEDGER.replace(old, "") + new
    )
    done = within("replay", FIXTURES["ledger"], "--map", "m.toml", cwd=tmp_path)
    assert (done.code, told in done.err, "m.toml" in done.err) == (65, True, True), done.err


def test_all_faults_of_a_map_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(
        LEDGER.replace('"csv"', '"xls"').replace("negate = true", "negate = 2").replace('"refund"', '"refnd"')
    )
    done = within("replay", FIXTURES["ledger"], "--map", tmp_path / "m.toml")
    assert (done.code, "3 faults: " in done.err, "did you mean refund?" in done.err) == (65, True, True)


def test_what_is_missing_is_missing(tmp_path: Path) -> None:
    done = within("replay", FIXTURES["ledger"], "--map", tmp_path / "none.toml")
    assert (done.code, all(name in done.err for name in ready_maps())) == (66, True)
    assert within("replay", tmp_path / "none.csv", "--map", "ledger").code == 66
    assert within("replay", tmp_path, "--map", "ledger").code == 66
    assert within("replay", "--map", "ledger").code == 64
    (tmp_path / "m.toml").write_text(LEDGER + '[opening]\nfrom = "snapshots.jsonl"\n')
    assert within("replay", FIXTURES["ledger"], "--map", tmp_path / "m.toml").code == 66


def test_a_file_of_another_format_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(LEDGER.replace('"csv"', '"parquet"'))
    done = within("replay", FIXTURES["ledger"], "--map", tmp_path / "m.toml")
    assert (done.code, "ledger.csv" in done.err) == (65, True)
    (tmp_path / "twice.csv").write_text("user_id,kind,user_id\n")
    done = within("replay", tmp_path / "twice.csv", "--map", "ledger")
    assert (done.code, "two columns are called user_id" in done.err) == (65, True)


def test_a_table_without_rows_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(FIXTURES["ledger"].read_text().splitlines()[0] + "\n")
    done = within("replay", tmp_path / "l.csv", "--map", "ledger", "--format", "json")
    assert (done.code, done.report["rows"]["read"]) == (65, 0)


INSTANTS_MAP = """
[source]
format = "csv"
[fields]
account = "user"
at = "at"
[events]
column = "kind"
[events.kinds]
opened = "open_account"
[observed]
next_daily_reset_at = "due"
"""


def test_an_observed_instant_that_is_none_is_told(tmp_path: Path) -> None:
    """It is not taken for an empty cell. One from before 1973 is small as a number, and is no count of seconds."""
    (tmp_path / "m.toml").write_text(INSTANTS_MAP)
    for due, code in (("1971-02-02T00:00:00Z", 0), ("1971-02-02 00:00:00", 0), ("1971-02-03T00:00:00Z", 15), ("soon", 65)):
        (tmp_path / "l.csv").write_text(f"user,at,kind,due\nann,1971-02-01T09:00:00Z,opened,{due}\n")
        done = within("replay", tmp_path / "l.csv", "--map", tmp_path / "m.toml", "--format", "json")
        assert done.code == code, due
    assert done.report["bad_records"][0]["field"] == "observed.next_daily_reset_at"


def test_an_output_never_takes_the_place_of_a_map(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(LEDGER)
    done = within("replay", FIXTURES["ledger"], "--map", tmp_path / "m.toml", "-o", tmp_path / "m.toml")
    assert (done.code, (tmp_path / "m.toml").read_text()) == (64, LEDGER)


def test_without_duckdb_it_is_said_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "duckdb.py").write_text("raise ImportError('not here')\n")
    done = tokenspec("replay", FIXTURES["ledger"], "--map", "ledger", settings={"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"})
    assert (done.code, "pip install duckdb" in done.err) == (64, True)

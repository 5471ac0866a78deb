"""Rows in columns through the kernel: every type that a column may have, and values that no record of a log could hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from audit.every_engine import flat
from command.conftest import generate, opened, record
from tokenspec.oracle import Oracle
from tokenspec.oracle.audit.arrow import arrow_rows
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.logs.against import Against
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.runtime.snapshot import state_digest

pa = pytest.importorskip("pyarrow")
FIRST = "2026-07-15T09:00:00Z"


def lives(accounts: int) -> list[dict[str, Any]]:
    """Some accounts that conform, with a retry each."""
    oracle, made = Oracle(), []
    for n in range(accounts):
        name = f"ä{n}"
        asked = [
            opened(name, FIRST),
            record(name, FIRST, "subscribe", plan="premium", id="i1"),
            generate(name, "2026-07-15T09:02:00Z", "j1", 24),
            record(name, "2026-07-15T09:03:00Z", "subscribe", plan="premium", id="i1"),
        ]
        for each in asked:
            said = oracle.apply(each).as_dict()
            made.append({**each, "observed": {k: v for k, v in said.items() if k != "relaxed" and v is not None}})
    return made


def told(rows: Any, by_kernel: bool) -> tuple[Any, str]:
    oracle = Oracle()
    fast = replay_by_kernel(rows, oracle, smallest=0, keeps_state=True) if by_kernel else (replay(rows, oracle), rows)
    assert fast is not None, "the kernel covers these"
    return replay_report(fast[0], oracle, ["rows"]).data(), state_digest(oracle.accounts)


def rows_of(table: Any, size: int = 5) -> Any:
    return arrow_rows("rows", lambda: table.to_batches(max_chunksize=size), len(table))


def table_of(records: list[dict[str, Any]]) -> Any:
    rows = [flat(each) for each in records]
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def as_dictionaries(table: Any) -> Any:
    """The table with all texts as dictionaries: words, names, and instants."""
    texts = [name for name in table.column_names if pa.types.is_string(table[name].type)]
    for name in texts:
        table = table.set_column(table.column_names.index(name), name, table[name].dictionary_encode())
    return table


def as_instants(table: Any, unit: str) -> Any:
    counts = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit]
    for name in ("at", "observed.next_renewal_at"):
        values = [None if text is None else parse_instant(text) // 1000 * counts for text in table[name].to_pylist()]
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values, pa.timestamp(unit, "UTC")))
    return table


FORMS: dict[str, Callable[[Any], Any]] = {
    "as they are": lambda table: table,
    **{f"instants in {unit}": partial(as_instants, unit=unit) for unit in ("s", "ms", "us", "ns")},
    "milliseconds as numbers": lambda table: table.set_column(
        1, "at", pa.array([parse_instant(text) for text in table["at"].to_pylist()])
    ),
    "dictionaries": lambda table: table.set_column(2, "event", table["event"].dictionary_encode()),
    "all as dictionaries": lambda table: as_dictionaries(table),
    "large texts and small numbers": lambda table: table.set_column(
        0, "account", table["account"].cast(pa.large_string())
    ).set_column(table.schema.get_field_index("cost"), "cost", table["cost"].cast(pa.int16())),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_that_conform_need_no_oracle(form: str) -> None:
    table = FORMS[form](table_of(lives(9)))
    kernel = AuditKernel(rows_of(table), Oracle())
    kernel.find_dirty(None)
    assert not kernel.has_dirty
    found = told(rows_of(table, 7), True)
    assert found == told(rows_of(table, 7), False)
    assert (found[0]["compared"], found[0]["repeated"]["compared"]) == (27, 9)


def test_two_settings_are_compared_over_columns() -> None:
    table, oracle = table_of(lives(9)), Oracle()
    fast, slow = (Against(oracle, Oracle({"daily_position": "last"})) for _ in range(2))
    assert replay_by_kernel(rows_of(table, 7), Oracle(), smallest=0, against=fast) is not None
    replay(rows_of(table, 7), oracle, against=slow)
    assert fast.touched == slow.touched
    assert len(slow.touched) == 9


WRONG: list[tuple[str, Any]] = [
    ("account", None), ("at", "soon"), ("at", None), ("event", "no_such"), ("event", None), ("cost", 2**53), ("cost", None),
    ("media", "sound"), ("plan", "other"), ("observed.outcome", "perhaps"), ("observed.balances.fast", 1),
    ("observed.duplicate", True), ("id", "i1"), ("job", "j\"\n\\"), ("observed.mode", "none"),
]  # fmt: skip


@pytest.mark.parametrize("as_given", [lambda table: table, as_dictionaries], ids=["texts", "dictionaries"])
def test_a_wrong_value_is_told_as_the_oracle_tells_it(as_given: Callable[[Any], Any]) -> None:
    """Each in an account of its own."""
    rows = [flat(each) for each in lives(len(WRONG))]
    for number, (name, value) in enumerate(WRONG):
        rows[4 * number + 2][name] = value
    names = dict.fromkeys(name for row in rows for name in row)
    table = as_given(pa.table({each: [row.get(each) for row in rows] for each in names}))
    found = told(rows_of(table), True)
    assert found == told(rows_of(table), False)
    # A plan is an unknown field of a generation, and a job may have any name.
    assert len(found[0]["bad_records"]) + len(found[0]["divergences"]) == len(WRONG) - 2


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_rows_that_are_the_same_as_the_one_before_are_counted(size: int) -> None:
    """Within a batch, however many rows are judged together, and from one to the next; an id makes of the second one a repeat."""
    records = [opened("ada", FIRST), *(record("ada", FIRST, "quote", action=name) for name in "aabbbc" * 37)]
    table = table_of([each for each in records for _ in range(2)])
    table = as_dictionaries(table) if size > 1 else table
    found = told(rows_of(table, size), True)
    assert found == told(rows_of(table, size), False)
    assert found[0]["identical_lines"] == 1 + 222 + 37 * 3
    again = table.append_column("id", [["i1", "i1", *(f"{n // 2}" for n in range(len(table) - 2))]])
    assert told(rows_of(again, size), True) == told(rows_of(again, size), False)


def test_columns_that_no_record_has_are_not_passed_over() -> None:
    table = table_of(lives(2))
    assert replay_by_kernel(rows_of(table.append_column("colour", [["red"] * 8])), Oracle(), smallest=0) is None
    numbers = table.set_column(table.schema.get_field_index("plan"), "plan", [[7] * 8])
    assert replay_by_kernel(rows_of(numbers), Oracle(), smallest=0) is None
    for wrong, told_as in (("amount", "column amount is double"), ("cost", "two columns are called cost")):
        with pytest.raises(ValueError, match=told_as):
            replay_by_kernel(rows_of(table.append_column(wrong, [[0.5] * 8])), Oracle(), smallest=0)

"""The maps that come along, each on a fixture in the documented shape of its system, and on the faults that ledgers have."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, Finished, within
from tokenspec.oracle.audit.map_files import ready_maps

pytest.importorskip("duckdb")
FIXTURES = {path.stem: path for path in sorted((EXAMPLES / "maps").iterdir())}
Row = dict[str, Any]
Edit = Callable[[list[Row]], object]


def read(name: str) -> list[Row]:
    text = FIXTURES[name].read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text))) if name == "ledger" else [json.loads(line) for line in text.splitlines()]


def audit(folder: Path, name: str, rows: list[Row]) -> Finished:
    file = folder / FIXTURES[name].name
    with file.open("w", newline="", encoding="utf-8") as to:
        if name == "ledger":
            # A row that lost columns is written without them.
            csv.writer(to).writerows([list(rows[0]), *(list(row.values()) for row in rows)])
        else:
            to.writelines(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    return within("replay", file, "--map", name, "--format", "json")


def first_place(report: Any) -> int:
    """The first row of which something is told."""
    found = [*report["divergences"], *report["bad_records"], *report["rows"]["unmapped_kinds"]]
    return int(min(each["line"] for each in found))


def add_up(rows: Any) -> bool:
    return bool(rows["read"] == rows["in_records"] + rows["ignored"] + rows["unmapped"] + rows["bad"])


def test_every_map_that_comes_along_has_a_fixture() -> None:
    assert ready_maps() == sorted([*FIXTURES, "records"])


@pytest.mark.parametrize("name", list(FIXTURES))
def test_a_right_ledger_conforms_and_all_of_it_was_compared(name: str, tmp_path: Path) -> None:
    rows = read(name)
    done = audit(tmp_path, name, rows)
    report = done.report
    assert (done.code, report["divergences"], report["bad_records"], report["rows"]["unmapped"]) == (0, [], [], 0)
    assert (report["rows"]["read"], add_up(report["rows"])) == (len(rows), True)
    assert sum(report["not_compared"].values()) == report["not_compared"]["snapshot"]


def test_a_ready_made_map_of_a_usual_ledger_is_short() -> None:
    from tokenspec.oracle.audit.map_files import ready_map

    for name in ready_maps():
        tables = ready_map(name).partition("[events.kinds]")[0].splitlines()
        assert len([line for line in tables if line and not line.startswith(("#", "["))]) <= 15


def at(line: int, **cells: Any) -> Edit:
    """Row `line` of the file holds these cells instead; `a__b` is the member b of a."""

    def edit(rows: list[Row]) -> None:
        for name, value in cells.items():
            *path, last = name.split("__")
            holder = rows[line - 2 if "user_id" in rows[0] else line - 1]
            for part in path:
                holder = holder[part]
            holder[last] = value

    return edit


def again(line: int, after: int, **cells: Any) -> Edit:
    """A second row like `line` stands as row `after`."""

    def edit(rows: list[Row]) -> None:
        first = 2 if "user_id" in rows[0] else 1
        rows.insert(after - first, json.loads(json.dumps(rows[line - first])))
        at(after, **cells)(rows)

    return edit


def without(line: int) -> Edit:
    return lambda rows: rows.pop(line - (2 if "user_id" in rows[0] else 1))


def moved(account: str, since: int, by: int) -> Edit:
    """From row `since` on the account's running balance is another, as a real fault leaves it."""

    def edit(rows: list[Row]) -> None:
        for row in rows[since - 2 :]:
            if row["user_id"] == account:
                row["balance_after"] = str(int(row["balance_after"]) + by)

    return edit


A, B = "u-1042", "u-1043"
FAULTS: dict[str, dict[str, tuple[list[Edit], int, int]]] = {
    "ledger": {
        "a balance that is off by one": ([at(11, balance_after="1")], 11, 15),
        "a charge with the wrong sign": ([at(4, delta="24"), moved(A, 4, 48)], 4, 15),
        "a job charged twice": ([again(4, 5, id="90", balance_after="25102"), moved(A, 6, -24)], 5, 15),
        "a row that is lost": ([without(7)], 9, 15),
        "a refund that comes twice": ([again(13, 14, id="91", balance_after="25326"), moved(A, 15, 200)], 14, 15),
        "a refund of more than was paid": ([at(13, delta="300"), moved(A, 13, 100)], 13, 15),
        "a charge beyond what is held": ([at(11, delta="-151"), moved(B, 11, -1)], 11, 15),
        "a month granted twice": ([again(18, 19, id="92", created_at="2026-08-16 09:01:00"), moved(A, 19, 25_000)], 19, 15),
        "a month of another plan": ([at(18, delta="8500"), moved(A, 18, -16_500)], 18, 15),
        "daily tokens that pile up": ([at(10, delta="150"), moved(B, 10, 42)], 10, 15),
        "a bank without a ceiling": ([without(22), moved(A, 22, 24_126)], 22, 15),
        "an upgrade that grants all": ([at(25, delta="60000"), moved(A, 25, 25_000)], 25, 15),
        "packs that were never paid for": ([at(14, delta="3000")], 14, 15),
        "a month that expires too little": ([at(22, delta="-24000")], 23, 15),
        "rows of one event that do not add up": ([at(22, balance_after="76999")], 23, 15),
        "a part of what one event did that is no number": ([at(22, delta="n/a")], 23, 65),
        "a balance between rows of one event that is no number": ([at(22, balance_after="n/a")], 23, 65),
        "a kind that nobody knows": ([at(26, kind="adjustment")], 26, 65),
        "half a token": ([at(26, delta="-60.5")], 26, 65),
        "a balance that is no number": ([at(26, balance_after="n/a")], 26, 65),
        "no instant": ([at(26, created_at="yesterday")], 26, 65),
        "nobody's row": ([at(26, user_id="")], 26, 65),
        "a row cut short": ([lambda rows: [rows[24].pop(name) for name in ("meta", "created_at")]], 26, 65),
    },
    "stripe": {
        "more applied than was granted": ([at(5, debit__amount__monetary__value=701)], 5, 15),
        "a line item applied twice": ([at(4, debit__credits_applied__invoice_line_item="il_1")], 4, 15),
        "a debit of nothing": ([at(2, debit__amount__monetary__value=0)], 2, 15),
        "a debit that gives": ([at(2, debit__amount__monetary__value=-400)], 2, 15),
        "a grant of nothing": ([at(7, credit__amount__monetary__value=0)], 7, 15),
        "a debit before its grant": ([at(12, effective_at=1_784_200_000)], 12, 15),
        "an id with another amount": ([again(2, 3, debit__amount__monetary__value=300)], 3, 15),
        "a grant that is lost": ([without(10)], 11, 15),
        "another customer's credits": ([at(4, credit_grant__customer="cus_B")], 5, 15),
        "a part of a cent": ([at(8, debit__amount__monetary__value=300.5)], 8, 65),
        "a kind that nobody knows": ([at(9, debit__type="credits_adjusted")], 9, 65),
        "no customer, as where nothing is expanded": ([at(9, credit_grant="credgr_B")], 9, 65),
        "no instant": ([at(12, effective_at=None)], 12, 65),
        "a line cut short": ([lambda rows: rows.append('{"id":"cbtxn_0013","object":\n')], 13, 65),  # type: ignore[arg-type]
    },
    "lago": {
        "more invoiced than was bought": ([at(9, credit_amount="1600.0")], 9, 15),
        "more invoiced than is held": ([at(10, credit_amount="481.0")], 10, 15),
        "an invoice of nothing": ([at(4, credit_amount="0.0")], 4, 15),
        "an invoice that gives": ([at(4, credit_amount="-700.0")], 4, 15),
        "a purchase of nothing": ([at(1, credit_amount="0")], 1, 15),
        "a purchase that was lost": ([without(11)], 11, 15),
        "an id with another amount": ([again(4, 5, credit_amount="600.0")], 5, 15),
        "another wallet's invoice": ([at(9, lago_wallet_id="b7ab2926-1de8-4428-9bcd-779314ac129c")], 9, 15),
        "settled before it was granted": ([at(10, settled_at="2026-07-14T00:00:00Z")], 10, 15),
        "a pending purchase that was spent": ([at(11, status="pending", settled_at=None)], 12, 15),
        "half a credit": ([at(12, credit_amount="1100.5")], 12, 65),
        "a state that nobody knows": ([at(7, transaction_status="expired")], 7, 65),
        "no instant": ([at(12, settled_at=None)], 12, 65),
        "no wallet": ([at(12, lago_wallet_id=None)], 12, 65),
    },
    "openmeter": {
        "a balance that is off by one": ([at(5, data__balance=51)], 5, 15),
        "tokens that were not charged": ([at(6, data__tokens="401")], 6, 15),
        "a free account that draws too much": ([at(7, data__tokens="51", data__balance=-1)], 7, 15),
        "a reset that piles up": ([at(8, data__balance=300)], 8, 15),
        "a reset that did not happen": ([without(8)], 8, 15),
        "a renewal that is lost": ([without(11)], 11, 15),
        "a renewal that comes early": ([at(11, time="2026-08-15T09:01:59Z")], 11, 15),
        "another plan's tokens": ([at(3, data__plan="premium")], 3, 15),
        "an id with another amount": ([at(14, data__tokens="80", data__balance=70)], 14, 15),
        "another customer's prompt": ([at(4, subject="customer-2")], 4, 15),
        "a type that nobody knows": ([at(13, type="completion")], 13, 65),
        "tokens that are no number": ([at(13, data__tokens="many")], 13, 65),
        "a medium that there is not": ([at(13, data__media="audio")], 13, 65),
        "no subject": ([at(13, subject=None)], 13, 65),
        "a line cut short": ([lambda rows: rows.append('{"specversion":"1.0",\n')], 15, 65),  # type: ignore[arg-type]
    },
}


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, faults in FAULTS.items() for fault in faults])
def test_a_seeded_fault_is_found_at_its_row(name: str, fault: str, tmp_path: Path) -> None:
    edits, place, code = FAULTS[name][fault]
    rows = read(name)
    for edit in edits:
        edit(rows)
    done = audit(tmp_path, name, rows)
    assert (done.code, first_place(done.report)) == (code, place)
    assert (done.report["rows"]["read"], add_up(done.report["rows"])) == (len(rows), True)


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_map_is_tried_on_ten_faults_of_its_ledger_at_least(name: str) -> None:
    assert len(FAULTS[name]) >= 10

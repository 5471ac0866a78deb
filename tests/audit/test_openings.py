"""Accounts that begin before their table does: by the first balance, by a file of snapshots, or empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.test_ready_maps import add_up
from command.conftest import Finished, record, within, write_log
from tokenspec.oracle.audit.map_files import ready_map

pytest.importorskip("duckdb")
HEADINGS = "id,user_id,kind,delta,balance_after,ref_id,meta,created_at\n"
ROWS = """71,eve,generation,-24,1076,g-1,,2026-07-20 09:00:00
72,eve,generation,-76,1000,g-2,,2026-07-21 09:00:00
73,eve,grant,25000,26000,,,2026-08-15 07:00:00
74,eve,generation,-26000,0,g-3,,2026-08-15 08:00:00
75,fay,signup,150,150,,,2026-07-20 10:00:00
"""
FIRST = '[opening]\nfrom = "first_balance"\nplan = "premium"\npool = "fast"\n'


def audited(folder: Path, opening: str, rows: str = ROWS, *options: str) -> Finished:
    (folder / "ledger.csv").write_text(HEADINGS + rows)
    (folder / "map.toml").write_text(ready_map("ledger") + opening)
    return within("replay", folder / "ledger.csv", "--map", folder / "map.toml", "--format", "json", *options)


def test_a_first_balance_goes_to_its_pool_and_the_rest_is_checked(tmp_path: Path) -> None:
    done = audited(tmp_path, FIRST)
    assert (done.code, done.report["compared"], done.report["not_compared"]["snapshot"]) == (0, 5, 1)
    assert add_up(done.report["rows"])


def test_what_the_account_held_before_is_in_no_pool_but_that(tmp_path: Path) -> None:
    pools = within_explain(tmp_path)
    assert [(p["event"], p["kind"], p["tokens"]) for p in pools["fast"]][:2] == [
        ("snapshot", "carried_over", 1100),
        ("generate", "spent", 24),
    ]
    assert pools["daily"] == []


def within_explain(folder: Path) -> dict[str, list[dict[str, object]]]:
    audited(folder, FIRST)
    done = within("explain", folder / "ledger.csv", "--map", folder / "map.toml", "--account", "eve", "--format", "json")
    pools: dict[str, list[dict[str, object]]] = done.report["pools"]
    return pools


def test_a_fault_after_an_opening_is_found_at_its_row(tmp_path: Path) -> None:
    done = audited(tmp_path, FIRST, ROWS.replace("-76,1000", "-76,1001"))
    assert (done.code, done.report["divergences"][0]["line"]) == (15, 3)


def test_without_an_opening_an_account_that_was_never_opened_diverges(tmp_path: Path) -> None:
    done = audited(tmp_path, "")
    assert (done.code, done.report["divergences"][0]["outcome"]) == (15, "account_must_exist")


@pytest.mark.parametrize("rows", [ROWS.replace("-24,1076", "-24,"), ROWS.replace("-24,1076", "-24,-25")])
def test_a_first_balance_that_is_none_is_a_bad_record(rows: str, tmp_path: Path) -> None:
    done = audited(tmp_path, FIRST, rows)
    assert (done.report["bad_records"][0]["line"], done.code in (15, 65)) == (2, True)


def test_a_refund_of_a_job_before_the_table_is_not_checked(tmp_path: Path) -> None:
    rows = (
        "71,eve,generation,-24,1076,g-1,,2026-07-20 09:00:00\n72,eve,refund,50,1126,g-0,,2026-07-20 10:00:00\n"
        + ROWS.splitlines()[-1]
    )
    done = audited(tmp_path, FIRST, rows)
    assert (done.code, done.report["not_compared"]["before_the_log"]) == (0, 1)


def test_a_renewal_that_is_written_is_due_by_then(tmp_path: Path) -> None:
    implied = FIRST + 'next_renewal_at = "2026-08-15T07:00:00Z"\n'
    assert audited(tmp_path, implied).code == 0
    late = FIRST + 'next_renewal_at = "2026-08-15T07:00:01Z"\n'
    done = audited(tmp_path, late)
    assert (done.code, done.report["divergences"][0]["outcome"]) == (15, "renewal_must_be_due")


def test_a_file_of_snapshots_opens_its_accounts(tmp_path: Path) -> None:
    state = {
        "status": "active",
        "plan": "premium",
        "balances": {"fast": 1000, "topup": 100},
        "next_renewal_at": "2026-08-15T07:00:00Z",
    }
    snapshots = [record(name, "2026-07-20T00:00:00Z", "snapshot", state=state) for name in ("eve", "gus")]
    write_log(tmp_path / "snapshots.jsonl", snapshots)
    done = audited(tmp_path, '[opening]\nfrom = "snapshots.jsonl"\n', ROWS.replace("-26000,0", "-25950,50"))
    assert (done.code, done.report["accounts"], done.report["not_compared"]["snapshot"]) == (0, 3, 2)


def test_what_comes_in_less_what_goes_out_may_have_two_columns(tmp_path: Path) -> None:
    ledger = ready_map("ledger").replace('{ column = "delta", negate = true }', '"out"')
    ledger = ledger.replace('{ column = "delta", divide', '{ column = "in", divide')
    assert 'delta = "delta"' in ledger
    (tmp_path / "map.toml").write_text(ledger.replace('delta = "delta"', 'delta = { column = "in", less = "out" }'))
    heads = "id,user_id,kind,in,out,balance_after,ref_id,meta,created_at\n"
    rows = "1,ann,signup,150,,150,,,2026-07-20 09:00:00\n2,ann,generation,,24.00,126,g,,2026-07-20 09:01:00\n"
    ends = ["3,ann,generation,0,26,100,h,,2026-07-20 09:02:00\n", "3,ann,generation,1,26,100,h,,2026-07-20 09:02:00\n"]
    ends.append("3,ann,refund,lots,,126,g,,2026-07-20 09:02:00\n")
    codes = []
    for end in ends:
        (tmp_path / "ledger.csv").write_text(heads + rows + end)
        done = within("replay", tmp_path / "ledger.csv", "--map", tmp_path / "map.toml", "--format", "json")
        codes.append((done.code, [(d["line"], d["field"]) for d in done.report["divergences"]]))
    assert codes == [(0, []), (15, [(4, "delta")]), (65, [])]
    # Only the difference has to be a multiple of what it is divided by.
    (tmp_path / "map.toml").write_text(
        '[source]\nformat = "csv"\n[fields]\naccount = "who"\nat = "at"\n[events]\nevent = "open_account"\n'
        '[observed]\ntotal = { column = "in", less = "out", divide = 1000 }\n'
    )
    (tmp_path / "cents.csv").write_text("who,at,in,out\nann,2026-07-20T00:00:00Z,150250,250\n")
    assert within("replay", tmp_path / "cents.csv", "--map", tmp_path / "map.toml").code == 0

"""The audit of columns in memory: the kernel alone against a loop that is written by hand in C (audit.c).

Both read the same buffers of Arrow, of logs whose records hold outcome and balances. What they find has to agree, on a log with
faults in it and on the account's balances at the end, or nothing is printed. Processor seconds, start-up apart: (time of 4n
records - time of n) / 3n. Needs gcc, and `pip install pyarrow`.
"""

from __future__ import annotations

import ctypes
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.json
from replay import write_log

from audit import BASE, ROUNDS, copied
from tokenspec.oracle import Oracle
from tokenspec.oracle.audit.arrow import arrow_rows
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.columns import ROWS_MAX
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.wire.log_files import Logs

COPIES = 10
"""The number of copies of the base that are n records."""
TEXTS = ("account", "event", "plan", "job", "media", "origin", "observed.outcome")
POOLS = ("daily", "fast", "rollover", "topup", "api")
NUMBERS = ("at", "cost", *(f"observed.balances.{pool}" for pool in POOLS))
Batches = list[pyarrow.RecordBatch]


def batches_of(path: Path) -> Batches:
    """The records of a log as batches that begin at the first bytes of their buffers; instants are milliseconds."""
    table = pyarrow.json.read_json(path).flatten().flatten()
    at = table.column("at").cast(pyarrow.timestamp("ms")).cast(pyarrow.int64())
    table = table.set_column(table.column_names.index("at"), "at", at).select([*TEXTS, *NUMBERS])
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=ROWS_MAX)
    return list(pyarrow.ipc.open_stream(sink.getvalue()))


class HandWritten:
    """The loop in C."""

    def __init__(self, folder: Path) -> None:
        program = folder / "audit.so"
        command = ("gcc", "-O3", "-march=native", "-shared", "-fPIC", "-o", program, Path(__file__).with_name("audit.c"))
        subprocess.run(command, check=True)
        self._library = ctypes.CDLL(str(program))
        self._library.audit.restype = ctypes.c_int64

    def divergent(self, batches: Batches) -> int:
        """How many records diverge, from the first one on."""
        self._library.forget()
        found = 0
        for batch in batches:
            pointers: list[int | None] = []
            for name in TEXTS:
                valid, offsets, data = batch.column(name).buffers()
                pointers += [offsets.address, data.address, valid and valid.address]
            for name in NUMBERS:
                valid, values = batch.column(name).buffers()
                pointers += [values.address, valid and valid.address]
            divergent = self._library.audit((ctypes.c_void_p * len(pointers))(*pointers), ctypes.c_int64(len(batch)))
            assert divergent >= 0, "it does not know an event"
            found += divergent
        return found

    def balances(self, account: str) -> dict[str, int]:
        """An account's balances at the end."""
        five = (ctypes.c_int64 * len(POOLS))()
        assert self._library.balances(account.encode(), five), account
        return dict(zip(POOLS, five, strict=True))


def by_kernel(batches: Batches) -> int:
    """Judges all columns by the kernel; returns how many accounts it cannot vouch for."""
    kernel = AuditKernel(arrow_rows("columns", lambda: iter(batches), sum(map(len, batches))), Oracle())
    kernel.find_dirty(None)
    return kernel.dirty


def agrees(base: Path, written: HandWritten) -> None:
    """Demands that the oracle finds as many records divergent as the loop in C, and leaves the same balances.

    The faults are in the last records of accounts: behind one the oracle goes on from what was observed.
    """
    dice, faulty = random.Random(1), base.with_name("faulty.jsonl")
    records: list[dict[str, Any]] = [msgspec.json.decode(line) for line in base.read_bytes().splitlines()]
    last = {record["account"]: record for record in records}
    for name, record in last.items():
        observed = record["observed"]
        if dice.random() < 0.2:
            observed["outcome"] = "refused" if observed["outcome"] == "accepted" else "accepted"
        elif dice.random() < 0.5:
            observed["balances"][dice.choice(POOLS)] += dice.choice((-8, 1, 150))
        else:
            continue
        last[name] = {}
    faulty.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    expected = sum(not record for record in last.values())
    counts = len(replay(Logs([str(faulty)]), Oracle()).divergences), written.divergent(batches_of(faulty))
    assert counts == (expected, expected), f"{counts} records diverge, not {expected}"
    for name, record in last.items():
        assert not record or written.balances(name) == record["observed"]["balances"], name


def rate(judge: Callable[[Batches], int], small: Batches, large: Batches) -> float:
    """Records a second of processor time, start-up apart; all of them conform."""
    spent = []
    for batches in (small, large):
        started = time.process_time()
        assert judge(batches) == 0, "the log is right"
        spent.append(time.process_time() - started)
    return (sum(map(len, large)) - sum(map(len, small))) / (spent[1] - spent[0])


def measure(folder: Path, accounts: int) -> None:
    """Prints both rates on one kind of log."""
    base, path = folder / "base.jsonl", folder / "log.jsonl"
    write_log(base, BASE, accounts, jobs=True)
    written = HandWritten(folder)
    agrees(base, written)
    logs = []
    for copies in (COPIES, 4 * COPIES):
        copied(base.read_bytes(), path, copies)
        logs.append(batches_of(path))
    contestants = {"C, written by hand": written.divergent, "kernel": by_kernel}
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, judge in contestants.items():
            rates[name].append(rate(judge, *logs))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    print(f"{accounts} accounts a copy, jobs, outcome and balances, n = {BASE * COPIES:,}")
    for name, found in medians.items():
        print(f"  {name:<20} {found:>12,.0f}/s  {found / medians['C, written by hand']:>5.2f} of C")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        for accounts in (500, 10):
            measure(Path(made), accounts)

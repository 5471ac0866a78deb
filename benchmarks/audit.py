"""The audit kernel on JSON lines and on Parquet: records a second of processor time, against reading the lines as JSON alone.

A log of n records and one of 4n are read in turn, so that what is only start-up cancels out: (time of 4n - time of n) / 3n, of
the least times of all rounds, since what else the machine has to do only adds to them.
The second one holds the first four times over, for other accounts and jobs. Needs `pip install orjson pyarrow`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import msgspec
from replay import write_log

from tokenspec.oracle import Oracle
from tokenspec.oracle.audit.parquet_logs import ParquetLogs
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.wire.log_files import Logs

BASE, ROUNDS = 50_000, 5
COPIES = 20
"""The number of copies of the base that are n records."""


def copied(base: bytes, path: Path, copies: int) -> None:
    """Writes the base some times over, each time for other accounts."""
    with path.open("wb") as file:
        for number in range(copies):
            file.write(base.replace(b'"account-', b'"account-%d-' % number))


def by_line(decode: Callable[[bytes], object]) -> Callable[[Path], None]:
    """Decodes line by line."""

    def read(path: Path) -> None:
        with path.open("rb") as file:
            for line in file:
                decode(line)

    return read


def by_kernel(path: Path) -> None:
    """Scans and judges everything; all of it conforms."""
    kernel = AuditKernel(Logs([str(path)]), Oracle())
    kernel.find_dirty(None)
    assert not kernel.has_dirty, "the log is right"


def as_parquet(path: Path) -> None:
    """Writes the records once more, as columns."""
    table = import_module("pyarrow.json").read_json(path).flatten().flatten()
    table = table.select([name for name in table.column_names if name != "observed.relaxed"])
    import_module("pyarrow.parquet").write_table(table, path.with_suffix(".parquet"))


def by_columns(path: Path) -> None:
    """Reads and judges the columns; all of them conform."""
    table = str(path.with_suffix(".parquet"))
    kernel = AuditKernel(ParquetLogs([table], [table]), Oracle())
    kernel.find_dirty(None)
    assert not kernel.has_dirty, "the table is right"


def spent(read: Callable[[Path], None], path: Path) -> float:
    """Processor seconds."""
    started = time.process_time()
    read(path)
    return time.process_time() - started


def peak(path: Path) -> float:
    """Peak memory (MiB) of a process that replays the log."""
    code = f"from pathlib import Path; from audit import by_kernel; by_kernel(Path({str(path)!r}));"
    code += "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parent)
    return int(done.stdout) / 1024


def measure(folder: Path, accounts: int, jobs: bool, whole: bool) -> None:
    """Prints the rates of all contestants on one kind of log."""
    base, small, large = folder / "base.jsonl", folder / "n.jsonl", folder / "4n.jsonl"
    write_log(base, BASE, accounts, jobs, whole)
    content = base.read_bytes()
    copied(content, small, COPIES)
    copied(content, large, 4 * COPIES)
    as_parquet(small)
    as_parquet(large)
    records = BASE * COPIES
    contestants = {
        "orjson": by_line(import_module("orjson").loads),
        "msgspec": by_line(msgspec.json.Decoder().decode),
        "kernel": by_kernel,
        "parquet": by_columns,
    }
    least = {name: [float("inf")] * 2 for name in contestants}
    for _ in range(ROUNDS):
        for name, read in contestants.items():
            least[name] = [min(before, spent(read, path)) for before, path in zip(least[name], (small, large), strict=True)]
    rates = {name: 3 * records / (of_4n - of_n) for name, (of_n, of_4n) in least.items()}
    started = time.process_time()
    replay(Logs([str(base)]), Oracle())
    rates["oracle"] = BASE / (time.process_time() - started)
    says = f"{accounts} accounts a copy, {'jobs' if jobs else 'no jobs'}, {'whole answers' if whole else 'outcome and balances'}"
    print(f"{says}, {len(content) // BASE} bytes a record, n = {records:,}")
    for name, rate in rates.items():
        print(f"  {name:<10} {rate:>12,.0f}/s  {rate / rates['orjson']:>5.2f} of orjson")
    print(f"  peak memory of n and 4n: {peak(small):,.0f} and {peak(large):,.0f} MiB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        for shape in ((500, True, False), (500, True, True), (10, True, True), (500, False, True)):
            measure(Path(made), *shape)

"""Bytes a job and an id in the audit kernel: peak memory of processes that replay n and 4n of them, of the same 1,000 accounts.

Each record generates, under a new job, and with `--ids` under a new id too. Give the numbers n; logs go to a folder of their own,
some 130 bytes a record. Below some 300,000 the module takes more memory while it is made than the tables do later.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tokenspec.oracle import Oracle
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import DEFAULT
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.wire.log_files import Logs

START, ACCOUNTS, EACH_SECOND = parse_instant("2026-01-01T00:00:00Z"), 1_000, 1_000


def write(path: Path, jobs: int, ids: bool) -> None:
    """Writes a log of so many jobs; nothing falls due before its end."""
    with path.open("w") as file:
        for n in range(ACCOUNTS):
            for event in ('"open_account"', '"subscribe","plan":"ultimate"'):
                file.write(f'{{"account":"a{n}","at":"{format_instant(START)}","event":{event}}}\n')
        for n in range(jobs):
            if n % EACH_SECOND == 0:
                at = format_instant(START + n // EACH_SECOND * 1_000)
            rest = f',"id":"i{n}"' if ids else ""
            file.write(f'{{"account":"a{n % ACCOUNTS}","at":"{at}","event":"generate","job":"j{n}","cost":8,')
            file.write(f'"media":"image","origin":"first_party"{rest}}}\n')


def judged(path: str) -> None:
    """Prints the peak memory behind a replay in which each job was accepted, in bytes."""
    catalogue = json.loads(json.dumps(dict(DEFAULT.written())))
    catalogue["plans"]["ultimate"]["allowance"] = 1 << 45
    kernel = AuditKernel(Logs([path]), Oracle(catalogue=catalogue))
    kernel.find_dirty(None)
    assert not kernel.has_dirty, "the log is right"
    print(next(int(line.split()[1]) * 1024 for line in Path("/proc/self/status").open() if line.startswith("VmHWM")))


def peak(jobs: int, ids: bool) -> int:
    """Returns the peak memory of a replay of so many jobs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        write(path, jobs, ids)
        done = subprocess.run([sys.executable, __file__, "--judge", str(path)], check=True, capture_output=True, text=True)
        return int(done.stdout)


def main() -> None:
    """Reads the options, and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int, nargs="*")
    parser.add_argument("--ids", action="store_true")
    parser.add_argument("--judge", metavar="LOG")
    given = parser.parse_args()
    if given.judge:
        judged(given.judge)
    for jobs in given.jobs:
        of_n, of_4n = peak(jobs, given.ids), peak(4 * jobs, given.ids)
        what = "a job and an id" if given.ids else "a job"
        print(
            f"n = {jobs:>11,}: {(of_4n - of_n) / (3 * jobs):5.2f} bytes {what}, {of_n >> 20:,} and {of_4n >> 20:,} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Replays a log of 100,000 records with observed answers: seconds, records a second, and peak memory by accounts.

The same number of records is spread over few and over many accounts, so that it shows what memory grows with. Of the first
log of few accounts also what the oracle alone takes, in plain Python: records that have been read, answered one after the other.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.oracle import Oracle
from tokenspec.oracle.base.instants import format_instant, parse_instant

START = parse_instant("2026-01-01T00:00:00Z")
SHAPES = ((100_000, 1_000, True), (100_000, 10, True), (100_000, 10, False), (400_000, 10, False))


def write_log(path: Path, records: int, accounts: int, jobs: bool, whole: bool = False) -> None:
    """A log of ordinary days: generations, resets, renewals. Without `jobs` it holds no ids that have to be kept.

    What is observed are outcome and balances, or the `whole` answer.
    """
    dice, oracle = random.Random(0), Oracle()
    with path.open("wb") as file:
        at, written = START, 0
        while written < records:
            at += DAY_MS // 200
            name = f"account-{written % accounts}"
            record: dict[str, object] = {"account": name, "at": format_instant(at)}
            if written < accounts:
                record["event"] = "open_account"
            elif written < 2 * accounts:
                record |= {"event": "subscribe", "plan": dice.choice(("essential", "premium", "ultimate"))}
            elif jobs and dice.random() < 0.8:
                cost = dice.choice((8, 16, 24))
                record |= {"event": "generate", "job": f"j{written}", "cost": cost, "media": "image", "origin": "first_party"}
            else:
                record["event"] = dice.choice(("daily_reset", "renew", "enable_relaxed"))
            answer = oracle.apply(record)
            observed = answer.as_dict() if whole else {"outcome": answer.outcome, "balances": answer.balances}
            file.write(msgspec.json.encode({**record, "observed": observed}) + b"\n")
            written += 1


def measure(path: Path) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of the whole command, start-up included."""
    code = (
        "import resource, sys; from tokenspec.oracle.command.main import run, tokenspec;"
        f"code = run(lambda: tokenspec.main(['replay', '-q', {str(path)!r}], standalone_mode=False));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return time.perf_counter() - started, int(done.stderr) / 1024


def oracle_alone(path: Path, rounds: int = 5) -> float:
    """Records that the oracle answers in a second of processor time, the best of some rounds."""
    reader = Oracle().reader
    records = [reader.convert(msgspec.json.decode(line)) for line in path.read_bytes().splitlines()]
    best = float("inf")
    for _ in range(rounds):
        oracle, started = Oracle(), time.process_time()
        for record in records:
            oracle.decide(record)
        best = min(best, time.process_time() - started)
    return len(records) / best


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for records, accounts, jobs in SHAPES:
            log = Path(folder) / "log.jsonl"
            write_log(log, records, accounts, jobs)
            seconds, memory = measure(log)
            kept = "job ids to keep" if jobs else "nothing to keep"
            speed = f"{seconds:6.2f} s {records / seconds:>9,.0f}/s"
            print(f"{records:>8,} records, {accounts:>6,} accounts, {kept:<16} {speed} {memory:6.0f} MiB")
            if jobs and accounts == 10:
                print(f"{'':>8} the oracle alone, in plain Python: {oracle_alone(log):,.0f}/s")

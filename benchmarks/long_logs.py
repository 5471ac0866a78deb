"""Logs of up to 10^8 records: time and peak memory of `tokenspec replay`, whole, and killed and resumed.

Each account has 100 records over a month, a job in half of them, an id in one of ten. 1,000 accounts are run through the oracle;
the others are these again under other names. Give the numbers of records. `--every N` saves the state every N lines, kills the
replay a while after the first state, and goes on from there. With `--views` a session of each account logs in, and one record in
ten is a view: what it fetched last, true or not, or a refresh. The logs go to a folder of their own, about 190 bytes a record.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.oracle import Oracle
from tokenspec.oracle.base.instants import format_instant, parse_instant

START = parse_instant("2026-01-01T00:00:00Z")
EACH, LIVES = 100, 1_000
NAME = b"@"
REPLAY = [sys.executable, "-m", "tokenspec.oracle.command", "replay"]


def life(dice: random.Random, views: bool) -> list[bytes]:
    """The records of one account, with `@` for its name."""
    oracle, lines, at, screen = Oracle(), list[bytes](), START, dict[str, int]()
    for number in range(EACH):
        at += dice.randrange(DAY_MS // 4, DAY_MS // 3)
        record: dict[str, object] = {"account": "@", "at": format_instant(at)}
        if number < 2:
            record |= [{"event": "open_account"}, {"event": "subscribe", "plan": dice.choice(("essential", "premium"))}][number]
        elif views and number == 2:
            record |= {"event": "login", "session": "s-@"}
        elif views and number % 10 == 7:
            record |= (
                {"event": "view", "session": "s-@", "shown": screen}
                if dice.random() < 0.9
                else {"event": "refresh", "session": "s-@"}
            )
        elif dice.random() < 0.51:
            cost = dice.choice((8, 16, 24))
            record |= {"event": "generate", "job": f"j-@-{number}", "cost": cost, "media": "image", "origin": "first_party"}
        else:
            record["event"] = dice.choice(("daily_reset", "daily_reset", "renew"))
        if number % 10 == 5:
            record["id"] = f"e-@-{number}"
        answer = oracle.apply(record)
        balances = answer.balances or {}
        held = {pool: balances[pool] for pool in ("daily", "fast")}
        record["observed"] = {"outcome": answer.outcome, "balances": held}
        if record["event"] == "view":
            record["observed"] = {"outcome": answer.outcome, "shown_is": answer.shown_is}
        elif record["event"] in ("login", "refresh"):
            screen = held
        lines.append(msgspec.json.encode(record) + b"\n")
    return lines


def write(path: Path, records: int, views: bool = False) -> None:
    """Writes the log in the order of time: the first record of every account, then the second."""
    dice = random.Random(0)
    lives = [life(dice, views) for _ in range(LIVES)]
    names = [b"account-%d" % number for number in range(records // EACH)]
    with path.open("wb", 1 << 22) as file:
        for number in range(EACH):
            lines = [each[number] for each in lives]
            for first in range(0, len(names), LIVES):
                file.write(b"".join([line.replace(NAME, name) for line, name in zip(lines, names[first:], strict=False)]))


class Ran(NamedTuple):
    """A replay that has ended."""

    seconds: float
    of_processor: float
    memory: float
    """Peak memory, in MiB."""
    report: bytes
    code: int


def replayed(*arguments: str, kill_after: Path | None = None) -> Ran:
    """Runs a replay, which is killed some seconds after the file `kill_after` has come to be."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen([*REPLAY, *arguments, "--format", "json"], stdout=out, start_new_session=True)
        while kill_after is not None and child.poll() is None:
            if kill_after.exists():
                time.sleep(3)
                os.kill(child.pid, signal.SIGKILL)
                break
            time.sleep(0.2)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0)
        ran = time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        return Ran(*ran, out.read(), os.waitstatus_to_exitcode(status))


def checksum(path: Path) -> str:
    """Returns the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def told(what: str, records: int, ran: Ran) -> None:
    """Prints a row."""
    took = f"{ran.seconds:8.1f} s, {ran.of_processor:8.1f} s of processor time, {records / ran.of_processor:>10,.0f}/s of it"
    print(f"{records:>12,} {what:<8} {took}, {ran.memory:>6,.0f} MiB, exit {ran.code}", flush=True)


def main() -> None:
    """Reads the options, and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=int, nargs="+")
    parser.add_argument("--folder")
    parser.add_argument("--every", type=int, help="saves it every N lines as well, kills the run some time later, and resumes it")
    parser.add_argument("--views", action="store_true", help="one record in ten is a view")
    given = parser.parse_args()
    for records in given.records:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            log, state = Path(folder) / "log.jsonl", Path(folder) / "state.json"
            started = time.perf_counter()
            write(log, records, given.views)
            size = log.stat().st_size
            seconds = time.perf_counter() - started
            print(f"{records:>12,} written: {seconds:.0f} s, {size / 1e9:.1f} GB, {size // records} bytes each", flush=True)
            saved = ["--save-state", str(state)] if given.every else []
            whole = replayed(str(log), *saved)
            told("whole", records, whole)
            if given.every:
                ends = checksum(state)
                state.unlink()
                every = [*saved, "--save-every", str(given.every)]
                told("killed", records, replayed(str(log), *every, kill_after=state))
                rest = replayed(str(log), *every, "--load-state", str(state))
                told("resumed", records, rest)
                print(f"same report: {rest.report == whole.report}, same state: {checksum(state) == ends}")


if __name__ == "__main__":
    main()

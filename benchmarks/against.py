"""`replay --against` beside `replay` on the same log, as whole processes: processor time, and what it is a multiple of."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from replay import write_log

from audit import copied

RECORDS = 250_000
SETTINGS = {
    "replay alone": (),
    "another grant at upgrades, which touches nobody": ("--against", "upgrade_grant=full"),
    "daily tokens last, which touches nine accounts of ten": ("--against", "daily_position=last"),
}


def spent(log: Path, options: tuple[str, ...]) -> float:
    """Seconds of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "tokenspec.oracle.command", "replay", str(log), "-q", *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints a line for each number of records and each setting."""
    with TemporaryDirectory() as folder:
        base, log = Path(folder) / "base.jsonl", Path(folder) / "log.jsonl"
        write_log(base, RECORDS, RECORDS // 100, True, False)
        for copies in (1, 4, 16):
            copied(base.read_bytes(), log, copies)
            rounds = [{name: spent(log, options) for name, options in SETTINGS.items()} for _ in range(3)]
            for name in SETTINGS:
                found = [each[name] for each in rounds]
                times = statistics.median(each[name] / each["replay alone"] for each in rounds)
                print(f"{copies * RECORDS:>10,} {name:<55} {statistics.median(found):6.2f} s {times:5.1f}x", flush=True)


if __name__ == "__main__":
    main()

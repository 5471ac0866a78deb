"""Processor time of short commands, start-up included; the median of interleaved rounds."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LINE = b'{"account":"a","at":"2026-07-15T09:00:00Z","event":"open_account"}\n'


def processor_time(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    tokenspec = shutil.which("tokenspec") or "tokenspec"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "one.jsonl"
        log.write_bytes(LINE)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "tokenspec --version": [tokenspec, "--version"],
            "tokenspec --help": [tokenspec, "--help"],
            "tokenspec policies": [tokenspec, "policies", "--format", "json"],
            "tokenspec replay (one line)": [tokenspec, "replay", str(log)],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(7):
            for name, command in commands.items():
                times[name].append(processor_time(command))
    for name, found in times.items():
        print(f"{name:<30} {statistics.median(found):6.3f} s")

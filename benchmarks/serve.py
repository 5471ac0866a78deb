"""Requests a second and latency of `tokenspec serve --http` on loopback, by wrk (Debian: apt-get install wrk)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from tokenspec.oracle.wire.settings import catalogue_on_the_wire
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

SECONDS = 10
SCRIPT = Path(__file__).with_suffix(".lua")


def ask(url: str, message: dict[str, object]) -> None:
    headers = {"Content-Type": "application/json", "Tokenspec-World": "load"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(message).encode(), headers)) as answer:
        assert "error" not in json.load(answer)


if __name__ == "__main__":
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed")
    command = [sys.executable, "-m", "tokenspec.oracle.command", "serve", "--http", "127.0.0.1:0"]
    for connections in (1, 4, 16):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            found = re.search(r"http://\S+", server.stderr.readline())
            assert found is not None
            try:
                opening = {"op": "open", "protocol": 1, "catalogue": catalogue_on_the_wire(DEFAULT), "policy": dict(DEFAULTS)}
                ask(found[0], opening)
                at = "2026-01-01T00:00:00Z"
                ask(found[0], {"op": "apply", "account": "a", "at": at, "event": "open_account"})
                load = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", str(SCRIPT), found[0]]
                said = subprocess.run(load, capture_output=True, text=True, check=True).stdout
            finally:
                server.terminate()
        rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
        middle, high = (re.search(rf"{percent}%\s+(\S+)", said) for percent in (50, 99))
        assert rate is not None, said
        assert middle is not None, said
        assert high is not None, said
        assert "Non-2xx" not in said, said
        print(f"{connections:>3} connections  {float(rate[1]):>8,.0f} requests/s   p50 {middle[1]:>8}   p99 {high[1]:>8}")

"""Vectors and events a second against the oracle itself, in this process and as a process, and how long a suite is read."""

from __future__ import annotations

import shlex
import sys
import time

from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Client, Message
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.vectors.run import PASSED
from tokenspec.oracle.vectors.run_suite import run_suite
from tokenspec.oracle.vectors.suite import default_suite


class InThisProcess(Client):
    def __init__(self) -> None:
        self._server = Server()

    def ask(self, request: Message) -> Message:
        return self._server.handle(request)

    def end(self) -> None: ...


def report(name: str, client: Client) -> None:
    started = time.perf_counter()
    run = run_suite(client, cases)
    seconds = time.perf_counter() - started
    client.end()
    passed = run.count(PASSED)
    print(f"{name:<32} {passed:>5,} vectors {passed / seconds:>7,.0f}/s {run.sent:>7,} events {run.sent / seconds:>8,.0f}/s")


if __name__ == "__main__":
    started = time.perf_counter()
    suite = default_suite()
    cases = [suite.case(entry) for entry in suite.index.vectors if entry.resets == "explicit"]
    print(f"{'read and checked':<32} {len(cases):>5,} vectors {len(cases) / (time.perf_counter() - started):>7,.0f}/s")
    report("in this process", InThisProcess())
    report("as a process", connect(shlex.join([sys.executable, "-m", "tokenspec.oracle.command", "serve", "--stdio"]), 20))

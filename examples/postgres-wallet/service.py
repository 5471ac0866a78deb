#!/usr/bin/env python3
"""The wallet as a service: HTTP on one port, several worker processes, one data base. It runs in the foreground.

`service.py [PORT [WORKERS]]`. `WALLET_DATABASE` names the data base, as libpq does; `WALLET_BUGS` the faults to switch on.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg

# The rules are those of the wallet on SQLite.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python-wallet"))
from adapter import OBSERVES
from postgres_store import TABLES, PostgresStore, create_tables
from settings import POLICY
from wallet import Wallet

BUGS = frozenset({
    "answer_before_commit",
    "balance_cached",
    "check_then_deduct",
    "id_before_transaction",
    "job_by_two_workers",
    "unlocked_snapshot",
})  # fmt: skip
# A unique key that another transaction took first, or a deadlock: the event is carried out again, and sees what the other did.
AGAIN = (psycopg.errors.UniqueViolation, psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
TRIES = 5
DATABASE = os.environ.get("WALLET_DATABASE", "")
NAMED = frozenset(name.strip() for name in os.environ.get("WALLET_BUGS", "").split(",") if name.strip())

Message = dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    """A connection of a client, with a connection of its own to the data base."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        """Connect to the data base."""
        super().setup()
        self._db = psycopg.connect(DATABASE, autocommit=True)

    def finish(self) -> None:
        """Leave the data base."""
        self._db.close()
        super().finish()

    def do_POST(self) -> None:
        """Answer one request."""
        after: list[Callable[[], None]] = []
        try:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = self._answer(request, after)
        except (ValueError, KeyError, TypeError, psycopg.Error) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        for act in after:
            act()

    def _answer(self, request: Message, after: list[Callable[[], None]]) -> Message:
        if request["op"] == "open":
            return self._open(request)
        return self._apply(request, after) if request["op"] == "apply" else {}

    def _open(self, request: Message) -> Message:
        """A new, empty world, or with `join` the one there is."""
        if not request.get("join"):
            with self._db.transaction():
                # Small tables are emptied row by row in a sixth of the time that it takes to truncate them.
                self._db.execute(f"LOCK {', '.join(TABLES)}; {'; '.join(f'DELETE FROM {table}' for table in TABLES)}")
                self._db.execute("INSERT INTO world (catalogue) VALUES (%s)", (json.dumps(request["catalogue"]),))
        store = PostgresStore(self._db, {"account": "", "event": ""}, 0, NAMED)
        events = Wallet(request["catalogue"], store).events
        about = {"name": "postgres-wallet", "version": "1", "resets": "explicit"}
        return {**about, "events": events, "observes": OBSERVES, "policy": POLICY}

    def _apply(self, record: Message, after: list[Callable[[], None]]) -> Message:
        world = self._db.execute("SELECT number, catalogue FROM world").fetchone()
        if world is None:
            return {"error": "no world is open"}
        for tries_left in reversed(range(TRIES)):
            try:
                store = PostgresStore(self._db, record, world[0], NAMED)
                answer: Message = Wallet(json.loads(world[1]), store).apply(record)
            except AGAIN:
                if not tries_left:
                    raise
            else:
                break
        if store.commits_later:
            # Somebody else is told before the data base is: a mail is sent, a queue is fed.
            after += [lambda: time.sleep(0.02), store.commit]
        return answer

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: a line for each request is too many."""


class Server(ThreadingHTTPServer):
    """One worker: it shares the port with the others, and has a thread for each connection."""

    daemon_threads = True

    def __init__(self, shared: socket.socket) -> None:
        super().__init__(shared.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = shared


def main(port: str = "8080", workers: str = "4") -> None:
    """Serve until a signal comes."""
    if unknown := NAMED - BUGS:
        sys.exit(f"WALLET_BUGS: unknown: {', '.join(sorted(unknown))}; known are {', '.join(sorted(BUGS))}")
    create_tables(DATABASE)
    # Workers that wake up for one connection find it taken by another one, and must not wait there.
    shared = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    shared.setblocking(False)
    children = []
    for _ in range(int(workers)):
        if (child := os.fork()) == 0:
            Server(shared).serve_forever()
        children.append(child)

    def end(number: int, frame: object) -> None:
        for each in children:
            os.kill(each, signal.SIGKILL)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    os.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

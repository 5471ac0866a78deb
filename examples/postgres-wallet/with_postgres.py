#!/usr/bin/env python3
"""Runs a command beside a new PostgreSQL server in a temporary folder, and ends the server with it.

`with_postgres.py COMMAND...`. The command finds the data base in `WALLET_DATABASE`. Root may not run PostgreSQL: then the
server is run by the user `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "nobody"


def program(name: str) -> str | None:
    """The path of a program of PostgreSQL; Debian keeps them apart from all others. None where it is not installed."""
    return shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None)


@contextmanager
def postgres() -> Iterator[str]:
    """A new, empty data base, as libpq is told of it. It listens on no port, only on a socket in its folder."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        raise FileNotFoundError("PostgreSQL is not installed: there is no initdb")
    folder = tempfile.mkdtemp(prefix="wallet-")
    user = USER if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

    def run(*words: str) -> None:
        subprocess.run(words, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    data, log = f"{folder}/data", f"{folder}/log"
    try:
        run(initdb, "--pgdata", data, "--auth", "trust", "--username", "wallet", "--no-sync")
        # What is crashed is the wallet, not the data base, which need not wait for the disk.
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=200"
        run(pg_ctl, "--pgdata", data, "--log", log, "--options", options, "--wait", "start")
        try:
            yield f"host={folder} user=wallet dbname=postgres"
        finally:
            run(pg_ctl, "--pgdata", data, "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    with postgres() as database:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, "WALLET_DATABASE": database}, check=False).returncode)

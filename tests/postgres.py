"""A server of PostgreSQL of a test's own: it starts the server in a temporary folder, and takes both away with it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from programs import needed

USER = "audit"


def program(name: str) -> str | None:
    """The path of a program of PostgreSQL; Debian keeps them apart from all others."""
    return shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None)


def needs_postgres() -> None:
    """Skips the test where there is no PostgreSQL; in CI, which installs it, the test fails instead."""
    if program("initdb") is None:
        (pytest.fail if needed else pytest.skip)("there is no PostgreSQL: apt-get install postgresql")


@dataclass(frozen=True)
class PostgresServer:
    """A running server, which listens on a socket in its folder alone."""

    folder: str

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@/postgres?host={quote(self.folder, safe='')}"

    def run(self, *statements: str) -> Any:
        """The rows of the last of `statements`."""
        import pg8000.native

        database = pg8000.native.Connection(USER, unix_sock=f"{self.folder}/.s.PGSQL.5432", database="postgres")
        try:
            return [database.run(statement) for statement in statements][-1]
        finally:
            database.close()


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A new, empty data base. Root may not run PostgreSQL: then the server is run by the user `nobody`."""
    folder = tempfile.mkdtemp(prefix="pg-")
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

    def run(name: str, *words: str) -> None:
        subprocess.run((program(name) or name, *words), user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    data, log = f"{folder}/data", f"{folder}/log"
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    try:
        run("initdb", "--pgdata", data, "--auth", "trust", "--username", USER, "--no-sync")
        run("pg_ctl", "--pgdata", data, "--log", log, "--options", options, "--wait", "start")
        try:
            yield PostgresServer(folder)
        finally:
            run("pg_ctl", "--pgdata", data, "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

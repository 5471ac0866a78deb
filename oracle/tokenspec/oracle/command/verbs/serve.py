"""`tokenspec serve`: the oracle as a process, over standard input and output or over HTTP."""

from __future__ import annotations

import sys

import click
import msgspec

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.command.options import BY_CLOCK, refuse, resets_option, settings_options
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.exits import HOLDS
from tokenspec.oracle.serve.server import Server

LONGEST = 2**20
"""The largest size of a request, in bytes; a longer one is skipped and answered with an error."""


@click.command()
@click.option("--stdio", is_flag=True, help="One request a line on standard input, one answer a line on standard output.")
@click.option("--http", "address", metavar="HOST:PORT", help="Requests are POSTed to /; port 0 takes a free one.")
@resets_option(f"How the jobs come: `explicit` (the default), `implied`, or {BY_CLOCK}. May be given again.")
@click.option(
    "--worlds", type=click.IntRange(min=1), default=64, show_default=True, metavar="N", help="Worlds open at once, over HTTP."
)
@settings_options
def command(stdio: bool, address: str | None, resets: str, worlds: int, settings: Settings) -> int:
    """Answers requests as a right implementation would, until the input ends or a signal stops the server.

    A policy given here is fixed: clients are informed, and cannot change it. The catalogue given here is used for
    clients that send none.

    \b
    tokenspec serve --stdio
    tokenspec serve --http 127.0.0.1:8080 --resets implied
    """
    if stdio == (address is not None):
        raise WrongUsage("serve", "it speaks over --stdio or over --http HOST:PORT, one of them")
    fixed, offered = settings.named, settings.catalogue
    if address is None:
        refuse("over --stdio there is one world", "worlds")
        _serve_lines(Server(resets, fixed, offered))
        return HOLDS
    try:
        from tokenspec.oracle.serve.http import serve
        from tokenspec.oracle.serve.worlds import OpenWorlds
    except ModuleNotFoundError as fault:
        raise WrongUsage("--http", f"it needs {fault.name}, which is not installed: pip install {fault.name}") from None
    host, port = _host_and_port(address)
    serve(OpenWorlds(lambda: Server(resets, fixed, offered), worlds), host, port, LONGEST, _say)
    return HOLDS


def _serve_lines(server: Server) -> None:
    """Answers each line until standard input ends, or the reader of the answers has closed the stream."""
    source, to = sys.stdin.buffer if sys.stdin is not None else None, sys.stdout.buffer
    while source is not None and (line := source.readline(LONGEST + 1)):
        if len(line) > LONGEST and not line.endswith(b"\n"):
            while not line.endswith(b"\n") and (line := source.readline(LONGEST)):
                pass
            answer = msgspec.json.encode({"error": f"a request has at most {LONGEST:,} bytes"})
        elif line.isspace():
            continue
        else:
            answer = server.answer(line)
        to.write(answer + b"\n")
        to.flush()


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise WrongUsage("--http", f"an address is HOST:PORT, such as 127.0.0.1:8080, found {address!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _say(line: str) -> None:
    sys.stderr.write(f"tokenspec: {line}\n")
    sys.stderr.flush()

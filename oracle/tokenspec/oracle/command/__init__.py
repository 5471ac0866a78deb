"""The command. Each verb is a module of its own, imported only when called, so that the command starts quickly."""

from __future__ import annotations

import signal


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and exits."""
    # An interruption during the imports shows no traceback. An ignored signal stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tokenspec.oracle.command.main import main

    main(arguments)

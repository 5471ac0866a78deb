"""The command. Each verb is a module of its own, imported only when it is called: start-up is what a user waits for first."""

from __future__ import annotations

import signal


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and exits."""
    # Whoever interrupts it while it is being imported sees no traceback. What is ignored stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tokenspec.oracle.command.main import main

    main(arguments)

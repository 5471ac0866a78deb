"""The command. Each verb is a module of its own, imported only when it is called: start-up is what a user waits for first."""

from tokenspec.oracle.command.main import main

__all__ = ["main"]

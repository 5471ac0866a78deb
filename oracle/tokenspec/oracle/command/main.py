"""`tokenspec`: finds the verb, runs it, and turns whatever happens into an exit code and a message."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import click

from tokenspec.oracle.command.exits import BAD_DATA, BUG, INTERRUPTED, MISSING, USAGE
from tokenspec.oracle.errors import BadSetting

VERBS = {
    "check": "Checks every claim about the declared account and prints how each was discharged.",
    "replay": "Runs event logs through the oracle and compares what was observed.",
    "fuzz": "Fuzzes the declared machines with random events, settings and times.",
    "policies": "Lists every open question with its answers, its default, and why it is open.",
}
_EXITS = """
Exit codes: 0 holds; 12 a claim is violated; 13 a liveness claim is; 15 a log diverges; 16 a coverage gate failed;
20 no verdict; 64 wrong usage; 65 bad input data; 66 input missing; 70 a bug of tokenspec.
"""


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        found: click.Command = importlib.import_module(f"tokenspec.oracle.command.{name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The one-line help is kept beside the names, so that --help imports no verb.
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=_Verbs, epilog=_EXITS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("tokenspec"), "--version", prog_name="tokenspec", message="%(prog)s %(version)s")
def tokenspec() -> None:
    """A formally checked, executable specification of a token account.

    \b
    tokenspec check                      every claim, in about half a minute
    tokenspec replay examples/*.jsonl    logs against the specification
    tokenspec replay LOG --policy refund=none --catalogue mine.toml
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and exits."""
    sys.exit(run(lambda: tokenspec.main(arguments, prog_name="tokenspec", standalone_mode=False)))


def run(call: Callable[[], Any]) -> int:
    """The exit code of `call`; whatever it raises becomes a message on standard error, never a traceback."""
    try:
        code = call()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as fault:
        return fault.exit_code
    except click.UsageError as fault:
        fault.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except BadSetting as fault:
        return _say(str(fault), USAGE if fault.key.startswith(("policy", "resets")) else BAD_DATA)
    except BrokenPipeError:
        # Whoever reads our output has seen enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as fault:
        return _say(f"{fault.filename or 'input'}: {(fault.strerror or str(fault)).lower()}", MISSING)
    except Exception as fault:  # the last resort: a bug of ours
        if os.environ.get("TOKENSPEC_DEBUG"):
            raise
        where = f"{type(fault).__name__}: {fault}"
        return _say(f"a bug of tokenspec, please report it ({where}); TOKENSPEC_DEBUG=1 shows where", BUG)


def _say(message: str, code: int) -> int:
    click.echo(f"tokenspec: {message}", err=True)
    return code

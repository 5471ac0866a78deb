"""`tokenspec new`: a small specification of one's own, to begin with."""

from __future__ import annotations

import sys

import click

from tokenspec.oracle.publish.new_specification import write_specification
from tokenspec.oracle.report.exits import HOLDS


@click.command()
@click.argument("name", metavar="NAME")
@click.option("-q", "--quiet", is_flag=True, help="Does not say what to do next.")
def command(name: str, quiet: bool) -> int:
    """Writes a small specification into the new folder NAME: an account with claims, a log and tests that pass.

    NAME is the name of the Python package too. The files are commented as a first lesson; docs/your-own-account.md goes on from
    there.

    \b
    tokenspec new purse && cd purse && tokenspec check
    tokenspec new coffer --quiet
    """
    write_specification(name)
    if not quiet:
        sys.stderr.write(f"written: {name}; cd {name}, read {name}/account.py, and run `tokenspec check` and `pytest`\n")
    return HOLDS

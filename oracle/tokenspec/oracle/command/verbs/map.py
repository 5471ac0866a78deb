"""`tokenspec map`: a first map of a table or a foreign log."""

from __future__ import annotations

import click

from tokenspec.oracle.audit.guess import first_map
from tokenspec.oracle.audit.map_files import map_from, ready_map, ready_maps
from tokenspec.oracle.audit.seen_table import SeenTable
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.options import refuse, settings_options
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.output import output
from tokenspec.oracle.runtime.oracle import Oracle


@click.command()
@click.argument("log", required=False, metavar="[LOG]", type=click.Path())
@click.option("--table", metavar="NAME", help="Which table of a database is looked at.")
@click.option("--query", metavar="SQL", help="What a database is asked instead.")
@click.option("--ready", metavar="NAME", help=f"Writes a ready-made map, to be changed: {', '.join(ready_maps())}.")
@settings_options
@click.option("-o", "--output", "output_file", metavar="FILE", type=click.Path(), help="The map; default: standard output.")
def command(
    log: str | None, table: str | None, query: str | None, ready: str | None, settings: Settings, output_file: str | None
) -> int:
    """Looks at a table or a foreign log, and writes a first map of it, for `--map` of replay, infer and explain.

    LOG is a file of CSV, JSON lines, Parquet, SQLite or DuckDB, or a postgresql:// address. Names, types, signs, and whether
    each balance is the one before plus the row's delta say which column is what. Each line says how sure it is: sure, likely,
    or a guess.

    \b
    tokenspec map ledger.csv -o ledger.toml
    tokenspec map app.db --table credit_entries
    tokenspec map --ready stripe -o stripe.toml
    """
    if (log is None) == (ready is None):
        raise WrongUsage("LOG", "name either the log, or a ready-made map by --ready")
    check_files([log, settings.catalogue_file], {}, output_file)
    if log is None:
        refuse("a ready-made map is written as it is", "table", "query", "policy", "catalogue")
        if ready not in ready_maps():
            raise WrongUsage("--ready", f"there is no map {ready}; there are {', '.join(ready_maps())}")
        text = ready_map(ready)
    else:
        text = first_map(SeenTable(log, table, query), settings.catalogue)
        map_from(text, "the map that was made", Oracle(settings.policy, settings.catalogue).reader)
    with output(output_file or "-") as to:
        to.write(text)
    return 0

"""`tokenspec explore`: the explorer page, with or without a log in it."""

from __future__ import annotations

import sys
from typing import Any

import click

from tokenspec.oracle.base.errors import BadSetting, WentBack, WrongUsage
from tokenspec.oracle.base.text import one_line, path_text
from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.options import settings_options
from tokenspec.oracle.logs.reading import Bad, read
from tokenspec.oracle.publish.explorer import build
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.exits import BAD_DATA, HOLDS
from tokenspec.oracle.report.model import SHOWN_MAX
from tokenspec.oracle.report.output import output
from tokenspec.oracle.report.replay import bad_record_text
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Logs, place_of
from tokenspec.oracle.wire.records import Snapshot, asked


@click.command()
@click.argument("log", required=False, metavar="[LOG]", type=click.Path())
@settings_options
@click.option("-o", "--output", "output_file", metavar="FILE", type=click.Path(), help="The page; - is standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Does not name the written page.")
def command(log: str | None, settings: Settings, output_file: str | None, quiet: bool) -> int:
    """Writes one HTML file in which the declared account runs, to be opened in a browser.

    In it you press events and see why one is refused, what each pool holds, and what falls due when; you step back and
    forth, and try other answers to the open questions. With a LOG (`-` is standard input) it begins at the first record whose
    `observed` is not right. The page needs no network and no server; logs can be opened in it as well.

    \b
    tokenspec explore -o page.html
    tokenspec explore counterexample.jsonl -o page.html
    tokenspec explore wallet.jsonl --policy daily_position=last -o page.html
    """
    if output_file is None:
        raise WrongUsage("-o", "a page is looked at in a browser: name the file, such as page.html; - is standard output")
    check_files([settings.catalogue_file, log], {}, output_file)
    records, bad = ([], []) if log is None else _read(log, Oracle(settings.policy, settings.catalogue))
    for each in bad[:SHOWN_MAX]:
        sys.stderr.write(f"{bad_record_text(each)}\n")
    if log is not None and not records:
        raise BadSetting(path_text(log), "it holds no good record")
    page = build(records, settings.policy, settings.catalogue, one_line(log or ""))
    with output(output_file) as to:
        to.write(page)
    if not quiet and output_file != "-":
        sys.stderr.write(f"written: {one_line(output_file, 200)}\n")
    return BAD_DATA if bad else HOLDS


def _read(log: str, oracle: Oracle) -> tuple[list[dict[str, Any]], list[Bad]]:
    """Returns the good records as written, and the lines that hold none."""
    records, bad = [], []
    for line, record, fault, _ in read(Logs([log]), oracle.reader):
        try:
            if isinstance(record, Snapshot):
                rule = "it begins an account in mid-life, and the page begins every account where it is opened"
                raise BadSetting(place_of(line), f"event: {rule}; `tokenspec explain` takes such a log")
            if record is not None:
                oracle.answer(record)
                written = oracle.reader.as_written(line.content)
                records.append(written if fault is None else asked(written))
        except WentBack as back:
            fault = fault or back
        if fault is not None:
            bad.append(Bad.of(line, fault))
    return records, bad

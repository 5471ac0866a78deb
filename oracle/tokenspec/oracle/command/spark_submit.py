"""`spark-submit` with an audit: tables that Spark reads, against the specification.

python -m tokenspec.oracle.command.spark_submit SOURCE... runs it where Spark is a local one; docs/spark.md has the rest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from msgspec import to_builtins

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.chosen import chosen_by
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.command.main import SPEC_HELP, keep_interruptions, run
from tokenspec.oracle.report.exits import BAD_DATA, DIVERGES, NO_VERDICT, gravest
from tokenspec.oracle.report.model import SHOWN_MAX, Block, Notes, ReportTable, RunReport

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tokenspec.oracle.audit.spark import SparkAudit

NEEDS = "Spark is not installed: the extra `spark` of this project brings it"
_TABLES = ("divergences", "bad_records", "late")
_LINES = "text"
_BLOCK, _NUMBER = "block", "row"


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and exits."""
    keep_interruptions()
    sys.exit(run(lambda: _main(sys.argv[1:] if arguments is None else arguments)))


def _main(arguments: list[str]) -> Any:
    arguments = chosen_by(arguments)
    return _command().main(arguments, prog_name="spark_submit", standalone_mode=False)


def _command() -> click.Command:
    # Not at the top: what they are made from belongs to a specification, which is chosen by an option.
    from tokenspec.oracle.command.options import RESETS_OF_LOGS, output_options, settings_options
    from tokenspec.oracle.report.config import Settings

    @click.command()
    @click.argument("sources", nargs=-1, metavar="SOURCE...", required=True)
    @click.option(
        "--read", metavar="FORMAT", default="parquet", show_default=True, help="How Spark reads them; text: JSON lines."
    )
    @click.option("--map", "map_file", metavar="MAP", type=click.Path(), help="The map from rows to records.")
    @click.option("--order", metavar="COLUMN", multiple=True, help="Orders records at one instant. May be given again.")
    @click.option("--file", "file", metavar="COLUMN", default="file", help="The column of the file that a row came from.")
    @click.option("--line", "line", metavar="COLUMN", default="line", help="The column of its number in that file.")
    @click.option("--buckets", metavar="N", type=click.IntRange(min=1), help="The number of parts that accounts are spread over.")
    @RESETS_OF_LOGS
    @settings_options
    @click.option("--load-state", metavar="TABLE", help="Goes on from the state of an earlier audit, with its settings.")
    @click.option(
        "--earlier", metavar="SOURCE", multiple=True, help="Rows in that state, for accounts with late rows. May be given again."
    )
    @click.option("--earlier-state", metavar="TABLE", help="The state that the earlier rows went on from.")
    @click.option("--save-state", metavar="TABLE", help="Writes the state at the end, as Parquet.")
    @click.option("--out", "tables", metavar="FOLDER", help=f"Writes the tables {', '.join(_TABLES)} there, as Parquet.")
    @click.option("--spec", metavar="MODULE:NAME", expose_value=False, help=SPEC_HELP)
    @output_options("text", "json")
    def command(settings: Settings, resets: str, load_state: str | None, save_state: str | None, out: Any, **given: Any) -> int:
        """Audits tables that Spark reads. Exit codes are those of `tokenspec replay`.

        Tables that it writes take the place of what was there.
        """
        out.check([settings.catalogue_file])
        own: dict[str, Any] = {"policy": settings.named or None, "catalogue": settings.own_catalogue}
        source = click.get_current_context().get_parameter_source("resets")
        own["resets"] = resets if source is not ParameterSource.DEFAULT else None
        if save_state is not None and save_state in (load_state, given["earlier_state"]):
            raise WrongUsage("--save-state", "a table that is read cannot be replaced; give another one")
        with_tables = given.pop("tables")
        try:
            from py4j.protocol import Py4JError
            from pyspark.errors import PySparkException
        except ImportError:
            raise WrongUsage("spark", NEEDS) from None
        try:
            return int(out.write(_audited(own, load_state, save_state, with_tables, **given)))
        except (PySparkException, Py4JError) as fault:
            raise _told(fault) from None

    return command


def _audited(own: dict[str, Any], load_state: str | None, save_state: str | None, tables: str | None, **given: Any) -> RunReport:
    """Returns the report of an audit whose tables have been written."""
    from tokenspec.oracle.audit.spark import audit

    session = _session()
    order, file = tuple(given["order"]), given["file"]
    frame = _read(session, given["sources"], given["read"], file)
    if given["read"] == _LINES and given["map_file"] is None:
        order = order or (_BLOCK, _NUMBER)
    found = audit(
        frame,
        map=given["map_file"],
        state=None if load_state is None else session.read.parquet(load_state),
        earlier=_read(session, given["earlier"], given["read"], file) if given["earlier"] else None,
        earlier_state=None if given["earlier_state"] is None else session.read.parquet(given["earlier_state"]),
        keep_state=save_state is not None,
        order=order,
        file=file,
        line=given["line"],
        buckets=given["buckets"],
        **own,
    )
    try:
        for name in _TABLES if tables is not None else ():
            getattr(found, name).write.mode("overwrite").parquet(f"{tables}/{name}")
        if found.state is not None and save_state is not None:
            found.state.write.mode("overwrite").parquet(save_state)
        return _report(found, _causes(found.divergences) if found.sum.divergences else [])
    finally:
        found.unpersist()


def _session() -> SparkSession:
    # Without it a local Spark takes whichever python3 it finds.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    return SparkSession.builder.appName("tokenspec audit").getOrCreate()


def _read(session: SparkSession, sources: tuple[str, ...], form: str, file: str) -> DataFrame:
    """Returns the sources as one frame; where they are files, each row has the name of its own."""
    from pyspark.sql import functions as F  # noqa: N812

    frame = session.read.format(form).load(list(sources))
    if file not in frame.columns and form in ("parquet", "csv", "json", "orc", _LINES):
        frame = frame.select("*", F.col("_metadata.file_path").alias(file), F.col("_metadata.file_block_start").alias(_BLOCK))
    # Numbers rise within a block of a file, and are no numbers of lines.
    return frame.withColumn(_NUMBER, F.monotonically_increasing_id()) if form == _LINES else frame.drop(_BLOCK)


def _causes(divergences: DataFrame) -> list[dict[str, Any]]:
    """Returns the most frequent causes: the event, what decided, the first field, and the amount where it is the same for all."""
    from pyspark.sql import functions as F  # noqa: N812

    delta = F.when(F.min("delta") == F.max("delta"), F.min("delta")).alias("delta")
    grouped = divergences.groupBy("event", "outcome", "field").agg(
        F.count("*").alias("divergences"), F.count_distinct("account").alias("accounts"), delta
    )
    rows = grouped.orderBy(F.desc("accounts"), "event", "outcome", "field").limit(SHOWN_MAX).collect()
    return [row.asDict() for row in rows]


def _report(found: SparkAudit, causes: list[dict[str, Any]]) -> RunReport:
    total, asks_for_more = found.sum, found.state is not None
    nothing = total.is_misuse_of_ids or not (total.all_compared or asks_for_more)
    codes = [DIVERGES] * bool(total.divergences) + [BAD_DATA] * total.is_bad + [NO_VERDICT] * nothing
    verdict = "diverges" if total.divergences else "no verdict: nothing was compared" if nothing else "conforms"
    wrong = [f"{counted(total.bad, 'bad record was', 'bad records were')} skipped"] * bool(total.bad)
    wrong += [f"{counted(sum(total.unmapped.values()), 'row is', 'rows are')} unmapped"] * bool(total.unmapped)
    return RunReport(
        verb="spark_submit",
        code=gravest(codes),
        verdict=", but ".join([verdict, *([" and ".join(wrong)] if wrong else [])]),
        body=lambda: _body(found, causes),
        data=lambda: {"policy": found.policy, "resets": found.resets, **to_builtins(found.sum), "causes": causes},
    )


def _body(found: SparkAudit, causes: list[dict[str, Any]]) -> Iterator[Block]:
    # Not at the top: it belongs to a specification, which is chosen by an option.
    from tokenspec.oracle.report.replay import counted_text, records_text, rows_text

    total = found.sum
    if causes:
        names = list(causes[0])
        rows = [["" if each[name] is None else one_line(str(each[name])) for name in names] for each in causes]
        yield ReportTable(names, rows, "Divergences by cause")
    read, unmapped = total.rows, sum(total.unmapped.values())
    told = [
        f"{records_text(total)}: {counted(total.divergences, 'divergence')} "
        f"in {counted(total.divergent_accounts, 'account')}, {counted(total.bad, 'bad record')}",
        counted_text(total, total.bad),
        rows_text(read["in_records"], read["ignored"], unmapped, read["bad"], read["read"]),
    ]
    told += [f"{counted(times, 'unmapped row')} of kind {one_line(kind) or '(empty)'}" for kind, times in total.unmapped.items()]
    told += [
        f"unknown field {one_line(name)}, not compared: {counted(times, 'time')}" for name, times in total.unknown_fields.items()
    ]
    yield Notes(told)


def _told(fault: Any) -> Exception:
    """Returns an error of Spark in one line."""
    lines = [line for line in str(fault).splitlines() if line.strip()]
    # An error within Java begins with a line that says no more than that.
    message = next((line for line in lines if not line.startswith("An error occurred while calling")), type(fault).__name__)
    if "[PATH_NOT_FOUND]" in message:
        return FileNotFoundError(2, one_line(message, 300), "SOURCE")
    return BadSetting("spark", one_line(message.removeprefix(": "), 500))


if __name__ == "__main__":
    main()

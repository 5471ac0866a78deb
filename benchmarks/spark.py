"""The audit on Spark, two threads of this machine: time of all its processes for n and 4n records, start-up apart.

The log is that of long_logs.py as Parquet, of JSON lines and of one column for each field. Needs `pip install 'tokenspec[spark]'`
and a Java runtime. Give n.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from long_logs import write

TICKS = os.sysconf("SC_CLK_TCK")
BUCKETS = 4


def used() -> float:
    """Seconds of processor time of this process and all that it has started, those that have ended included."""
    stats: dict[int, tuple[int, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))

    def within(number: int) -> bool:
        while number in stats and number != os.getpid():
            number = stats[number][0]
        return number == os.getpid()

    return sum(ticks for number, (_, ticks) in stats.items() if within(number)) / TICKS


def session() -> Any:
    """Spark on two threads."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "2g", "spark.sql.shuffle.partitions": str(BUCKETS)}
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    found = builder.getOrCreate()
    found.sparkContext.setLogLevel("ERROR")
    return found


def frames(spark: Any, folder: Path, records: int) -> dict[str, Any]:
    """The log in both shapes, on disk."""
    from pyspark.sql import functions as F  # noqa: N812

    log = folder / f"{records}.jsonl"
    write(log, records)
    lines = spark.read.text(str(log)).withColumn("line", F.monotonically_increasing_id())
    lines.write.parquet(f"{log}.lines")
    fields = (
        "account string, at timestamp, event string, id string, plan string, job string, cost bigint, media string, origin string"
    )
    fields += ", observed struct<outcome: string, balances: struct<daily: bigint, fast: bigint>>"
    lines.select("line", F.from_json("value", fields).alias("of")).select("line", "of.*").write.parquet(f"{log}.columns")
    log.unlink()
    return {name: spark.read.parquet(f"{log}.{name}") for name in ("lines", "columns")}


def main(records: int) -> None:
    """Measures."""
    from tokenspec.oracle.audit.spark import audit

    with tempfile.TemporaryDirectory() as made:
        spark = session()
        sizes = {size: frames(spark, Path(made), size) for size in (records, 4 * records)}
        for shape in ("lines", "columns"):
            for keep_state in (False, True):
                spent = []
                # Most of the time of the first run is Java's own compiler.
                audit(sizes[records][shape], keep_state=keep_state).unpersist()
                for size, frame in sizes.items():
                    started, before = time.perf_counter(), used()
                    found = audit(frame[shape], keep_state=keep_state)
                    assert (found.sum.compared + found.sum.repeated["compared"], found.sum.divergences) == (size, 0)
                    found.unpersist()
                    spent.append((time.perf_counter() - started, used() - before))
                seconds, processor = (3 * records / (spent[1][which] - spent[0][which]) for which in (0, 1))
                says = f"{shape:<8} {'with its state' if keep_state else 'without state':<15}"
                print(f"{says} {seconds:>9,.0f}/s, {processor:>9,.0f}/s of processor time", flush=True)
        spark.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))

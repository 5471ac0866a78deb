"""An audit on Spark against `tokenspec replay` on the same rows: the same divergences to the byte, however they are spread."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from command.conftest import tokenspec, within
from processes import PATIENCE_S
from programs import needed, path_of
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.oracle import Oracle
from tokenspec.oracle.audit.on_spark.sums import AuditSum
from tokenspec.oracle.base.errors import BadRecord, BadSetting, WrongUsage
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.text import json_text
from tokenspec.oracle.logs.as_data import bad_data, divergence_data
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.wire.log_files import Line

if not needed:
    pytest.importorskip("pyspark")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("spark")]
START = parse_instant("2026-01-01T00:00:00Z")
ROOT = Path(__file__).parents[2]
FOR_A_SHORT_RUN = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Most of the time of a short run is Java's own compiler."""
LINES = "file string, line bigint, value string"


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Spark on two threads of this machine."""
    path_of("java")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.driver.bindAddress": "127.0.0.1"}
    settings |= {"spark.driver.host": "127.0.0.1", "spark.ui.showConsoleProgress": "false"}
    settings["spark.driver.extraJavaOptions"] = FOR_A_SHORT_RUN
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def log(seed: int, records: int, accounts: int, faults: int = 0, share: float = 0.25) -> list[dict[str, Any]]:
    """Records of many days in the order of time, a `share` of them of one account; some observations are wrong."""
    dice, oracle, at, made = random.Random(seed), Oracle(), START, list[dict[str, Any]]()
    for number in range(records):
        at += DAY_MS // 100
        name = "a0" if number >= 2 * accounts and dice.random() < share else f"a{number % accounts}"
        record: dict[str, Any] = {"account": name, "at": format_instant(at)}
        if number < accounts:
            record["event"] = "open_account"
        elif number < 2 * accounts:
            record |= {"event": "subscribe", "plan": dice.choice(("essential", "premium"))}
        elif dice.random() < 0.5:
            record |= {"event": "generate", "job": f"j{number}", "cost": 8, "media": "image", "origin": "first_party"}
        elif dice.random() < 0.2:
            record |= {"event": "refund", "job": f"j{dice.randrange(number)}", "id": f"e{dice.randrange(number)}"}
        else:
            record["event"] = dice.choice(("daily_reset", "renew", "enable_relaxed"))
        answer = oracle.apply(record)
        record["observed"] = {"outcome": answer.outcome, "balances": dict(answer.balances or {})}
        made.append(record)
    for number in dice.sample(range(2 * accounts, records), faults):
        if made[number]["observed"]["balances"]:
            made[number]["observed"]["balances"]["daily"] += dice.choice((-2, -1, 1))
    return made


def written(path: Path, records: list[dict[str, Any]], *odd: str) -> list[tuple[str, int, str]]:
    """Writes a log; returns its lines with their places."""
    lines = [*(msgspec.json.encode(record).decode() for record in records), *odd]
    path.write_text("".join(f"{line}\n" for line in lines))
    return [(str(path), number, line) for number, line in enumerate(lines, 1)]


def texts(table: Any) -> list[str]:
    return sorted(row.json for row in table.collect())


def listed(items: list[dict[str, Any]]) -> list[str]:
    """The items of a report as Spark has them, which knows no bytes of files."""
    return sorted(json_text({**item, "offset": None}) for item in items)


def test_every_way_to_give_records_finds_what_a_replay_finds(spark: Any, tmp_path: Path) -> None:
    from tokenspec.oracle.audit.spark import audit

    records = log(1, 1_500, 40, faults=30)
    records[700] |= {"later": 1}
    odd = ['{"account":"a3","at":"2026-03-01T00:00:00Z","event":"generate"}', '{"account":"a4","at":"soon","event":"renew"}', "{"]
    lines = written(tmp_path / "log.jsonl", records, *odd)
    told = within("replay", tmp_path / "log.jsonl", "--format", "json").report
    assert len(told["divergences"]) > 15
    frame = spark.createDataFrame(lines, LINES)
    found = audit(frame, buckets=3)
    assert texts(found.divergences) == listed(told["divergences"])
    assert texts(found.bad_records) == listed(told["bad_records"])
    counted = msgspec.to_builtins(found.sum)
    same = ("records", "accounts", "compared", "not_compared")
    assert {name: counted[name] for name in same} == {name: told[name] for name in same}
    assert counted["repeated"].items() <= told["repeated"].items()
    assert (counted["bad"], counted["unknown_fields"], counted["divergences"]) == (3, {"later": 1}, len(told["divergences"]))
    found.unpersist()
    # The same records as columns: the observation as a struct, and as text.
    whole = frame.where(frame.line <= len(records))
    columns = spark.read.json(whole.select("value").rdd.map(lambda row: row.value))
    assert columns.schema["observed"].dataType.simpleString().startswith("struct")
    from pyspark.sql import functions as F  # noqa: N812

    parsed = whole.select("file", "line", F.from_json("value", columns.schema).alias("of")).select("file", "line", "of.*")
    as_text = whole.select("file", "line", F.get_json_object("value", "$.observed").alias("seen"))
    with_text = parsed.drop("observed").join(as_text, ["file", "line"]).withColumnRenamed("seen", "observed")
    for given, buckets in ((parsed.withColumn("at", F.to_timestamp("at")), 1), (with_text, 4)):
        assert texts(audit(given, buckets=buckets).divergences) == listed(told["divergences"])


def test_the_first_divergences_alone_are_explained(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokenspec.oracle.audit import spark as driver
    from tokenspec.oracle.logs import policies_tried

    for module in (driver, policies_tried):
        monkeypatch.setattr(module, "EXPLAINED_MAX", 5)
        monkeypatch.setattr(module, "TIES_MAX", 2)
    lines = written(tmp_path / "log.jsonl", log(6, 600, 12, faults=20))
    told = within("replay", tmp_path / "log.jsonl", "--map", "records", "--format", "json").report
    assert 1 <= sum(divergence["explained"] for divergence in told["divergences"]) <= 5 < len(told["divergences"])
    assert texts(driver.audit(spark.createDataFrame(lines, LINES)).divergences) == listed(told["divergences"])


def test_most_rows_in_one_account_and_the_kernel_change_nothing(spark: Any, tmp_path: Path) -> None:
    from tokenspec.oracle.audit.spark import audit

    lines = written(tmp_path / "log.jsonl", log(2, 30_000, 200, faults=12, share=0.75))
    told = within("replay", tmp_path / "log.jsonl", "--map", "records", "--format", "json").report
    # One of the buckets is large enough for the kernel, the other is not.
    found = audit(spark.createDataFrame(lines, LINES), buckets=2)
    assert texts(found.divergences) == listed(told["divergences"]) != []
    assert found.sum.records == 30_000


def test_the_kernel_judges_a_chunk_as_the_oracle_does() -> None:
    from tokenspec.oracle.audit.on_spark.judging import RowChunk, judged

    records, chunk = log(5, 2_000, 50, faults=9), RowChunk()
    records[900] |= {"later": 1}
    records[901] = {**records[901], "event": "renewed"}
    for number, record in enumerate(records, 1):
        chunk.add(Line("of March" if number % 2 else "of May", number * 7, -1, msgspec.json.encode(record), key=f"id={number}"))
    by_kernel, right = replay_by_kernel(chunk, Oracle(), smallest=0), replay(chunk, Oracle())
    assert by_kernel is not None
    fast = by_kernel[0]
    for of in (
        lambda each: list(map(divergence_data, each.divergences)),
        AuditSum.of,
        lambda each: list(map(bad_data, each.bad)),
    ):
        assert of(fast) == of(right)
    assert fast.unknown_fields == right.unknown_fields
    assert [bad.line.number for bad in fast.bad] == [902 * 7]
    assert len(fast.divergences) > 4
    # A line of which no record could be made.
    chunk.add(Line("of May", 1, -1, b"", fault=BadRecord("cost", "it is a whole number of tokens")))
    assert len(judged(chunk, Oracle(), 0, False).bad) == len(replay(chunk, Oracle()).bad) == 2


def test_a_map_reads_a_table_as_replay_does(spark: Any, tmp_path: Path) -> None:
    from tokenspec.oracle.audit.spark import audit

    rows = [
        (1, "ann", "signup", 150, 150, "2026-01-31 09:00:00", None),
        (2, "ann", "generation", -24, 126, "2026-01-31 09:05:00", "j1"),
        (3, "ann", "generation", -24, 100, "2026-01-31 09:06:00", "j2"),
        (4, "bob", "gift", 5, 5, "2026-01-31 09:06:00", None),
    ]
    map_file, table = tmp_path / "map.toml", tmp_path / "ledger.parquet"
    map_file.write_text(
        '[source]\nformat = "parquet"\n[fields]\naccount = "user"\nat = "created"\njob = "ref"\n'
        'cost = { column = "delta", negate = true }\n[time]\nzone = "UTC"\norder = ["id"]\n[events]\ncolumn = "kind"\n'
        '[events.kinds]\nsignup = "open_account"\ngeneration = "generate"\n[defaults]\nmedia = "image"\norigin = "first_party"\n'
        '[observed]\ntotal = "balance"\ndelta = "delta"\n'
    )
    frame = spark.createDataFrame(rows, "id int, user string, kind string, delta int, balance int, created string, ref string")
    frame.coalesce(1).write.parquet(str(tmp_path / "made"))
    next((tmp_path / "made").glob("*.parquet")).rename(table)
    done = within("replay", table, "--map", map_file, "--format", "json")
    from pyspark.sql import functions as F  # noqa: N812

    found = audit(frame.withColumn("file", F.lit(str(table))).withColumn("line", F.col("id").cast("bigint")), map=str(map_file))
    assert texts(found.divergences) == listed(done.report["divergences"]) != []
    assert found.sum.unmapped == {"gift": 1}
    assert found.sum.is_bad
    without_place = audit(frame, map=str(map_file)).divergences.collect()
    assert [(row.file, row.key) for row in without_place] == [("dataframe", "id=3")]
    lines = [(json.dumps(dict(zip(frame.columns, row, strict=True))),) for row in rows]
    map_file.write_text(map_file.read_text().replace('"parquet"', '"jsonl"'))
    as_lines = audit(spark.createDataFrame(lines, "value string"), map=str(map_file))
    assert [row.key for row in as_lines.divergences.collect()] == ["id=3"]
    map_file.write_text(map_file.read_text().replace('"jsonl"', '"parquet"'))
    with pytest.raises(WrongUsage, match="there is no column user; the frame has id"):
        audit(frame.drop("user"), map=str(map_file))


def test_a_state_goes_on_next_month_and_another_one_is_refused(spark: Any, tmp_path: Path) -> None:
    from tokenspec.oracle.audit.spark import audit

    records, half = log(3, 1_200, 30, faults=10), 600
    second = records[half:]
    late = {"account": "a5", "at": records[100]["at"], "event": "renew", "observed": {"outcome": "refused"}}
    first_lines, lines = written(tmp_path / "1.jsonl", records[:half]), written(tmp_path / "2.jsonl", second)
    found = audit(spark.createDataFrame(first_lines, LINES), keep_state=True, buckets=3)
    assert found.state is not None
    found.state.write.parquet(str(tmp_path / "state"))
    state = spark.read.parquet(str(tmp_path / "state"))
    rest = audit(spark.createDataFrame(lines, LINES), state=state, keep_state=True)
    saved = tmp_path / "state.json"
    within("replay", tmp_path / "1.jsonl", "--save-state", saved)
    told = within("replay", tmp_path / "2.jsonl", "--load-state", saved, "--save-state", saved, "--format", "json").report
    assert texts(rest.divergences) == listed(told["divergences"]) != []
    whole = audit(spark.createDataFrame([*first_lines, *lines], LINES), keep_state=True)
    assert rest.state is not None
    assert whole.state is not None
    ends, at_once = ({row.account: row.state for row in state.collect()} for state in (rest.state, whole.state))
    assert ends == at_once
    kept = json.loads(saved.read_bytes())["accounts"]
    assert kept == {name: json.loads(text) for name, text in ends.items() if name is not None}
    # A row from before the state is told, and its account is not compared any more.
    again = audit(spark.createDataFrame([*lines, ("late", 1, json.dumps(late))], LINES), state=state)
    [row] = again.late.collect()
    assert (row.account, row.file, row.line, row.behind_ms > DAY_MS) == ("a5", "late", 1, True)
    assert again.sum.not_compared["after_time_went_back"] == sum(record["account"] == "a5" for record in second)
    # Beside the rows before the state its account runs again, and all is as if the row had come in time.
    in_time = [*first_lines, *lines, ("late", 1, json.dumps(late))]
    right = audit(spark.createDataFrame(in_time, LINES), keep_state=True)
    earlier = spark.createDataFrame(first_lines, LINES)
    again = audit(spark.createDataFrame(in_time[half:], LINES), state=state, earlier=earlier, keep_state=True)
    assert [(row.account, row.file, row.behind_ms > DAY_MS) for row in again.late.collect()] == [("a5", "late", True)]
    assert (again.sum.bad, again.sum.not_compared["after_time_went_back"]) == (0, 0)
    assert again.sum.records == half + 1 + sum(record["account"] == "a5" for record in records[:half])
    assert again.state is not None
    assert right.state is not None
    assert again.state.exceptAll(right.state).count() == 0
    told_of_a5 = [sorted(row[2:10] for row in each.divergences.where("account = 'a5'").collect()) for each in (again, right)]
    assert told_of_a5[0] == told_of_a5[1]
    middle = audit(spark.createDataFrame(first_lines[:50], LINES), keep_state=True).state
    past = spark.createDataFrame(first_lines[50:], LINES)
    new = spark.createDataFrame(in_time[half:], LINES)
    from_middle = audit(new, state=state, earlier=past, earlier_state=middle, keep_state=True)
    assert from_middle.state is not None
    assert from_middle.state.exceptAll(right.state).count() == 0
    with pytest.raises(WrongUsage, match="give it beside state"):
        audit(earlier, earlier=earlier)
    with pytest.raises(WrongUsage, match="give it beside earlier"):
        audit(earlier, state=state, earlier_state=state)
    frame = spark.createDataFrame(lines, LINES)
    from pyspark.sql import functions as F  # noqa: N812

    other = state.withColumn("state", F.regexp_replace("state", '"digest":"[^"]*"', '"digest":"0"'))
    with pytest.raises(BadSetting, match="saved under another declaration"):
        audit(frame, state=other)
    with pytest.raises(BadSetting, match="rows of it are others, or missing"):
        audit(frame, state=state.where("account is null or account <> 'a7'"))
    with pytest.raises(WrongUsage, match="brings its own settings"):
        audit(frame, state=state, policy={"refund": "none"})


def test_what_is_not_said_is_not_guessed_at(spark: Any) -> None:
    from tokenspec.oracle.audit.spark import audit

    bare = spark.createDataFrame([("a", "2026-01-01T00:00:00Z", "open_account")], "account string, at string, event string")
    with pytest.raises(WrongUsage, match="name the columns that order the rows"):
        audit(bare)
    with pytest.raises(WrongUsage, match="a frame of records has a column event"):
        audit(bare.drop("event"), order=["at"])
    with pytest.raises(WrongUsage, match="a time without a zone"):
        audit(bare.selectExpr("account", "event", "to_timestamp_ntz(at) at"), order=["at"])


def test_submitted_with_another_specification_it_ends_as_a_replay_does(tmp_path: Path) -> None:
    path_of("java")
    log, options = ROOT / "examples/prepaid/logs/rest-became-credit.jsonl", ["--read", "text", "--format", "json"]
    options += ["--buckets", "2", "--out", str(tmp_path / "tables"), "--save-state", str(tmp_path / "state")]
    conf = "--conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=2"
    script, spark = (
        ROOT / "examples/spark/audit.py",
        f"--master local[2] --driver-java-options '{FOR_A_SHORT_RUN}' {conf} pyspark-shell",
    )
    done = subprocess.run(
        [sys.executable, script, log, *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=ROOT / "examples/prepaid",
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": spark},
    )
    assert (done.returncode, "Traceback" in done.stderr) == (15, False), done.stderr
    told, report = json.loads(done.stdout), tokenspec("replay", log, "--format", "json", cwd=ROOT / "examples/prepaid").report
    assert (told["digest"], told["divergences"], told["compared"]) == (
        report["digest"],
        len(report["divergences"]),
        report["compared"],
    )
    assert sum(cause["divergences"] for cause in told["causes"]) == told["divergences"] > 0
    assert sorted(each.name for each in (tmp_path / "tables").iterdir()) == ["bad_records", "divergences", "late"]
    assert list((tmp_path / "state").glob("*.parquet"))

"""One log through every engine: the oracle, the kernel, a Parquet file through a map, parts of its accounts, Spark, a state on
the way.

Each gives its divergences by the number of their records, and the digest of the accounts as they stand at the end. The
specification is that of the process.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from recorded_worlds import Records, walked
from states import kept_by
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.declaration import Shape
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle import Oracle
from tokenspec.oracle.audit.arrow import arrow_rows
from tokenspec.oracle.audit.map_files import fields_of, map_from
from tokenspec.oracle.audit.mapped_logs import MappedLogs
from tokenspec.oracle.audit.parquet_logs import ParquetLogs
from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.fuzz.worlds import FuzzWorld
from tokenspec.oracle.logs.as_data import divergence_data
from tokenspec.oracle.logs.kernel import module
from tokenspec.oracle.logs.kernel.columns import ColumnRows
from tokenspec.oracle.logs.kernel.journal_file import JournalFile
from tokenspec.oracle.logs.kernel.on_the_way import OnTheWay
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.logs.progress import SavedOnTheWay
from tokenspec.oracle.logs.replay import Report, replay
from tokenspec.oracle.report.forms import as_json
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.snapshot import joined, load, load_with_progress, save, state_digest
from tokenspec.oracle.wire.answers import BY_POOL, LISTS, TOTAL, total
from tokenspec.oracle.wire.log_files import Line, Logs
from tokenspec.oracle.wire.observations import NAMES

WIDE_FROM = module.WIDE_FROM
Found = tuple[list[str], str]
"""Divergences, sorted, and the digest of the state."""


def as_cell(value: Any) -> Any:
    """The value as a cell of a table can hold it: a text without blanks around it, and not empty."""
    return re.sub(r"\s", "_", value) or "nothing" if isinstance(value, str) else value


def observed_anew(world: FuzzWorld, records: Records, copies: int, dice: random.Random, remember: int | None = None) -> Records:
    """The records over several accounts, interleaved, with the right answers; some of them are sent again under their ids."""
    oracle, made = Oracle(world.policy, world.catalogue, world.resets, remember=remember), list[dict[str, Any]]()
    # Every other world has views, of which the cells of a row through a map cannot tell.
    no_cell = views_of(oracle) if dice.random() < 0.5 else frozenset[str]()
    kept = [{k: as_cell(v) for k, v in r.items() if k != "observed"} for r in records if r["event"] not in no_cell]
    lives = [[{**r, "account": f"{r['account']}-{n}"} for r in kept] for n in range(copies if kept else 0)]
    while lives:
        life = dice.choice(lives)
        record = life.pop(0)
        if not life:
            lives.remove(life)
        again = dice.random() < 0.1
        for asked in [record, record] if again else [record]:
            answer = oracle.apply({**asked, "observed": {"delta": 0}})
            # A cell cannot say that it observed a null.
            said = {name: value for name, value in answer.as_dict().items() if name not in LISTS and value is not None}
            said |= {} if (sum_ := total(answer)) is None or sum_ > COUNTABLE_MAX else {TOTAL: sum_}
            made.append({**asked, "observed": said})
    return made


def views_of(oracle: Oracle) -> frozenset[str]:
    """The events that say what is shown."""
    return frozenset(e.name for e in oracle.reader.events if any(key.shape is Shape.POOLS for key in e.keys))


def with_faults(records: Records, share: float, dice: random.Random) -> Records:
    """The records, a share of them with another number or word in their observation, or with less of it."""
    made = []
    for record in records:
        observed = json.loads(json.dumps(record["observed"]))
        if dice.random() < share and observed:
            name = dice.choice(list(observed))
            if isinstance(observed[name], dict) and observed[name]:
                pool = dice.choice(list(observed[name]))
                # Away from the largest number that a record may hold.
                observed[name][pool] += 1 if observed[name][pool] < 1_000 else -1
            elif type(observed[name]) is int:
                observed[name] += 1 if observed[name] < 1_000 else -1
            elif name == "outcome":
                observed[name] = "refused"
            else:
                del observed[name]
        made.append({**record, "observed": observed})
    return made


def told(report: Report, number_of: Callable[[Line], int]) -> list[str]:
    """The divergences of a report as text, with the number of their records in place of those of their lines."""
    return [as_told(number_of(divergence.line), divergence_data(divergence)) for divergence in report.divergences]


def as_told(number: int, data: Mapping[str, Any]) -> str:
    """A divergence as text, with the number of its record in place of that of its line."""
    return json.dumps([number, {name: value for name, value in data.items() if name not in ("file", "line", "offset", "key")}])


def written(path: Path, records: Iterable[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return str(path)


def flat(record: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """The record as the cells of a row."""
    cells: dict[str, Any] = {}
    for name, value in record.items():
        cells |= flat(value, f"{within}{name}.") if isinstance(value, dict) else {within + name: value}
    return cells


def _raised(fault: OSError) -> None:
    raise fault


class Engines:
    """The engines over the records of one world."""

    def __init__(self, world: FuzzWorld, records: Records, folder: Path, dice: random.Random, remember: int | None) -> None:
        self.world, self.records, self.folder, self.dice, self.remember = world, records, folder, dice, remember

    def oracle(self) -> Oracle:
        return Oracle(self.world.policy, self.world.catalogue, self.world.resets, remember=self.remember)

    def by_the_oracle(self) -> Found:
        oracle, logs = self.oracle(), Logs([written(self.folder / "log.jsonl", self.records)])
        return sorted(told(replay(logs, oracle), lambda line: line.number)), state_digest(oracle.accounts)

    def by_the_kernel(self) -> Found:
        oracle, logs = self.oracle(), Logs([written(self.folder / "log.jsonl", self.records)])
        fast = replay_by_kernel(logs, oracle, smallest=0, keeps_state=True)
        assert fast is not None, "the kernel covers these"
        return sorted(told(fast[0], lambda line: line.number)), state_digest(oracle.accounts)

    def from_parquet(self) -> Found:
        """One row for each record, of all that a cell can hold; rows in any order."""
        import duckdb

        oracle = self.oracle()
        if not views_of(oracle).isdisjoint(record["event"] for record in self.records):
            return self.by_the_oracle()
        fields = {name for of in fields_of(oracle.reader.events).values() for name in of}
        pools = [f"{name}.{pool}" for name in BY_POOL for pool in POOLS]
        observed = [name for name in NAMES if name not in (*BY_POOL, *LISTS)] + pools
        rows: list[dict[str, Any]] = []
        for number, record in enumerate(self.records, 1):
            row = {"n": number, **{name: record.get(name) for name in ("account", "at", "event", "id", *sorted(fields))}}
            for name in observed:
                of, dot, pool = name.partition(".")
                value = (record["observed"].get(of) or {}).get(pool) if dot else record["observed"].get(name)
                row[f"observed {name}"] = str(value).lower() if isinstance(value, bool) else value
            rows.append(row)
        self.dice.shuffle(rows)
        path, table = self.folder / "rows.parquet", written(self.folder / "rows.jsonl", rows)
        numbers = {name for row in rows for name, value in row.items() if type(value) is int}
        kinds = {name: "BIGINT" if name in numbers else "VARCHAR" for name in rows[0]}
        read = f"read_json('{table}', format='newline_delimited', columns={kinds})"
        duckdb.execute(f"COPY (FROM {read}) TO '{path}' (FORMAT parquet)")
        named = {name: name for name in ("account", "at", "id", *sorted(fields))}
        text = '[source]\nformat = "parquet"\n[time]\norder = ["n"]\n[fields]\n'
        text += "".join(f"{json.dumps(name)} = {json.dumps(column)}\n" for name, column in named.items())
        text += '[events]\ncolumn = "event"\n[events.kinds]\n' + "".join(
            f"{e.name} = {json.dumps(e.name)}\n" for e in oracle.reader.events
        )
        text += "[observed]\n" + "".join(f'"{name}" = "observed {name}"\n' for name in observed)
        logs = MappedLogs(map_from(text, "map", oracle.reader), [str(path)], oracle.reader)
        if self.dice.random() < 0.7:
            fast = replay_by_kernel(logs, oracle, smallest=0, keeps_state=True)
            assert fast is not None, "the kernel covers these"
            found = fast[0]
        else:
            found = replay(logs, oracle)
        places: list[int] = [row["n"] for row in rows]
        assert not found.bad, found.bad[0]
        return sorted(told(found, lambda line: places[line.number - 1])), state_digest(oracle.accounts)

    def by_columns(self) -> Found:
        """Arrow, in batches of some rows; every other time from a Parquet file of row groups of so many."""
        import pyarrow
        from pyarrow.parquet import write_table

        oracle = self.oracle()
        rows = [flat(record) for record in self.records]
        names = dict.fromkeys(name for row in rows for name in row)
        table, size = pyarrow.table({name: [row.get(name) for row in rows] for name in names}), self.dice.randint(1, len(rows))
        module.WIDE_FROM = random.Random(len(rows)).choice((0, WIDE_FROM))
        lines: ColumnRows = arrow_rows("rows", lambda: table.to_batches(max_chunksize=size), len(rows))
        if len(rows) % 2:
            path = self.folder / "columns.parquet"
            write_table(table, path, row_group_size=size)
            lines = ParquetLogs([str(path)], ["rows"])
        fast = replay_by_kernel(lines, oracle, smallest=0, keeps_state=True)
        module.WIDE_FROM = WIDE_FROM
        assert fast is not None, "the kernel covers these"
        assert fast[0].records == len(rows)
        return sorted(told(fast[0], lambda line: line.number)), state_digest(oracle.accounts)

    def in_parts(self, parts: int) -> Found:
        """Each account in one of the parts, some of them judged by the kernel."""
        homes = {account: self.dice.randrange(parts) for account in sorted({record["account"] for record in self.records})}
        found, digests = list[str](), list[str]()
        for part in range(parts):
            numbers = [n for n, record in enumerate(self.records, 1) if homes[record["account"]] == part]
            path = written(self.folder / f"part-{part}.jsonl", (self.records[n - 1] for n in numbers))
            oracle, logs = self.oracle(), Logs([path])
            fast = replay_by_kernel(logs, oracle, smallest=0, keeps_state=True) if part % 2 else None
            report = fast[0] if fast is not None else replay(logs, oracle)
            found += told(report, lambda line, numbers=numbers: numbers[line.number - 1])  # type: ignore[misc]
            digests.append(state_digest(oracle.accounts))
        return sorted(found), joined(digests)

    def on_spark(self, spark: Any) -> Found:
        """Lines in any order, in some buckets; from a state without accounts, so that nothing is tried under other settings."""
        from tokenspec.oracle.audit.on_spark.states import state_of
        from tokenspec.oracle.audit.spark import audit

        rows = [("log", number, json.dumps(record)) for number, record in enumerate(self.records, 1)]
        # Dice of its own: where there is no Spark, the other engines meet the same worlds.
        random.Random(len(rows)).shuffle(rows)
        frame = spark.createDataFrame(rows, "file string, line bigint, value string")
        state = state_of(spark.createDataFrame([], "account string, json string"), self.oracle())
        found = audit(frame, state=state, keep_state=True, buckets=3)
        assert found.state is not None
        divergences = [json.loads(row.json) for row in found.divergences.collect()]
        states = {row.account: row.state for row in found.state.collect() if row.account is not None}
        found.unpersist()
        accounts = {name: msgspec.json.decode(state, type=Account) for name, state in states.items()}
        return sorted(as_told(data["line"], data) for data in divergences), state_digest(accounts)

    def going_on(self) -> Found:
        """Killed behind some lines, and gone on from the state that was saved there."""
        path, states, oracle = written(self.folder / "log.jsonl", self.records), list[bytes](), self.oracle()
        logs = Logs([path])
        run = SavedOnTheWay(logs.names, None, oracle, True)
        run.lines, run.every, run.keep = logs, self.dice.randint(1, len(self.records)), kept_by(states.append)
        replay(run, oracle, progress=run.progress)
        if states:
            oracle, kept = load_with_progress(self.dice.choice(states))
            run = SavedOnTheWay(logs.names, None, oracle, True)
            assert kept is not None
            run.go_on_from(kept, "state")
            run.lines = logs
        report = replay(run, oracle, progress=run.progress) if states else run.progress.report
        return sorted(told(report, lambda line: line.number)), state_digest(oracle.accounts)

    def killed(self) -> Found:
        """By the kernel, killed behind some lines, in any of its passes, and gone on from the state that was saved there."""
        path, states, oracle = written(self.folder / "log.jsonl", self.records), list[bytes](), self.oracle()
        logs, state, dice = Logs([path]), self.folder / "state.json", random.Random(len(self.records))
        run = SavedOnTheWay(logs.names, None, oracle, True)
        run.every, run.keep = dice.randint(1, max(len(self.records) // 3, 1)), kept_by(states.append)
        module.WIDE_FROM = dice.choice((0, WIDE_FROM))
        way = OnTheWay.of(run, oracle, JournalFile(str(state), _raised))
        whole = replay_by_kernel(logs, oracle, smallest=0, keeps_state=True, way=way)
        assert whole is not None, "the kernel covers these"
        assert states, "some state is kept on the way"
        killed = dice.choice(states)
        state.write_bytes(killed)
        oracle, kept = load_with_progress(killed)
        run = SavedOnTheWay(logs.names, None, oracle, True)
        assert kept is not None
        run.go_on_from(kept, str(state))
        run.every, run.keep = 1_000, kept_by(states.append)
        way = OnTheWay.of(run, oracle, JournalFile(str(state), _raised))
        rest = replay_by_kernel(logs, oracle, smallest=0, keeps_state=True, way=way)
        assert rest is not None, "the kernel goes on"
        module.WIDE_FROM = WIDE_FROM
        reports = [as_json(replay_report(found, oracle, logs.names).data()) for found, _ in (whole, rest)]
        assert reports[0] == reports[1]
        return sorted(told(rest[0], lambda line: line.number)), state_digest(oracle.accounts)

    def day_by_day(self, by_kernel: Sequence[bool]) -> str:
        """The state behind some logs, one after the other, each of which goes on from the state of the one before."""
        state, cuts = save(self.oracle()), sorted(self.dice.randint(0, len(self.records)) for _ in by_kernel[1:])
        for number, (first, end) in enumerate(zip([0, *cuts], [*cuts, len(self.records)], strict=True)):
            oracle = load(state)
            logs = Logs([written(self.folder / f"day-{number}.jsonl", self.records[first:end])])
            if by_kernel[number]:
                assert replay_by_kernel(logs, oracle, smallest=0, keeps_state=True) is not None
            else:
                replay(logs, oracle)
            state = save(oracle)
        return state_digest(load(state).accounts)


def spark_here() -> Any:
    """Spark on two threads of this machine."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.sql.shuffle.partitions", "2")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    # Most of the time of a short run is Java's own compiler.
    session = builder.config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def compare(seed: int, worlds: int, steps: int, folder: Path, on_spark: int) -> dict[str, int]:
    """Compares all engines over random worlds, Spark over so many of them; returns how much there was to compare."""
    spark = spark_here() if on_spark else None
    dice, count = random.Random(seed), {"records": 0, "divergences": 0, "repeats": 0, "on_spark": 0}
    for world, kept in walked(worlds, steps, seed):
        of_time = random.Random(len(kept))
        remember = of_time.choice((None, DAY_MS // 24, 3 * DAY_MS, 40 * DAY_MS))
        observed = observed_anew(world, kept, 4, dice, of_time.choice((None, remember)))
        records = with_faults(observed, dice.choice((0.0, 0.02, 0.1)), dice)
        engines = Engines(world, records, folder, dice, remember)
        right = engines.by_the_oracle()
        for other in (
            engines.by_the_kernel(),
            engines.by_columns(),
            engines.from_parquet(),
            engines.in_parts(3),
            engines.going_on(),
            engines.killed(),
        ):
            assert other == right
        if spark is not None and right[0] and count["on_spark"] < on_spark:
            assert engines.on_spark(spark) == right
            count["on_spark"] += 1
        count["records"] += len(records)
        count["divergences"] += len(right[0])
        count["repeats"] += sum(record["observed"].get("duplicate") is True for record in records)
        dice_before = dice.getstate()
        days = engines.day_by_day([False, False, False])
        dice.setstate(dice_before)
        assert engines.day_by_day([True, False, True]) == days
    return count


if __name__ == "__main__":
    print(json.dumps(compare(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))))

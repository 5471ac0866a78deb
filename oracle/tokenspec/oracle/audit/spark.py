"""An audit of a DataFrame of Spark: the replay of `tokenspec replay --map`, on as many machines as there are.

    from tokenspec.oracle.audit.spark import audit

    found = audit(spark.read.parquet("ledger"), map="ledger.toml", file="source", line="row")
    found.divergences.write.parquet("divergences")

Accounts are spread over buckets by a hash of their names, and the rows of a bucket are sorted by account, instant and order on
disk. A worker reads them from the first to the last and holds a few megabytes of them, and the state of some accounts, at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

from tokenspec.oracle.audit.map_files import map_at, records_map
from tokenspec.oracle.audit.map_model import LedgerMap
from tokenspec.oracle.audit.on_spark.frames import rows_in, snapshots_in
from tokenspec.oracle.audit.on_spark.states import SavedStates, run_again, state_of, states_in
from tokenspec.oracle.audit.on_spark.steps import WorkerSettings, WorkerStep
from tokenspec.oracle.audit.on_spark.sums import AuditSum
from tokenspec.oracle.audit.on_spark.tables import BAD, DIVERGENCE, FAULT, FOUND, LATE, STATE, SUM, ddl
from tokenspec.oracle.base.chosen import chosen
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.provenance import declaration
from tokenspec.oracle.base.specification import AnyCatalogue
from tokenspec.oracle.logs.policies_tried import EXPLAINED_MAX, TIES_MAX
from tokenspec.oracle.runtime.oracle import Oracle

_PLACE = "account string, file string, line bigint, key string"
_DIVERGENCE = (
    "event string, at string, outcome string, field string, expected string, got string, delta bigint, clauses array<string>"
)
_BAD = "field string, rule string, value string"
_LATE = "behind_ms bigint"


@dataclass(frozen=True)
class SparkAudit:
    """The findings of an audit. The tables are kept on the workers' disks until `unpersist`."""

    sum: AuditSum
    divergences: DataFrame
    """A row for each divergence. `json` is its item of the list `divergences` of `tokenspec replay --format json`."""
    bad_records: DataFrame
    """A row for each bad record; `json` is its item of `bad_records`."""
    late: DataFrame
    """A row for each row that is older than the loaded state of its account: one that ran again with its earlier rows, or whose
    rest was not compared."""
    state: DataFrame | None
    """The accounts at the end, and what they were saved under; None where it was not asked for."""
    policy: dict[str, str]
    resets: str
    found: DataFrame
    """All of the above in one table, as it is kept."""

    def unpersist(self) -> None:
        """Gives the disks of the workers back."""
        self.found.unpersist()


def audit(
    dataframe: DataFrame,
    *,
    map: str | LedgerMap | None = None,
    policy: Mapping[str, str] | None = None,
    catalogue: AnyCatalogue | Mapping[str, Any] | None = None,
    resets: str | None = None,
    state: DataFrame | None = None,
    earlier: DataFrame | None = None,
    earlier_state: DataFrame | None = None,
    keep_state: bool = False,
    order: Sequence[str] = (),
    file: str = "file",
    line: str = "line",
    buckets: int | None = None,
) -> SparkAudit:
    """Returns what a replay of the rows finds; the computation has then taken place.

    Without `map` the frame holds records: a column for each of their fields, `observed` as a struct or as JSON text, or one
    column `value` of JSON lines. `order` names the columns that order records at one instant, before `file` and `line`, the
    columns that say where a row came from; a map has an order of its own. `state` is that of an earlier audit, which brings its
    settings. `earlier` are rows that are in that state already, in the form of the frame, and `earlier_state` is the state that
    they went on from: accounts with rows that are older than `state` run again from there, all their rows in order.
    Raises `BadSetting`, `WrongUsage`, `OSError`.
    """
    given = {"policy": policy, "catalogue": catalogue, "resets": resets}
    loaded: SavedStates | None = None
    if state is not None:
        if named := [name for name, value in given.items() if value is not None]:
            raise WrongUsage(named[0], "a saved state brings its own settings; leave it out beside state")
        loaded = states_in(state)
        policy, catalogue, resets = loaded.policy, loaded.catalogue, loaded.resets
    elif earlier is not None:
        raise WrongUsage("earlier", "it holds the rows that a state knows already; give it beside state")
    if earlier is None and earlier_state is not None:
        raise WrongUsage("earlier_state", "the earlier rows went on from it; give it beside earlier")
    oracle = Oracle(policy, catalogue, resets or "explicit")
    ledger_map = map_at(map, oracle.reader) if isinstance(map, str) else map or records_map("records")
    choice = chosen()
    written = dict(oracle.catalogue.written())
    settings = WorkerSettings(
        choice.name, str(choice.folder), declaration(), oracle.policy, written, oracle.resets, ledger_map, keep_state
    )
    rows = rows_in(dataframe, settings, tuple(order), file, line, is_mapped=map is not None)
    states, late = loaded.accounts if loaded is not None else None, None
    if loaded is not None and earlier is not None:
        before = states_in(earlier_state, "earlier_state") if earlier_state is not None else None
        past = rows_in(earlier, settings, tuple(order), file, line, is_mapped=map is not None)
        rows, states, late = run_again(rows, loaded, past, before)
    given_first = [snapshots_in(dataframe, ledger_map), states]
    for first in given_first:
        rows = rows if first is None else rows.unionByName(first, allowMissingColumns=True)
    judged = _judged(rows, settings, buckets)
    judged = (judged if late is None else judged.unionByName(late)).persist(StorageLevel.DISK_ONLY)
    whole = AuditSum.together(msgspec.json.decode(text, type=AuditSum) for text in _texts(judged, SUM))
    divergences = judged.where(judged.kind == DIVERGENCE)
    if whole.divergences and loaded is None:
        divergences = _explained(divergences, rows, settings, buckets)
    return SparkAudit(
        whole,
        _typed(divergences, _DIVERGENCE),
        _typed(judged.where(judged.kind == BAD), _BAD),
        _typed(judged.where(judged.kind == LATE), _LATE),
        state_of(judged.where(judged.kind == STATE), oracle) if keep_state else None,
        oracle.policy,
        oracle.resets,
        judged,
    )


def _judged(rows: DataFrame, settings: WorkerSettings, buckets: int | None) -> DataFrame:
    """Returns what is found in the rows, bucket by bucket. Raises `BadSetting` where a step could not be taken."""
    ordered = [name for name in rows.columns if name.startswith("o")]
    keys = [F.col("account").asc_nulls_last(), F.col("kind").desc()]
    keys += [F.col(name).asc_nulls_last() for name in ("at_us", *ordered, "file", "n")]
    number = buckets or int(str(rows.sparkSession.conf.get("spark.sql.shuffle.partitions")))
    step = WorkerStep("tokenspec.oracle.audit.on_spark.judging:PartitionJudge", settings, FOUND)
    return rows.repartition(number, "account").sortWithinPartitions(*keys).mapInArrow(lambda batches: step(batches), ddl(FOUND))


def _texts(found: DataFrame, kind: str) -> list[str]:
    """Returns what was found of a kind. Raises `BadSetting` for the first fault that was found."""
    rows = found.where(found.kind.isin(kind, FAULT)).select("kind", "json").collect()
    try:
        _demand(row.json for row in rows if row.kind == FAULT)
    except BadSetting:
        found.unpersist()
        raise
    return [row.json for row in rows]


def _demand(faults: Iterable[str]) -> None:
    """Raises `BadSetting` for the first of the faults that a step could not be taken for."""
    for fault in sorted(faults)[:1]:
        key, _, rule = fault.partition(": ")
        raise BadSetting(key, rule)


def _explained(divergences: DataFrame, rows: DataFrame, settings: WorkerSettings, buckets: int | None) -> DataFrame:
    """Returns the divergences, the first of them with what explains them, as a replay does; their accounts run once more."""
    first = divergences.select("account", "ordinal").orderBy("account", "ordinal").limit(EXPLAINED_MAX).collect()
    explains, ties = Counter(row.account for row in first), Counter(row.account for row in first[:TIES_MAX])
    wanted = {account: (number, ties[account]) for account, number in explains.items()}
    session = rows.sparkSession
    accounts = session.createDataFrame([(account,) for account in wanted], "account string")
    found = _judged(rows.join(accounts, "account", "left_semi"), replace(settings, explained=wanted), buckets).collect()
    _demand(row.json for row in found if row.kind == FAULT)
    explained = session.createDataFrame(found, divergences.schema)
    if len(first) < EXPLAINED_MAX:
        return explained
    return explained.unionByName(divergences.join(explained.select("account", "ordinal"), ["account", "ordinal"], "left_anti"))


def _typed(found: DataFrame, fields: str) -> DataFrame:
    """Returns the place of each row, its fields, and its JSON."""
    place = [name.split()[0] for name in _PLACE.split(", ")]
    return found.select(*place, F.from_json("json", fields).alias("of"), "json").select(*place, "of.*", "json")

"""The state of an audit as a table: a row for each account, and one without an account that says what they were saved under.

An account with rows that are older than its loaded state runs again from an earlier state, with its earlier rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

from tokenspec.machine.lang.digest import digest
from tokenspec.oracle.audit.on_spark.tables import LATE, STATE
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.specification import system
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import VERSION
from tokenspec.oracle.wire.settings import catalogue_from

_NAME = "state"
_COLUMNS = {"account", "state"}


class _StateHead(msgspec.Struct):
    version: int
    digest: str
    policy: dict[str, str]
    catalogue: dict[str, Any]
    resets: str
    accounts: int = 0
    checksum: int = 0
    """All rows of accounts, hashed and put together by exclusive or, since their order is not kept."""


@dataclass(frozen=True)
class SavedStates:
    """The accounts of a loaded state, and its settings."""

    policy: dict[str, str]
    catalogue: dict[str, Any]
    resets: str
    accounts: DataFrame


def states_in(table: DataFrame, name: str = _NAME) -> SavedStates:
    """Returns a state that an audit left, given as `name`.

    Raises `BadSetting` where it is of another declaration, or not as it was saved.
    """
    if set(table.columns) != _COLUMNS:
        raise BadSetting(name, f"it is not a saved state: its columns are {', '.join(table.columns)}, not account and state")
    heads = table.where(F.col("account").isNull()).limit(2).collect()
    if len(heads) != 1:
        raise BadSetting(name, "it is not a saved state: one row has no account, and says what the others were saved under")
    try:
        head = msgspec.json.decode(heads[0].state or "", type=_StateHead)
    except msgspec.DecodeError as fault:
        raise BadSetting(name, f"it is not a saved state: {fault}") from None
    if head.version != VERSION:
        raise BadSetting(name, f"it has version {head.version}, and this program reads version {VERSION}")
    if head.digest != digest(system(catalogue_from(head.catalogue))):
        raise BadSetting(name, "it was saved under another declaration of the account; audit from the start")
    accounts = table.where(F.col("account").isNotNull())
    found = accounts.agg(*_counted()).collect()[0]
    if (found.accounts, found.checksum) != (head.accounts, head.checksum):
        raise BadSetting(name, "it is not as it was saved: rows of it are others, or missing; audit from the start")
    rows = accounts.select(F.lit(STATE).alias("kind"), F.col("state").alias("json"), "account")
    return SavedStates(head.policy, head.catalogue, head.resets, rows)


def state_of(found: DataFrame, oracle: Oracle) -> DataFrame:
    """Returns the state table of accounts that an audit under the settings of `oracle` left."""
    accounts = found.select("account", F.col("json").alias("state"))
    catalogue = dict(oracle.catalogue.written())
    head = _StateHead(VERSION, digest(system(oracle.catalogue)), oracle.policy, catalogue, oracle.resets)
    # The last two fields are known when the accounts are.
    begun = msgspec.json.encode(head).decode().removesuffix('"accounts":0,"checksum":0}')
    counted = accounts.agg(*_counted())
    text = F.format_string("%s%s%d%s%d}", F.lit(begun), F.lit('"accounts":'), "accounts", F.lit(',"checksum":'), "checksum")
    return accounts.unionByName(counted.select(F.lit(None).cast("string").alias("account"), text.alias("state")))


def _counted() -> list[Any]:
    checksum = F.coalesce(F.bit_xor(F.xxhash64("account", "state")), F.lit(0))
    return [F.count("account").alias("accounts"), checksum.alias("checksum")]


def run_again(
    rows: DataFrame, loaded: SavedStates, earlier: DataFrame, before: SavedStates | None
) -> tuple[DataFrame, DataFrame, DataFrame]:
    """Returns the rows to judge, the states to go on from, and the late rows as they are told.

    Accounts with late rows get their `earlier` rows, and the state `before` those; without one they run from their first row.
    A row that is older than that state too is not among the late ones: no engine can put it in its place. Raises `BadSetting`
    for two states under different settings.
    """
    states = loaded.accounts
    if before is not None and (before.policy, before.catalogue, before.resets) != (
        loaded.policy,
        loaded.catalogue,
        loaded.resets,
    ):
        raise BadSetting("earlier_state", "it was saved under other settings than state; give the one that state went on from")
    late = rows.join(_last_of(states, "last_at"), "account").where("at_us < last_at * 1000")
    if before is not None:
        late = late.join(_last_of(before.accounts, "began_at"), "account", "left")
        late = late.where("began_at is null or at_us >= began_at * 1000")
    late = late.withColumn("behind_ms", F.expr("last_at - floor(at_us / 1000)"))
    told = F.to_json(F.struct("file", F.col("n").alias("line"), "account", "behind_ms"))
    found = late.select(
        F.lit(LATE).alias("kind"),
        "account",
        F.lit(None).cast("bigint").alias("ordinal"),
        "file",
        F.col("n").alias("line"),
        "key",
        told.alias("json"),
    )
    accounts = late.select("account").distinct()
    again = earlier.join(accounts, "account", "left_semi")
    states = states.join(accounts, "account", "left_anti")
    if before is not None:
        states = states.unionByName(before.accounts.join(accounts, "account", "left_semi"))
    return rows.unionByName(again, allowMissingColumns=True), states, found


def _last_of(states: DataFrame, name: str) -> DataFrame:
    """Returns the last instant of each account, as the column `name`."""
    return states.select("account", F.get_json_object("json", "$.last_at").cast("bigint").alias(name))

"""A map: how the rows of a table become records. It is data, read from TOML, and checked as a whole before any row is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

RECORDS = "records"
"""The format of logs of records, whose lines are only sorted."""
FORMATS = ("csv", "parquet", "jsonl", "sqlite", "postgres", "duckdb", RECORDS)
TABLES = ("sqlite", "postgres", "duckdb")
"""The formats whose rows have no number of their own, and are identified by a key."""
COPIED = ("sqlite", "postgres")
"""The formats whose rows are copied into CSV first."""
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""The microseconds in each unit of numeric instants."""


@dataclass(frozen=True)
class MapCell:
    """The origin of a value: columns, joined by a slash where there are several, a constant, or the row's own place."""

    columns: tuple[str, ...] = ()
    constant: Any = None
    is_row: bool = False
    less: str | None = None
    """A second column, whose number is taken from that of the first: money out, where money in has a column of its own."""
    negate: bool = False
    divide: int = 1
    values: Mapping[str, Any] | None = None
    """The value for each text in the columns; any other text is bad."""

    @property
    def read(self) -> tuple[str, ...]:
        """Returns every column that it reads."""
        return self.columns if self.less is None else (*self.columns, self.less)


@dataclass(frozen=True)
class Source:
    """The source of rows, and its reading options."""

    format: str
    glob: str | None = None
    query: str | None = None
    table: str | None = None
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    """The names of the columns, where the file has no line of headings."""
    key: str | None = None
    """The column that identifies a row of a database in messages."""


@dataclass(frozen=True)
class MapTime:
    """The form of instants, and the order of an account's rows at one instant."""

    zone: str = "UTC"
    unit: str | None = None
    format: str | None = None
    """The form of texts, as in `strptime`; None where they are as in ISO 8601."""
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowEvent:
    """The event of a kind of row, with the kind's own cells for its fields and its observation."""

    event: str
    fields: Mapping[str, MapCell] = field(default_factory=dict)
    observed: Mapping[str, MapCell] = field(default_factory=dict)


@dataclass(frozen=True)
class RowGroup:
    """Rows of one account at one instant that are one event: one of each of `kinds`, and of `optional` where present."""

    kinds: tuple[str, ...]
    optional: tuple[str, ...]
    becomes: RowEvent


@dataclass(frozen=True)
class Opening:
    """The state of accounts that begin before the log does."""

    source: str
    """`first_balance`: an account's first total less its first delta; `empty`; or the file of snapshots."""
    pool: str = ""
    state: Mapping[str, MapCell] = field(default_factory=dict)

    @property
    def is_in_a_file(self) -> bool:
        """True where a file of snapshots gives the state; `empty` accounts hold nothing, and are otherwise as just opened."""
        return self.source not in ("first_balance", "empty")


@dataclass(frozen=True)
class LedgerMap:
    """A whole map. `fields` and `defaults` hold for every event that has a field of that name."""

    name: str
    source: Source
    account: MapCell
    at: MapCell
    time: MapTime
    fields: Mapping[str, MapCell]
    defaults: Mapping[str, MapCell]
    kind: tuple[str, ...]
    """The columns whose texts, joined by a slash, are a row's kind; empty where every row is of one event."""
    ignore: frozenset[str]
    kinds: Mapping[str, RowEvent]
    groups: tuple[RowGroup, ...]
    observed: Mapping[str, MapCell]
    opening: Opening | None

    @property
    def snapshots(self) -> str | None:
        """Returns the path of the file of snapshots, relative to the map's folder; None where there is none."""
        if self.opening is None or not self.opening.is_in_a_file:
            return None
        return str(Path(self.name).parent / self.opening.source)

    def cells(self) -> Iterator[tuple[str, MapCell]]:
        """Yields every cell, with its key in the map."""
        yield "fields.account", self.account
        yield "fields.at", self.at
        yield "events.column", MapCell(self.kind)
        for table, cells in (("fields", self.fields), ("defaults", self.defaults), ("observed", self.observed)):
            yield from ((f"{table}.{name}", cell) for name, cell in cells.items())
        own = [(f"events.kinds.{kind}", becomes) for kind, becomes in self.kinds.items()]
        own += [(f"groups[{number}]", group.becomes) for number, group in enumerate(self.groups, 1)]
        for key, becomes in own:
            yield from ((f"{key}.{name}", cell) for name, cell in becomes.fields.items())
            yield from ((f"{key}.observed.{name}", cell) for name, cell in becomes.observed.items())
        if self.opening is not None:
            yield from ((f"opening.{name}", cell) for name, cell in self.opening.state.items())


class MapWords(NamedTuple):
    """The words by which the rows of an account's ledger are recognised; a specification may bring its own."""

    events: tuple[tuple[str, str], ...]
    """By event, the words in the name of a kind that suggest it; the first match counts."""
    usual: str
    """The event where nothing says of which kind a row is."""
    amount: str
    """The field of a record that holds the tokens which are spent."""
    tables: Mapping[str, str] = {}
    """By field, the table of the catalogue whose names a column of it holds."""
    grouped: str = "(?!)"
    """The words of rows that go along with one of the event `grouped_with`, at one instant."""
    grouped_with: str = ""
    sold: tuple[str, str, str, str] | None = None
    """The event of a purchase, its field with a name, the table of sizes by name, and its field with their number."""
    defaults: Mapping[str, str] = {}
    """Fields that ledgers do not have, with a usual value."""

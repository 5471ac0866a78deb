"""The columns of a source as DuckDB expressions: texts, and instants in UTC microseconds."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokenspec.oracle.audit.map_model import COPIED, RECORDS, UNITS, MapTime, Source
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.wire.observations import MILLISECONDS_MIN

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LINES = "header = false, auto_detect = false, all_varchar = true, delim = '\x01', quote = '', escape = ''"
_REJECTS = "ignore_errors = true, store_rejects = true"
_LOCAL = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}[ T]+([01]?\d|2[0-3]):\d{1,2}(:\d{1,2}(\.\d*)?)?"
_WITHOUT_OFFSET = f"{_LOCAL}$"
_WITH_OFFSET = rf"{_LOCAL}( ?UTC|Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)$"
_NUMBER = r"^\s*[+-]?\d+(\.\d+)?\s*$"
_TEXT, LINE = "VARCHAR", "line"
ROW_N = "tokenspec_row"
"""The column of the number of a row, which no table has of its own."""
OFFSET = "%z"
"""The part of a form of instants that says how far their clocks are from UTC."""


def quoted(name: str) -> str:
    """Returns a name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def text_of(text: str) -> str:
    """Returns a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def asked_of(source: Source) -> str:
    """Returns the query for a database, without its semicolon."""
    table = ".".join(quoted(part) for part in (source.table or "").split("."))
    return (source.query or f"SELECT * FROM {table}").rstrip().rstrip(";")


@dataclass(frozen=True)
class Columns:
    """A source in DuckDB: the relation, and its columns with their types. A line of JSON is one column, `line`."""

    relation: str
    types: Mapping[str, str]
    is_json: bool
    number: str
    """The expression for the row's number in its file."""
    name: str

    @classmethod
    def of(cls, database: DuckDBPyConnection, source: Source, path: str, name: str) -> Columns:
        """Returns the columns of the file at `path`. Raises `BadSetting`, `duckdb.Error`."""
        if source.format in ("csv", *COPIED):
            return cls._of_csv(database, source, path, name)
        if source.format in ("jsonl", RECORDS):
            lines = f"read_csv({text_of(path)}, {_LINES}, columns = {{'{LINE}': '{_TEXT}'}}, {_REJECTS})"
            relation = f"(SELECT *, row_number() OVER () AS {ROW_N} FROM {lines}) WHERE trim({LINE}) <> ''"
            return cls(relation, {LINE: _TEXT}, True, ROW_N, name)
        if source.format == "parquet":
            relation, number = f"read_parquet({text_of(path)}, file_row_number = true)", "file_row_number + 1"
        else:
            database.execute(f"ATTACH {text_of(path)} AS source (READ_ONLY)")
            database.execute("USE source")
            asked = database.extract_statements(asked_of(source))
            if [statement.type.name for statement in asked] != ["SELECT"]:
                raise BadSetting(one_line(name), "the map's query is one SELECT, and nothing else")
            numbered = f"SELECT *, row_number() OVER () AS {ROW_N} FROM ({asked[0].query}\n)"
            database.execute(f"CREATE OR REPLACE TEMP TABLE asked AS {numbered}")
            database.execute("USE rows; DETACH source")
            relation, number = "temp.asked", ROW_N
        described = database.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        types = {column: kind for column, kind, *_ in described if column not in ("file_row_number", ROW_N)}
        return cls(relation, types, False, number, name)

    @classmethod
    def _of_csv(cls, database: DuckDBPyConnection, source: Source, path: str, name: str) -> Columns:
        delimiter, names = source.delimiter, list(source.columns)
        headings = 0 if names else 1
        if not names:
            first = _first_line(database, path, name).removeprefix("\ufeff")
            headings_read = next(csv.reader([first], delimiter=delimiter))
            names = [each.strip() or f"column {n}" for n, each in enumerate(headings_read, 1)]
        twice = next((each for each in names if names.count(each) > 1), None)
        if twice is not None:
            raise BadSetting(
                one_line(name), f"two columns are called {one_line(twice)}, and which of them counts is not guessed at"
            )
        typed = ", ".join(f"{text_of(each)}: '{_TEXT}'" for each in names)
        options = f"delim = {text_of(delimiter)}, quote = '\"', escape = '\"', columns = {{{typed}}}, {_REJECTS}"
        read = f"read_csv({text_of(path)}, header = {str(bool(headings)).lower()}, auto_detect = false, {options})"
        relation = f"(SELECT *, row_number() OVER () + {0 if source.format in COPIED else headings} AS {ROW_N} FROM {read})"
        return cls(relation, dict.fromkeys(names, _TEXT), False, ROW_N, name)

    def demand(self, named: Iterable[tuple[str, str]], map_name: str) -> None:
        """Raises `BadSetting` for the columns that a map names and the source lacks."""
        missing = [(key, column) for key, column in named if not self.is_json and self._found(column) is None]
        if missing:
            told = [f"{key}: there is no column {one_line(column)}{did_you_mean(column, self.types)}" for key, column in missing]
            there = ", ".join(one_line(each) for each in self.types)
            raise BadSetting(one_line(map_name), f"{'; '.join(dict.fromkeys(told))}; {one_line(self.name)} has {there}")

    def text(self, column: str) -> str:
        """Returns the column as a text, null where it is empty. `a.b` is the member `b` of the object in `a`."""
        return f"nullif(trim(CAST({self._expression(column)} AS {_TEXT})), '')"

    def instant(self, column: str, time: MapTime, map_name: str) -> str:
        """Returns the column as UTC microseconds; null where it is not an instant, or where clocks show it twice or never."""
        expression, kind = self._expression(column), self._type(column)
        if kind.startswith(_NUMBERS):
            if time.unit is None:
                raise BadSetting(one_line(map_name), f"time.unit: column {one_line(column)} holds numbers; say s, ms or us")
            return _counted(expression, time.unit)
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"epoch_us({expression})"
        if kind.startswith("TIMESTAMP"):
            return _local(f"CAST({expression} AS TIMESTAMP)", time.zone)
        text = self.text(column)
        if time.format is not None:
            written = f"try_strptime({text}, {text_of(time.format)})"
            return f"epoch_us({written})" if OFFSET in time.format else _local(written, time.zone)
        # RFC 3339 allows small letters, which DuckDB does not; and DuckDB passes over what follows a time, such as PM.
        capital = f"upper({text})"
        utc = f"epoch_us(TRY_CAST(regexp_replace({capital}, ' ?UTC$', '+00') AS TIMESTAMPTZ))"
        written = f"CASE WHEN regexp_matches({capital}, {text_of(_WITH_OFFSET)}) THEN {utc} "
        written += f"WHEN regexp_matches({capital}, {text_of(_WITHOUT_OFFSET)}) "
        written += f"THEN {_local(f'TRY_CAST({text} AS TIMESTAMP)', time.zone)} END"
        counted = "NULL" if time.unit is None else _counted(text, time.unit)
        return f"CASE WHEN regexp_matches({text}, {text_of(_NUMBER)}) THEN {counted} ELSE {written} END"

    def sortable(self, column: str, time: MapTime, map_name: str) -> str:
        """Returns the number by which a column orders rows: millionths, or the microseconds of an instant; else null."""
        number = f"TRY_CAST({self.text(column)} || 'e6' AS HUGEINT)"
        if self._type(column).startswith(_NUMBERS):
            return number
        at = self.instant(column, replace(time, zone="UTC", unit=None), map_name)
        return f"coalesce({number}, CAST({at} AS HUGEINT))"

    def fault(self, rule: str, named: Iterable[str]) -> str:
        """Returns the expression for the fault of a row, or null: `rule`, or a name twice in JSON that `named` columns read."""
        read = {LINE} if self.is_json else {of for column in named if (of := self._text_with_members(column)) is not None}
        cases = [f"WHEN {_has_a_name_twice(quoted(of))} THEN {text_of(_TWICE)}" for of in sorted(read)]
        if self.is_json:
            no_object = f"CASE WHEN json_valid({LINE}) THEN json_type({LINE}) <> 'OBJECT' ELSE true END"
            cases.insert(0, f"WHEN {no_object} THEN {text_of(rule)}")
        return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"

    def _text_with_members(self, column: str) -> str | None:
        """Returns the column of texts of which `column` names a member; None where it names none."""
        name, members = self._found(column) or (column, [])
        return name if members and not self.types[name].startswith("STRUCT") else None

    def _found(self, column: str) -> tuple[str, list[str]] | None:
        """Returns the column that `column` names, and the path of members within it; None where there is none."""
        parts = column.split(".")
        for length in range(len(parts), 0, -1):
            if (name := ".".join(parts[:length])) in self.types:
                return name, parts[length:]
        return None

    def _type(self, column: str) -> str:
        name, members = self._found(column) or (LINE, [column])
        return self.types[name] if not members else _TEXT

    def _expression(self, column: str) -> str:
        name, members = (LINE, column.split(".")) if self.is_json else self._found(column) or (column, [])
        if not members:
            return quoted(name)
        if self.types[name].startswith("STRUCT"):
            return "".join([quoted(name), *(f"[{text_of(member)}]" for member in members)])
        # A pointer (RFC 6901) names members of any letters.
        path = text_of("".join("/" + member.replace("~", "~0").replace("/", "~1") for member in members))
        text = f"CAST({quoted(name)} AS {_TEXT})"
        return f"CASE WHEN json_valid({text}) THEN json_extract_string({text}, {path}) END"


def _first_line(database: DuckDBPyConnection, path: str, name: str) -> str:
    """Returns the first line of the file at `path`, whatever the others are like. Raises `BadSetting` where it is none."""
    import duckdb

    lines = f"FROM read_csv({text_of(path)}, {_LINES}, columns = {{'{LINE}': '{_TEXT}'}}, strict_mode = false"
    rejected = None
    # Each cursor has a list of rejected lines of its own.
    with database.cursor() as cursor:
        try:
            first = cursor.execute(f"SELECT {LINE} {lines}) LIMIT 1").fetchone()
        except duckdb.InvalidInputException:
            # The list is there when all is fetched.
            first = cursor.execute(f"SELECT first({LINE}) {lines}, parallel = false, {_REJECTS})").fetchall()[0]
            rejected = cursor.execute("SELECT error_message FROM reject_errors WHERE line = 1").fetchone()
    if rejected is not None:
        raise BadSetting(one_line(name), f"its line of headings cannot be read: {one_line(rejected[0].splitlines()[0], 200)}")
    if first is None or not first[0]:
        raise BadSetting(one_line(name), "it has no line of headings; give their names in [source] columns")
    return str(first[0])


_TWICE = "a name occurs twice in one object of it, and which of the two counts is not guessed at"


def _has_a_name_twice(text: str) -> str:
    """Returns the condition that an object somewhere in a text that is JSON has a name twice."""
    tree = f"json_tree(CASE WHEN json_valid(CAST({text} AS {_TEXT})) THEN CAST({text} AS {_TEXT}) ELSE 'null' END)"
    return f"(SELECT count(*) <> count(DISTINCT fullkey) FROM {tree})"


_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINY",
    "USMALL",
    "UINT",
    "UBIG",
    "UHUGE",
    "DOUBLE",
    "FLOAT",
    "DECIMAL",
)
"""The beginnings of the types of numbers."""
_LAST_US = 253_402_300_799_999_999
"""The end of the year 9999 in microseconds."""


def _counted(expression: str, unit: str) -> str:
    """Returns a number as UTC microseconds; null where it is too small to be in this unit, as it is in records, or too large."""
    counted = f"floor(TRY_CAST({expression} AS DECIMAL(38, 6)) * {UNITS[unit]})"
    return f"CASE WHEN {counted} BETWEEN {MILLISECONDS_MIN * 1_000} AND {_LAST_US} THEN CAST({counted} AS BIGINT) END"


def _local(naive: str, zone: str) -> str:
    """Returns the instant at which the clocks of `zone` show a time; null unless they show it exactly once."""
    if zone == "UTC":
        return f"epoch_us({naive})"
    at = f"timezone({text_of(zone)}, {naive})"
    conditions = [f"{_shown(zone, at)} = {naive}"]
    for day in ("INTERVAL 1 DAY", "INTERVAL (-1) DAY"):
        # The instant at which clocks would show it that are as far from UTC as those of the zone a day away.
        other = f"({at} + ({_shown(zone, at)} - {_shown(zone, f'({at} + {day})')} + {day}))"
        conditions.append(f"({other} = {at} OR {_shown(zone, other)} <> {naive})")
    return f"CASE WHEN {' AND '.join(conditions)} THEN epoch_us({at}) END"


def _shown(zone: str, at: str) -> str:
    return f"timezone({text_of(zone)}, {at})"

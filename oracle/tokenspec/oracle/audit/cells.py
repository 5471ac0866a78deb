"""Conversion of a row's cells into values of a record: whole tokens, instants, names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tokenspec.machine.lang.declaration import Origin
from tokenspec.machine.lang.types import Bool, Tokens
from tokenspec.oracle.audit.map_model import MapCell
from tokenspec.oracle.audit.tables import AN_INSTANT, TableRow
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import account
from tokenspec.oracle.base.text import as_text
from tokenspec.oracle.wire.answers import BY_POOL, INSTANTS, SUMS, TYPES
from tokenspec.oracle.wire.observations import FIRST_INSTANT, MILLISECONDS_MIN

_WHOLE = re.compile(r"([+-]?[0-9]{1,99})(?:\.0*)?")
_KNOWN_MAX = 1 << 14
"""The number of texts of a column whose values are kept."""
_TRUTHS = {
    "duplicate",
    *(name for name, kind in TYPES.items() if isinstance(kind, Bool)),
    *(f.key for event in account().events for f in event.fields if f.origin is Origin.PAYLOAD and isinstance(f.type, Bool)),
}
"""The fields of records and observations that are true or false."""
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}

GetValue = Callable[[TableRow], Any]
"""Reads a value off a row; None where its cells are empty. Raises `BadRecord`."""


def place_in(row: TableRow) -> str:
    """Returns the row's place as it is told."""
    return f"{row.file}:{row.key or row.number}"


def _name_of(row: TableRow) -> str:
    """Returns a name that no other row has, nor one of the same place in another day's table of the same name."""
    return f"{row.file}:{row.number}:{row.key}@{row.at}"


def getter(field: str, cell: MapCell, positions: Mapping[tuple[str, bool], int], is_number: bool) -> GetValue:
    """Returns the function that reads `field`, of a record or of its observation, from a row."""
    if cell.is_row:
        return _name_of
    if not cell.columns:
        return lambda row: cell.constant
    is_instant = field.rpartition(".")[2] in INSTANTS
    where = [positions[column, is_instant] for column in cell.columns]
    convert = _conversion(field, cell, is_number)
    if cell.less is not None:
        return _difference(field, cell, where[0], positions[cell.less, is_instant])

    (first, *more) = where

    def read(row: TableRow) -> Any:
        return None if (text := row.cells[first]) is None else convert(text)

    def read_joined(row: TableRow) -> Any:
        texts = [text for position in where if (text := row.cells[position]) is not None]
        return convert("/".join(texts)) if texts else None

    return read_joined if more else read


def _difference(field: str, cell: MapCell, one: int, other: int) -> GetValue:
    """Returns the function that takes a second number from a first one; an empty cell counts as 0 beside one that is not."""

    def read(row: TableRow) -> Any:
        more, less = row.cells[one], row.cells[other]
        if more is None and less is None:
            return None
        return _divided(field, _whole(field, more or "0") - _whole(field, less or "0"), cell)

    return read


def is_whole(field: str) -> bool:
    """Returns true if the observed `field` is a number of tokens."""
    return field in SUMS or isinstance(TYPES.get(field), Tokens) or field.partition(".")[0] in BY_POOL


def _conversion(field: str, cell: MapCell, is_number: bool) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        if cell.values is not None:
            if text not in cell.values:
                known = ", ".join(cell.values)
                raise BadRecord(field, f"the map's values have {known}, and not this one; add it", as_text(text))
            return cell.values[text]
        if field in _TRUTHS:
            return _TRUTH.get(text.lower(), text)
        return _tokens(field, text, cell) if is_number else text

    def instant(text: str) -> int | str:
        if not text.startswith(AN_INSTANT):
            return text
        at = int(text.removeprefix(AN_INSTANT))
        # A number is told from seconds by its size alone.
        return at if at >= MILLISECONDS_MIN or at < FIRST_INSTANT else format_instant(at)

    if field.rpartition(".")[2] in INSTANTS and cell.values is None:
        return instant
    # Most ledgers have few numbers, many times each.
    return lru_cache(_KNOWN_MAX)(convert) if is_number or cell.values is not None else convert


def _tokens(field: str, text: str, cell: MapCell) -> int:
    return _divided(field, _whole(field, text), cell)


def _whole(field: str, text: str) -> int:
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise BadRecord(field, "it is a whole number of tokens", as_text(text))
    return int(found[1])


def _divided(field: str, number: int, cell: MapCell) -> int:
    tokens, rest = divmod(number, cell.divide)
    if rest:
        raise BadRecord(field, f"it is a multiple of {cell.divide}, by which the map divides it", as_text(number))
    return -tokens if cell.negate else tokens

"""The form of a catalogue, as data: the figures that users may replace by their own, and the tables that names come from.

A catalogue is written as TOML, and sent as JSON in the same form. `Figures` is one of any declared form; a specification may
have a class of its own instead, with the methods of `AnyCatalogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from tokenspec.machine.lang.types import Value

NONE = "(none)"
"""The member of an enum of names that stands for no name; no entry of a catalogue is called so."""
UNLISTED = "(not listed)"
"""The member that stands for every name that the catalogue does not list."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, not below 0; required where it has no default. `parameter` is its name in the declaration."""

    default: int | None = None
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """A truth value, false where it is not written."""

    parameter: str = ""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some words."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SomeOf:
    """A list of some of the words, none where it is not written."""

    members: tuple[str, ...]
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class NameIn:
    """The name of an entry of another table."""

    table: str


Cell: TypeAlias = Number | Flag | OneOf | SomeOf | NameIn


@dataclass(frozen=True, slots=True)
class Ranking:
    """The names of all entries of a table, from lowest to highest; `first` is always the lowest."""

    table: str
    first: str


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries by name: a cell each, or several by their own names. `entry` is what one is called in messages."""

    cells: Cell | Mapping[str, Cell]
    entry: str
    required: bool = True
    is_declared: bool = False
    """True where the names are members of an enum of the declaration, so that some are reserved and their number is limited."""
    renames: tuple[str, ...] = ()
    """Of a table of aliases: the keys of records and answers that may hold one. It is never sent and never answered."""


CatalogueForm: TypeAlias = Mapping[str, Number | Ranking | Entries]
"""The keys of a catalogue."""


class AnyCatalogue(Protocol):
    """The figures under which a specification holds."""

    @property
    def aliases(self) -> Mapping[str, str]:
        """Older names that a log may use, each with the present name."""
        ...

    def parameters(self) -> dict[str, Value]:
        """Returns the figures under their names in the declaration."""
        ...

    def written(self) -> dict[str, Any]:
        """Returns the catalogue in its declared form."""
        ...

    def unnamed(self, keys: Collection[str] = ...) -> dict[str, Value]:
        """Returns the facts that are known of every record that has only `keys` of the optional ones that name entries."""
        ...


@dataclass(frozen=True)
class Figures:
    """A catalogue of any declared form: `figures["packs"]` is what stands there under the key `packs`."""

    form: CatalogueForm
    values: Mapping[str, Any]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def written(self) -> dict[str, Any]:
        """Returns the catalogue in its declared form."""
        return dict(self.values)

    def parameters(self) -> dict[str, Value]:
        """Returns the figures under their names: `key`, `key[name]`, `cell[name]` or `cell[name,member]`."""
        found: dict[str, Value] = {}
        for key, kind in self.form.items():
            if isinstance(kind, Number):
                found[kind.parameter or key] = self.values[key]
            elif isinstance(kind, Entries) and kind.is_declared:
                for name, entry in self.values[key].items():
                    cells = kind.cells if isinstance(kind.cells, Mapping) else {key: kind.cells}
                    values = entry if isinstance(kind.cells, Mapping) else {key: entry}
                    for cell, its in cells.items():
                        found |= _parameters(cell, name, its, values[cell])
        return found

    def unnamed(self, keys: Collection[str] = ()) -> dict[str, Value]:
        """Returns nothing: which facts follow from a missing key is not declared."""
        return {}


def _parameters(cell: str, name: str, kind: Cell, value: Any) -> dict[str, Value]:
    match kind:
        case Number(_, parameter) | Flag(parameter):
            return {f"{parameter or cell}[{name}]": value}
        case SomeOf(members, parameter):
            return {f"{parameter or cell}[{name},{member}]": member in value for member in members}
        case _:
            return {}


Fact: TypeAlias = Callable[[Any], Callable[[Any], Value]]
"""Looks a fact up: of a catalogue, gives the function from records to values."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The fact that a table lists what the record names under `key`."""

    table: str
    key: str

    def __call__(self, catalogue: Any) -> Callable[[Any], Value]:
        """Looks it up."""
        listed = frozenset(catalogue.written()[self.table])
        return lambda record: getattr(record, self.key) in listed


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The fact that a table holds for what the record names under `key`; `default` where it lists no such name."""

    table: str
    key: str
    default: Value

    def __call__(self, catalogue: Any) -> Callable[[Any], Value]:
        """Looks it up."""
        entries: dict[str, Value] = catalogue.written()[self.table]
        return lambda record: entries.get(getattr(record, self.key), self.default)


@dataclass(frozen=True, slots=True)
class Named:
    """The fact that the record has the optional `key`."""

    key: str

    def __call__(self, catalogue: Any) -> Callable[[Any], Value]:
        """Looks it up."""
        return lambda record: getattr(record, self.key) is not None

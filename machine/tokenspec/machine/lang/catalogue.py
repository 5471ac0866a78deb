"""The form of a catalogue, as data: the figures that users may replace by their own, and the tables that names come from.

A catalogue is written as TOML, and sent as JSON in the same form. `Figures` is one of any declared form; a specification may
have a class of its own instead, with the methods of `AnyCatalogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Protocol, TypeAlias

from tokenspec.machine.lang.types import Value

NONE = "(none)"
"""The member of an enum of names that stands for no name; no entry of a catalogue is called so."""
UNLISTED = "(not listed)"
"""The member that stands for every name that the catalogue does not list."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, not below `least`; required where it has no default. `parameter` is its name in the declaration."""

    default: int | None = None
    parameter: str = ""
    least: int = 0


@dataclass(frozen=True, slots=True)
class Flag:
    """A truth value, false where it is not written."""

    parameter: str = ""
    default: ClassVar = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some words."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SomeOf:
    """A list of some of the words, none where it is not written."""

    members: tuple[str, ...]
    parameter: str = ""
    default: ClassVar[Sequence[str]] = ()


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


@dataclass(frozen=True)
class Figures:
    """A catalogue of any declared form: `figures.packs` is what stands there under the key `packs`.

    What a form lets be left out has its default in `values`, and a ranking is a tuple.
    """

    form: CatalogueForm
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        whole = {key: {} for key, kind in self.form.items() if isinstance(kind, Entries) and not kind.required} | dict(
            self.values
        )
        known = {key: _completed(kind, whole.pop(key)) for key, kind in self.form.items() if key in whole}
        object.__setattr__(self, "values", known | whole)

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def __getattr__(self, key: str) -> Any:
        if key in vars(self).get("values", ()):
            return self.values[key]
        raise AttributeError(f"the catalogue has nothing under {key!r}")

    def but(self, **figures: Any) -> Figures:
        """Returns the same catalogue with other figures under these keys."""
        return Figures(self.form, {**self.values, **figures})

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """Older names that a log may use, each with the present name."""
        tables = (key for key, kind in self.form.items() if isinstance(kind, Entries) and kind.renames)
        return {alias: name for key in tables for alias, name in self.values.get(key, {}).items()}

    def written(self) -> dict[str, Any]:
        """Returns the catalogue in its declared form."""
        return {key: _plain(value) for key, value in self.values.items()}

    def parameters(self) -> dict[str, Value]:
        """Returns the figures under their names in the declaration."""
        return self._parameters.copy()

    @cached_property
    def _parameters(self) -> dict[str, Value]:
        return parameters_of(self.form, self.values)


def _completed(kind: Number | Ranking | Entries, value: Any) -> Any:
    """The values under a key, with the defaults of what is not written."""
    match kind:
        case Ranking():
            return tuple(value)
        case Entries(Mapping() as cells):
            usual = {name: cell.default for name, cell in cells.items() if isinstance(cell, Number | Flag | SomeOf)}
            written = {name: {**usual, **entry} for name, entry in value.items()}
            return {
                name: {cell: _plain(entry[cell]) for cell in cells if entry.get(cell) is not None}
                for name, entry in written.items()
            }
    return value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class FigurePlace:
    """The place of a figure in a catalogue: under `key` itself, or in every entry of the table that stands there.

    `cell` is its name within an entry; empty where the entry is the figure. Of `members` each is a figure: a list has it.
    """

    key: str
    parameter: str
    is_of_entries: bool = False
    cell: str = ""
    members: tuple[str, ...] = ()


def figure_places(form: CatalogueForm) -> dict[str, tuple[FigurePlace, ...]]:
    """Returns the places of all figures by key."""
    return {key: tuple(_places(key, kind)) for key, kind in form.items()}


def _places(key: str, kind: Number | Ranking | Entries) -> Iterator[FigurePlace]:
    if isinstance(kind, Number):
        yield FigurePlace(key, kind.parameter or key)
    elif isinstance(kind, Entries) and kind.is_declared:
        cells = kind.cells if isinstance(kind.cells, Mapping) else {"": kind.cells}
        for cell, its in cells.items():
            if isinstance(its, Number | Flag | SomeOf):
                members = its.members if isinstance(its, SomeOf) else ()
                yield FigurePlace(key, its.parameter or cell or key, True, cell, members)


def parameters_of(form: CatalogueForm, values: Mapping[str, Any]) -> dict[str, Value]:
    """Returns the figures by name: `key`, `key[name]`, `cell[name]` or `cell[name,member]`, or with `parameter` in front."""
    found: dict[str, Value] = {}
    for key, places in figure_places(form).items():
        if isinstance(form[key], Number):
            found |= {place.parameter: values[key] for place in places}
            continue
        for name, entry in values[key].items() if places else ():
            for place in places:
                value = entry[place.cell] if place.cell else entry
                if place.members:
                    found |= {f"{place.parameter}[{name},{member}]": member in value for member in place.members}
                else:
                    found[f"{place.parameter}[{name}]"] = value
    return found


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


@dataclass(frozen=True, slots=True)
class OfVariant:
    """The fact `cell` of the listed entry whose name is that under `key`, or is its beginning up to a blank, a dot or a hyphen.

    Of several such names the longest counts. Without a `cell` the fact is whether there is one. `unnamed` holds for a record
    without the key, `default` for a name that is no variant of a listed one.
    """

    table: str
    key: str
    cell: str = ""
    default: Value = False
    unnamed: Value = False
    BEHIND_A_NAME: ClassVar = " .-"
    """The characters that may follow a listed name in that of a variant."""

    def __call__(self, catalogue: Any) -> Callable[[Any], Value]:
        """Looks it up."""
        entries: Mapping[str, Any] = catalogue.written()[self.table]

        # A log may name any number.
        @lru_cache(maxsize=1_000)
        def of_name(name: str | None) -> Value:
            if name is None:
                return self.unnamed
            listed = variant_of(name, entries)
            return self.default if listed is None else entries[listed][self.cell] if self.cell else True

        return lambda record: of_name(getattr(record, self.key))


def variant_of(name: str, listed: Collection[str]) -> str | None:
    """Returns the longest listed name that `name` is, or begins with before a blank, a dot or a hyphen."""
    found = [each for each in listed if name == each or (name.startswith(each) and name[len(each)] in OfVariant.BEHIND_A_NAME)]
    return max(found, key=len) if found else None

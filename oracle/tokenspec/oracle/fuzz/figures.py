"""Catalogues with the names of the default one, and other figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tokenspec.machine.lang.catalogue import AnyCatalogue, Entries, Number
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.specification import DEFAULT, SPEC, hint
from tokenspec.oracle.wire.settings import catalogue_from


class OtherFigures(NamedTuple):
    """Other catalogues of the same names."""

    small: AnyCatalogue
    """Pools run dry and fill up within a few events."""
    of_worlds: tuple[AnyCatalogue, ...]
    """Those of successive worlds of an implementation, where neither it nor the user has fixed one."""
    drawn: Callable[[], st.SearchStrategy[AnyCatalogue]]
    """Draws the default one, or another."""


def _places() -> Iterator[tuple[str, str]]:
    """Yields the place of each count of a catalogue: its key, and the cell of its entries, empty where they are the count."""
    for key, kind in SPEC.form.items():
        cells = kind.cells if isinstance(kind, Entries) else kind
        for cell, of_cell in cells.items() if isinstance(cells, dict) else [("", cells)]:
            if isinstance(of_cell, Number):
                yield key, cell


def _scaled(scale: Callable[[int], int], places: Iterable[tuple[str, str]]) -> AnyCatalogue | None:
    """Returns the default catalogue with other counts at these places; None where that one is not admissible."""
    values = dict(DEFAULT.written())
    for key, cell in places:
        if not isinstance(values[key], Mapping):
            values[key] = scale(values[key])
        elif not cell:
            values[key] = {name: scale(count) for name, count in values[key].items()}
        else:
            values[key] = {name: {**entry, cell: scale(entry[cell])} for name, entry in values[key].items()}
    try:
        found: AnyCatalogue = catalogue_from(values)
    except BadSetting:
        return None
    return found


def at_the_least() -> dict[str, AnyCatalogue]:
    """Returns, by the place of each count, the default catalogue with the least count there that is admissible."""
    found = {}
    for key, cell in _places():
        scaled = (_scaled(lambda _, least=least: least, [(key, cell)]) for least in (0, 1))  # type: ignore[misc]
        catalogue = next((each for each in scaled if each is not None), DEFAULT)
        if catalogue != DEFAULT:
            found[f"{key} {cell}".strip()] = catalogue
    return found


_SCALES: tuple[Callable[[int], int], ...] = (
    lambda n: min(n, 1 + n % 7),
    lambda n: n // 10 + (n > 0),
    lambda n: 3 * n + (n > 0),
    lambda n: min(n, 1),
)


def _general() -> OtherFigures:
    others = tuple(found for scale in _SCALES if (found := _scaled(scale, _places())) is not None)
    small = others[0] if others else DEFAULT
    return OtherFigures(small, (DEFAULT, *others), lambda: st.sampled_from((DEFAULT, *others)))


_found: Any = hint("figures") or _general()
OTHERS: OtherFigures = _found

"""Catalogues with the names of the default one, and other figures."""

from __future__ import annotations

from collections.abc import Callable
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


def _scaled(scale: Callable[[int], int]) -> AnyCatalogue | None:
    """Returns the default catalogue with other counts; None where that one is not admissible."""
    values = dict(DEFAULT.written())
    for key, kind in SPEC.form.items():
        if isinstance(kind, Number):
            values[key] = scale(values[key])
        elif isinstance(kind, Entries):
            cells = kind.cells
            if isinstance(cells, Number):
                values[key] = {name: scale(count) for name, count in values[key].items()}
            elif isinstance(cells, dict):
                values[key] = {
                    name: {cell: scale(v) if isinstance(cells[cell], Number) else v for cell, v in entry.items()}
                    for name, entry in values[key].items()
                }
    try:
        found: AnyCatalogue = catalogue_from(values)
    except BadSetting:
        return None
    return found


_SCALES: tuple[Callable[[int], int], ...] = (
    lambda n: min(n, 1 + n % 7),
    lambda n: n // 10 + (n > 0),
    lambda n: 3 * n + (n > 0),
    lambda n: min(n, 1),
)


def _general() -> OtherFigures:
    others = tuple(found for scale in _SCALES if (found := _scaled(scale)) is not None)
    small = others[0] if others else DEFAULT
    return OtherFigures(small, (DEFAULT, *others), lambda: st.sampled_from((DEFAULT, *others)))


_found: Any = hint("figures") or _general()
OTHERS: OtherFigures = _found

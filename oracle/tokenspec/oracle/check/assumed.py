"""Declared assumptions about figures: every proof rests on them, so all catalogues in use must satisfy them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenspec.machine.lang.declaration import Assumption
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.lang.typecheck import show
from tokenspec.oracle.base.specification import DEFAULT, AnyCatalogue, account
from tokenspec.oracle.wire.settings import broken_assumptions


def assumptions(catalogue: AnyCatalogue | None) -> tuple[Assumption, ...]:
    """Returns the assumptions about the figures of `catalogue`, of the shipped one where None."""
    return account(catalogue or DEFAULT).assumptions


def unsatisfied(scopes: Iterable[Scope], catalogue: AnyCatalogue | None) -> Iterator[str]:
    """Yields the assumptions that the searched scopes, the shipped catalogue or the one in use break."""
    used = {f"the {scope.name} scope": scope.catalogue for scope in scopes} | {"the shipped catalogue": DEFAULT}
    for name, figures in (used | ({"the catalogue": catalogue} if catalogue is not None else {})).items():
        for each in broken_assumptions(figures):
            yield f"{name} breaks what every proof assumes, {show(each.holds)}: what is proved says nothing of it"

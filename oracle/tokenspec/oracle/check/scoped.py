"""The account within a scope, ready for a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from math import prod

from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.fuzzing.reachability import decided
from tokenspec.machine.lang.claims import Claim
from tokenspec.machine.lang.declaration import Machine, Policy
from tokenspec.machine.lang.expr import reads
from tokenspec.machine.lang.specification import Scope
from tokenspec.oracle.base.specification import DEFAULTS, account, claims

_SETTINGS_MAX = 4096
"""The largest number of settings in one search: some ten million states of the tiny scope."""


def scoped(
    scope: Scope,
    checked: Sequence[Claim],
    policy: Mapping[str, str] = DEFAULTS,
    left_open: Iterable[Policy] = (),
    machine: Machine | None = None,
    like: Scoped | None = None,
) -> Scoped:
    """Returns `machine` (default: the account) in `scope` with those of the claims `checked` that arise in it.

    Those of the policies `left_open` on which the account or a claim depends become part of the state.
    """
    machine = machine or account(scope.catalogue)
    opened = tuple(p.parameter for p in left_open if p.name in _read(scope))
    parameters = {**scope.catalogue.parameters(), **policy}
    checked = [claim for claim in checked if decided(machine, claim.where, parameters) is not False]
    return Scoped(machine, parameters, instances(machine, scope.values), scope.most, checked, opened, like)


def openings(scope: Scope, left_open: Iterable[Policy]) -> list[tuple[Policy, ...]]:
    """Returns the policies to leave open in each of several searches, so that every pair of choices occurs in one of them.

    One search has all of them where they combine to few settings. Policies that the account does not read multiply nothing.
    """
    wanted = sorted((p for p in left_open if p.name in _read(scope)), key=lambda p: -len(p.answers))
    if combined(wanted) <= _SETTINGS_MAX:
        return [tuple(wanted)]
    thirds: list[list[Policy]] = [[], [], []]
    for policy in wanted:
        min(thirds, key=combined).append(policy)
    return [(*one, *other) for one, other in combinations(thirds, 2)]


def combined(policies: Iterable[Policy]) -> int:
    """Returns the number of combinations of the choices of `policies`."""
    return prod(len(p.answers) for p in policies)


@cache
def _read(scope: Scope) -> frozenset[str]:
    machine = account(scope.catalogue)
    # What is claimed of other machines, or of what is made of this one for a proof, is searched nowhere here.
    parts = tuple(p for c in claims(scope.catalogue) for p in c.parts if getattr(p, "machine", "") == machine.name)
    return frozenset(reads(machine)) | frozenset(reads(parts))

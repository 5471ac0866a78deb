"""The account within a scope, as searches take it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from math import prod

from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import Scope
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.checkers.search.reference import instances
from tokenspec.machine.lang.claims import Claim
from tokenspec.machine.lang.declaration import Machine, Policy
from tokenspec.machine.lang.expr import reads
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS

_SETTINGS_MAX = 4096
"""The most settings that one search goes through: some ten million states of the tiny scope."""


def scoped(
    scope: Scope,
    checked: Sequence[Claim],
    policy: Mapping[str, str] = DEFAULTS,
    left_open: Iterable[Policy] = (),
    machine: Machine | None = None,
    like: Scoped | None = None,
) -> Scoped:
    """`machine`, which is the account unless it is given, in `scope` with the claims `checked`.

    Of the policies `left_open` those become part of the state that the account or a claim depends on.
    """
    machine = machine or account(scope.catalogue)
    opened = tuple(p.parameter for p in left_open if p.name in _read(scope))
    parameters = {**scope.catalogue.parameters(), **policy}
    return Scoped(machine, parameters, instances(machine, scope.values), scope.most, checked, opened, like)


def openings(scope: Scope, left_open: Iterable[Policy]) -> list[tuple[Policy, ...]]:
    """The policies to leave open in each of several searches, so that every two answers stand together in one of them.

    All of them in one search where they combine to few settings. Policies that nothing in the account reads multiply nothing.
    """
    wanted = sorted((p for p in left_open if p.name in _read(scope)), key=lambda p: -len(p.answers))
    if combined(wanted) <= _SETTINGS_MAX:
        return [tuple(wanted)]
    thirds: list[list[Policy]] = [[], [], []]
    for policy in wanted:
        min(thirds, key=combined).append(policy)
    return [(*one, *other) for one, other in combinations(thirds, 2)]


def combined(policies: Iterable[Policy]) -> int:
    """The number of settings that the answers of `policies` combine to."""
    return prod(len(p.answers) for p in policies)


@cache
def _read(scope: Scope) -> frozenset[str]:
    return frozenset(reads(account(scope.catalogue))) | frozenset(reads(claims(scope.catalogue.ranking)))

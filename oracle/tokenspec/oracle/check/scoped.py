"""The account within a scope, as searches take it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import Scope
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.checkers.search.reference import instances
from tokenspec.machine.lang.claims import Claim
from tokenspec.machine.lang.declaration import Machine, Policy
from tokenspec.machine.lang.expr import reads
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS


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


@cache
def _read(scope: Scope) -> frozenset[str]:
    return frozenset(reads(account(scope.catalogue))) | frozenset(reads(claims(scope.catalogue.ranking)))

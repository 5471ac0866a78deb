"""A declared machine as the WebAssembly module that others embed, with the claims about its states and steps within."""

from __future__ import annotations

from collections.abc import Mapping

from tokenspec.invariants.claims import claims
from tokenspec.machine.interpreters.embedded.host import embedded
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.lang.declaration import Machine
from tokenspec.oracle.base.provenance import stamp
from tokenspec.spec.catalogue import Catalogue


def module_of(machine: Machine, catalogue: Catalogue, policy: Mapping[str, str]) -> bytes:
    """The module of a machine of `system(catalogue)`. Figures and policies are those that it begins with."""
    return embedded(Interface(machine, claims(catalogue.ranking)), {**catalogue.parameters(), **policy}, stamp())

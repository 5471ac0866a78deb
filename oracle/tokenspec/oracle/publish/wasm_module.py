"""A declared machine as a WebAssembly module for embedding, with the claims about its states and steps."""

from __future__ import annotations

from collections.abc import Mapping

from tokenspec.machine.interpreters.embedded.host import embedded
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.surroundings import surroundings
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.specification import SPEC, AnyCatalogue, claims, system


def module_of(machine: Machine, catalogue: AnyCatalogue, policy: Mapping[str, str]) -> bytes:
    """Returns the module of a machine of `system(catalogue)`. Figures and policies are its initial ones.

    That of the account describes what surrounds it as well, so that a host needs no other source.
    """
    whole = system(catalogue)
    around = surroundings(SPEC, whole) if machine is whole.machines[0] else None
    return embedded(Interface(machine, claims(catalogue)), {**catalogue.parameters(), **policy}, stamp(), around)

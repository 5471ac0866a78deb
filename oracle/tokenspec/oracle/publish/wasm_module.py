"""A declared machine as a WebAssembly module for embedding, with the claims about its states and steps."""

from __future__ import annotations

from collections.abc import Mapping

from tokenspec.machine.interpreters.embedded.host import embedded
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.lang.declaration import Machine
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.specification import AnyCatalogue, claims


def module_of(machine: Machine, catalogue: AnyCatalogue, policy: Mapping[str, str]) -> bytes:
    """Returns the module of a machine of `system(catalogue)`. Figures and policies are its initial ones."""
    return embedded(Interface(machine, claims(catalogue)), {**catalogue.parameters(), **policy}, stamp())

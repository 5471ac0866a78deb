"""An implementation to be tested: the oracle's clock and journal around the module that others embed."""

from __future__ import annotations

from tokenspec.machine.interpreters.embedded.host import Embedded, embedded
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.outcome import Values
from tokenspec.oracle.serve.server import Server

_modules: dict[Machine, bytes] = {}


def reader(machine: Machine, parameters: Values) -> Embedded:
    """The module of the machine, compiled once and set to the parameters."""
    if machine not in _modules:
        _modules[machine] = embedded(Interface(machine), parameters, {})
    return Embedded(_modules[machine], parameters)


def host() -> Server:
    """A world whose account is run by its module, which is compiled anew for the names of each catalogue."""
    return Server(machine_reader=reader)

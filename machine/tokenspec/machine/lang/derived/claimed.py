"""The machines that something can be claimed of: those of a system, and what is made of them for a claim."""

from __future__ import annotations

from collections.abc import Sequence

from tokenspec.machine.lang.declaration import Machine, System
from tokenspec.machine.lang.derived.composition import composed
from tokenspec.machine.lang.derived.entries import with_entry
from tokenspec.machine.lang.derived.timed import in_time
from tokenspec.machine.lang.derived.used_ids import with_id


def claimed_machines(system: System, seen: Sequence[str]) -> tuple[Machine, ...]:
    """All that something can be proved of; `seen` names the variables whose change a link from any event tells of."""
    machines = system.machines
    with_memory = (with_entry(machine) for machine in machines if machine.memory is not None)
    with_ids = [with_id(machines[0], system.ids)] if system.ids is not None else []
    timed = (in_time(system, machine) for machine in machines if machine.timers)
    together = whole(system, seen)
    return (*machines, *with_memory, *with_ids, *([together] if together is not None else []), *timed)


def whole(system: System, seen: Sequence[str]) -> Machine | None:
    """The machines of `system` as one; None where it has one alone."""
    return composed(system, tuple(seen)) if len(system.machines) > 1 else None


def about_account(system: System, seen: Sequence[str]) -> tuple[Machine, ...]:
    """Those of them that are other ones where a catalogue has other names."""
    account = system.machines[0].name
    return tuple(machine for machine in claimed_machines(system, seen) if account in (machine.name, machine.of))

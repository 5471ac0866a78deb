"""The machines that something is claimed of: those of the declaration, and what is made of them for a claim."""

from __future__ import annotations

from functools import partial

from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.composition import composed, name_of_whole
from tokenspec.machine.lang.declaration import Machine, System
from tokenspec.machine.lang.entries import with_entry
from tokenspec.machine.lang.timed import in_time, name_in_time
from tokenspec.spec.words import APP_POOLS

WHOLE = name_of_whole("account", "daily_job", "session")
"""The account, its daily job and one session, whichever it is, with the links between them."""
IN_TIME = name_in_time("daily_job")
"""The daily job with the time that goes by."""

of_whole = partial(of_machines.step, machine=WHOLE)
in_its_time = partial(of_machines.step, machine=IN_TIME)


def claimed_machines(system: System) -> tuple[Machine, ...]:
    """All that something can be proved of. A session shows the pools of the app, so a change of these alone reaches it."""
    machines = system.machines
    with_memory = (with_entry(machine) for machine in machines if machine.memory is not None)
    return (*machines, *with_memory, composed(system, APP_POOLS), *(in_time(system, m) for m in machines if m.timers))


def about_account(system: System) -> tuple[Machine, ...]:
    """Those of them that are other ones where a catalogue has other plans and packs."""
    account = system.machines[0].name
    return tuple(machine for machine in claimed_machines(system) if account in (machine.name, machine.of))

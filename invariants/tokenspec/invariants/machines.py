"""The machines that something is claimed of: those of the declaration, and what is made of them for a claim."""

from __future__ import annotations

from functools import partial

from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.composition import composed, name_of_whole
from tokenspec.machine.lang.declaration import Machine, System
from tokenspec.machine.lang.entries import name_with_entry, with_entry
from tokenspec.machine.lang.timed import in_time, name_in_time
from tokenspec.machine.lang.used_ids import with_id
from tokenspec.spec.system import IDS
from tokenspec.spec.words import APP_POOLS

WHOLE = name_of_whole("account", "daily_job", "session")
"""The account, its daily job and one session, whichever it is, with the links between them."""
WITH_ID = name_with_entry("account", IDS.key)
"""The account with one event id, whichever it is."""
IN_TIME = name_in_time("daily_job")
"""The daily job with the time that goes by."""

of_whole = partial(of_machines.step, machine=WHOLE)
under_id = partial(of_machines.step, machine=WITH_ID)
in_its_time = partial(of_machines.step, machine=IN_TIME)


def claimed_machines(system: System) -> tuple[Machine, ...]:
    """All that something can be proved of."""
    machines = system.machines
    with_memory = (with_entry(machine) for machine in machines if machine.memory is not None)
    with_ids = [with_id(machines[0], system.ids)] if system.ids is not None else []
    timed = (in_time(system, machine) for machine in machines if machine.timers)
    return (*machines, *with_memory, *with_ids, whole(system), *timed)


def whole(system: System) -> Machine:
    """The machines of `system` as one. A session shows the pools of the app, so a change of these alone reaches it."""
    return composed(system, APP_POOLS)


def about_account(system: System) -> tuple[Machine, ...]:
    """Those of them that are other ones where a catalogue has other plans and packs."""
    account = system.machines[0].name
    return tuple(machine for machine in claimed_machines(system) if account in (machine.name, machine.of))

"""The machines that something is claimed of: those of the declaration, and what is made of them for a claim."""

from __future__ import annotations

from functools import partial

from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.composition import composed, name_of_whole
from tokenspec.machine.lang.declaration import Machine, System
from tokenspec.machine.lang.entries import proved_machines
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
    timed = (in_time(system, machine) for machine in system.machines if machine.timers)
    return (*proved_machines(system), composed(system, APP_POOLS), *timed)

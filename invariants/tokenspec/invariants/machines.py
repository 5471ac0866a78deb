"""The machines that something is claimed of: those of the declaration, and what is made of them for a claim."""

from __future__ import annotations

from functools import partial

from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.declaration import Machine, System
from tokenspec.machine.lang.derived import claimed
from tokenspec.machine.lang.derived.composition import name_of_whole
from tokenspec.machine.lang.derived.entries import name_with_entry
from tokenspec.machine.lang.derived.timed import name_in_time
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
    return claimed.claimed_machines(system, APP_POOLS)


def about_account(system: System) -> tuple[Machine, ...]:
    """Those of them that are other ones where a catalogue has other plans and packs."""
    return claimed.about_account(system, APP_POOLS)

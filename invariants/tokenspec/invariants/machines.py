"""The machines that something is claimed of: those of the declaration, and what is made of them for a claim."""

from __future__ import annotations

from functools import partial

from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.derived.composition import name_of_whole
from tokenspec.machine.lang.derived.entries import name_with_entry
from tokenspec.machine.lang.derived.timed import name_in_time
from tokenspec.spec.system import IDS

WHOLE = name_of_whole("account", "daily_job", "session")
"""The account, its daily job and one session, whichever it is, with the links between them."""
WITH_ID = name_with_entry("account", IDS.key)
"""The account with one event id, whichever it is."""
IN_TIME = name_in_time("daily_job")
"""The daily job with the time that goes by."""

of_whole = partial(of_machines.step, machine=WHOLE)
under_id = partial(of_machines.step, machine=WITH_ID)
in_its_time = partial(of_machines.step, machine=IN_TIME)

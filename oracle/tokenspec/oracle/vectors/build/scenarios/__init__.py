"""Runs with a point that no single rule makes: calendars, late jobs, repeated ids, refunds, two devices, two accounts.

A scenario names what is to be shown, and never the answers: those are the oracle's.
"""

from __future__ import annotations

from tokenspec.oracle.vectors.build.scenarios.memory import ACCOUNTS, JOURNAL, REFUNDS, SESSIONS
from tokenspec.oracle.vectors.build.scenarios.time import BILLING, CALENDAR
from tokenspec.oracle.vectors.build.script import Scenario

SCENARIOS: tuple[Scenario, ...] = (*CALENDAR, *BILLING, *JOURNAL, *REFUNDS, *SESSIONS, *ACCOUNTS)

"""The sessions of an account: the declared machine of one, and the balances that each may still show.

What a session does with balances follows from the states that its rules lead to. In the first state it is out, and knows nothing;
a rule that leads to another state fetches the true balances; one that stays looks at what is there.
"""

from __future__ import annotations

from typing import Any

from tokenspec.machine.interpreters.compiled import Compiled, Fields, Outcome
from tokenspec.machine.lang.declaration import Actor, Machine, System
from tokenspec.oracle.runtime import journal
from tokenspec.oracle.runtime.journal import Account, Vector


class Sessions:
    """The machine of sessions, for all accounts."""

    def __init__(self, machine: Machine, system: System) -> None:
        self.compiled = Compiled(machine, {})
        self.steps = {e.name: self.compiled.steps[e.name] for e in machine.events if e.actor is not Actor.CLOCK}
        self.out = str(self.compiled.initial[0])
        targets = {rule.name: rule.target for event in machine.events for rule in event.rules}
        self._targets = [targets[name] for name in self.compiled.rules]
        self._hears = system.heard_by(machine.name)
        """The event that the declared link fires when an event of the account changes a balance."""

    def happens(self, account: Account, event: str, record: Any, fields: Fields, balances: Vector) -> Outcome:
        """Applies an event of the session that the record names, while the true balances are these."""
        known = account.sessions.get(record.session)
        outcome = self.steps[event]((known.state if known is not None else self.out,), fields)
        target = self._targets[outcome[0]] if outcome[0] >= 0 else None
        if target is not None:
            self.comes_to(account, record.session, target, balances)
        return outcome

    def comes_to(self, account: Account, session: str, state: str, balances: Vector) -> None:
        """Brings a session into a state: out it knows nothing, in any other it fetches the true balances."""
        if state != self.out:
            journal.fetch(account, session, state, balances)
            return
        del account.sessions[session]
        if not account.sessions:
            account.timeline.clear()

    def balances_change(self, account: Account, now: Vector) -> None:
        """Records the balances of `now`, and marks what the sessions of `account` show as outdated."""
        if account.sessions and account.timeline[-1] != now:
            # A session may still show older ones.
            account.timeline.append(now)
        for session in account.sessions.values():
            session.state = str(self.compiled.steps[self._hears]((session.state,), ())[1][0])

"""The claims about the layers around the machine, checked around every record of a run.

Here are the checks that any account can have, each where a claim declares a part of its name; a specification may bring a
subclass with more. Each derives the right result in its own way: separate histories, copies of an account on another path,
snapshots before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from tokenspec.machine.checkers.monitor import Tally, Violation
from tokenspec.machine.lang.claims import LayerPart
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.specification import SPEC, TOTAL_POOLS, claims, hint
from tokenspec.oracle.runtime.journal import Account, Vector
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.steps import MachineStep, Stepped, Stuck
from tokenspec.oracle.wire.answers import Answer

_Ran = TypeVar("_Ran", Stepped, list[MachineStep])


class LayerChecks:
    """Runs records through an oracle and checks, for each, every claim about the layers."""

    def __init__(
        self,
        oracle: Oracle,
        tally: Tally,
        only: frozenset[str] | None = None,
        on_step: Callable[[str, MachineStep], None] | None = None,
    ) -> None:
        """`on_step` is given each step, with the name of its account, before the claims about its record are checked."""
        self.oracle, self.tally, self._only, self._on_step = oracle, tally, only, on_step
        self.quoted: int = 0
        self._history: dict[str, list[Vector]] = {}
        self._first: dict[tuple[str, str], Answer] = {}
        self._open_books()

    @cached_property
    def _claims(self) -> dict[str, str]:
        """By part, the claim that declares it."""
        return {part.name: c.id for c in claims(self.oracle.catalogue) for part in c.parts if isinstance(part, LayerPart)}

    def _open_books(self) -> None:
        """Begins whatever else the checks keep of a run."""

    def met(self, claim: str, part: str, interesting: bool = True) -> None:
        """Counts a check of a part, in its interesting case or in another."""
        self.tally.checked[claim, part] += 1
        self.tally.witnesses[claim, part] += interesting

    def _demand(self, claim: str, part: str, holds: bool, detail: str, interesting: bool = True) -> None:
        self.met(claim, part, interesting)
        if not holds and self._counts(claim):
            sentence = next(c.sentence for c in claims(self.oracle.catalogue) if c.id == claim)
            raise Violation(claim, part, sentence, detail)

    def _counts(self, claim: str) -> bool:
        return self._only is None or claim in self._only

    def _check(self, part: str, holds: bool, detail: str, interesting: bool = True) -> None:
        """Checks a part, where a claim declares one of this name."""
        if part in self._claims:
            self._demand(self._claims[part], part, holds, detail, interesting)

    def play(self, record: dict[str, Any]) -> Stepped:
        """Returns the oracle's answer to `record`, with its reason. Raises `Violation`."""
        name, event = record["account"], record["event"]
        others = {n: msgspec.json.encode(a) for n, a in self.oracle.accounts.items() if n != name}
        known = self.oracle.accounts.get(name)
        first = self._first.get((name, record["id"])) if "id" in record else None
        if known is not None and self._passes_time(event, first):
            self.advance(name, known, parse_instant(record["at"]))
        before = msgspec.json.encode(known) if known is not None else b""
        stepped = self._apply(record)
        self._derived(record, before, stepped.answer)
        for other, encoded in others.items():
            same = msgspec.json.encode(self.oracle.accounts[other]) == encoded
            self._check("accounts_apart", same, f"{event} of {name} changed {other}.")
        self._judge(record, before, first, stepped)
        return stepped

    def _passes_time(self, event: str, first: Answer | None) -> bool:
        """Returns true if the time up to a record passes before it; `first` is the first answer under its id."""
        return True

    def _derived(self, record: dict[str, Any], before: bytes, answer: Answer) -> None:
        """Checks what is true by construction. `before` is the account before the record, as it is saved; empty without one."""

    def _judge(self, record: dict[str, Any], before: bytes, first: Answer | None, stepped: Stepped) -> None:
        """Checks what came of a record."""
        account = self.oracle.accounts[record["account"]]
        if before and (first is not None or stepped.answer.outcome == "refused"):
            was = msgspec.json.decode(before, type=Account)
            was.last_at, was.answers = account.last_at, account.answers
            part = "repeated_id" if first is not None else "refused_changes_nothing"
            self._check(part, was == account, f"{record['event']} changed the account.")
        if "id" in record:
            self._first.setdefault((record["account"], record["id"]), stepped.answer)
        self._note_quoted(stepped.answer)

    def _note_quoted(self, answer: Answer) -> None:
        """Keeps the number that an answer quotes, where it quotes one."""
        for number in SPEC.prices:
            if isinstance(told := getattr(answer, number, None), int):
                self.quoted = told

    def advance(self, name: str, account: Account, at: int) -> None:
        """Lets the time pass up to a record, so that what falls due by then is no part of it."""
        if account.last_at is not None and at > account.last_at:
            self._followed(name, lambda: self.oracle.advance(account, at))

    def _apply(self, record: dict[str, Any]) -> Stepped:
        """Runs a record; the history of a new account begins after it."""
        name = record["account"]
        stepped = self._followed(name, lambda: self.oracle.step(self.oracle.reader.convert(record)))
        if name not in self._history:
            self._history[name] = [self.oracle.app_balances(self.oracle.accounts[name].row)]
        return stepped

    def _followed(self, name: str, act: Callable[[], _Ran]) -> _Ran:
        """Continues the history of true balances with the steps that `act` takes."""
        try:
            ran = act()
        except Stuck as stuck:
            self._follow(name, stuck.steps)
            raise
        self._follow(name, ran.steps if isinstance(ran, Stepped) else ran)
        return ran

    def _follow(self, name: str, steps: list[MachineStep]) -> None:
        history, balances = self._history.get(name), self.oracle.app_balances
        for step in steps:
            if self._on_step is not None:
                self._on_step(name, step)
            if history is None or step.outcome[0] < 0:
                continue
            now = balances(step.outcome[1])
            # The months that one renewal job settles are one event, so the states between do not count.
            if step.is_further_run:
                history[-1] = now
            else:
                history.append(now)

    def shown(self, who: str, die: int) -> dict[str, int]:
        """Returns figures for a screen: some pools, as they are, as they were, or as they never were."""
        age, mask = divmod(die, 2 ** len(TOTAL_POOLS))
        # What changed nothing since is no other age: figures from before the last fetch are not far back then.
        history = list(dict.fromkeys(reversed(self._history.get(who) or [(0,) * len(TOTAL_POOLS)])))
        vector = history[min(age // 3, len(history) - 1)]
        extra = 1 if age == 15 else 0
        pools = [pool for bit, pool in enumerate(TOTAL_POOLS) if mask >> bit & 1] or [TOTAL_POOLS[0]]
        return {pool: min(vector[TOTAL_POOLS.index(pool)] + extra, COUNTABLE_MAX) for pool in pools}


def layer_checks() -> type[LayerChecks]:
    """Returns the checks of the specification."""
    found: type[LayerChecks] | None = hint("layer_checks")
    return found or LayerChecks

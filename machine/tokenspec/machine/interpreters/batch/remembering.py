"""The tables of what accounts remember, in WebAssembly: for ever, or for a time from its first use on.

What is remembered for a time has its account behind its code, and its instant in the last bits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from tokenspec.machine.interpreters.batch.tables import LOADS, LONG, SHORT, FingerprintTable, part, puts

DIRTY, BEGAN_BEFORE, MOVED, CHANGED = 1, 2, 4, 8
"""The flags of an account: somebody else has to look at it; it began in mid-life; an event has happened to it, and since the
last state was kept."""
_HEADS = {"entries": SHORT, "ids": LONG}
"""Bytes of the fingerprint and the code of a thing that is remembered."""
_END, _INSTANT = 32, 50
"""Bytes of a thing that is remembered for a time, and the bits of its instant at their end."""


class Remembering(ABC):
    """The tables of what accounts remember under `ids`, and under `entries` where their machine has a memory."""

    bits: int
    remember: int | None

    @property
    @abstractmethod
    def oldest(self) -> int:
        """The place in an account of the instant of the first thing that is remembered, where that is for a time only."""

    @property
    @abstractmethod
    def ended(self) -> int:
        """The place of the counts of ended periods in an account."""

    @property
    @abstractmethod
    def each_day(self) -> frozenset[str]:
        """The clocks that fall due each day."""

    def remembered(self, table: str, buries: str = "") -> FingerprintTable:
        """The table of what is remembered under a name."""
        head = _HEADS[table]
        if self.remember is None:
            return FingerprintTable(table, head, self.bits, LOADS[head])
        return FingerprintTable(table, _END, self.bits, dies=self._dies(table), buries=buries, upper_at=head + 4)

    def since(self, table: str, at: str) -> str:
        """The instant from which on a thing at an address is remembered."""
        return part(table, at, _END, _INSTANT)

    @property
    def address(self) -> str:
        """The type of the address of such a thing."""
        return f"i{self.bits}"

    @property
    def nowhere(self) -> str:
        """An address where there is none."""
        return "#-1" if self.bits == 32 else "~-1"

    def is_remembered(self, table: str, at: str, now: str) -> str:
        """True where a thing at an address, which is there, is remembered still."""
        if self.remember is None:
            return "#1"
        return f"(i64.lt_s (i64.sub {now} {self.since(table, at)}) ~{self.remember})"

    def _dies(self, table: str) -> str:
        """True where nobody asks for the thing at `%from` again: it is forgotten, or somebody else looks at its account."""
        account = f"(i32.load ${table} offset={_HEADS[table]} %from)"
        forgotten = f"(i32.eqz {self.is_remembered(table, '%from', f'(i64.load $accounts offset=8 {account})')})"
        return f"(i32.or {forgotten} (i32.and (i32.load $accounts {account}) #{DIRTY}))"

    def remembers(self, table: str, at: str, since: str) -> str:
        """The lines that note from which instant on a thing of the present account is remembered."""
        if self.remember is None:
            return ""
        oldest = f"(i64.load $accounts offset={self.oldest} @account)"
        return f"""{puts(table, at, _END, _INSTANT, since)} (i32.store ${table} offset={_HEADS[table]} {at} @account)
  (if (i64.lt_s {since} {oldest}) (then (i64.store $accounts offset={self.oldest} @account {since})))"""

    def forgets(self, now: str) -> str:
        """The lines that note that the present account has forgotten something."""
        if self.remember is None:
            return ""
        return f"""(if (i64.ge_s (i64.sub {now} (i64.load $accounts offset={self.oldest} @account)) ~{self.remember}) (then
    (i32.store $accounts @account (i32.or (i32.load $accounts @account) #{BEGAN_BEFORE}))))"""

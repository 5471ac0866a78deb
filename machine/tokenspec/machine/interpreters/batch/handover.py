"""Accounts handed out of a module and into it, in WebAssembly.

While `keeps` is 1, each thing that an account remembers is written to a journal with the text of its key, of which the tables
have a fingerprint alone: a kind, the account and the size of the text in four bytes each, four bytes of nothing, the text up to
a whole eight bytes, then numbers. Whoever reads the journal sets `journal_end` back to 0. With the records of the accounts that
have changed it makes the same accounts in another module under the same seeds.
"""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.accounts import STOPPED, Accounts
from tokenspec.machine.interpreters.batch.remembering import CHANGED, DIRTY, MOVED
from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.embedded.memory import SLOT

ACCOUNT, ENTRY, ID, NEW, STANDS, DIFFERS, SESSION, CHANGE, GIVEN, KNOWN = range(10)
"""The kinds of what the journal holds, and of what is handed in: the name of an account to which the first event happens, a thing
that it remembers, an id; the fingerprint of an account that begins, and its record, in the place of a text; the name of an
account that differs from another one for the first time; a session that comes to a state, and the balances that an account with
a session has changed to. Only handed in are accounts, each its name and its record, and ids of which no more is known."""
NOBODY = -1
"""In place of an account: what is told is of the one before it."""
HEAD = 16
"""Bytes before the text in a journal."""
_ROOM = 1 << 12
"""More bytes than the numbers behind a text."""
TEXT_MAX = 1 << 17
"""Bytes of the longest text that is redone."""
_TOLD_MAX = 1 << 24
"""Bytes of the journal from which no further record is told."""


class Handover:
    """The functions of `accounts` that hand out and take in."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._text = accounts.space.take(TEXT_MAX + _ROOM)

    def text(self) -> str:
        """The functions `$journal`, `$redo_text`, `$tell_...` and `$take_...` of an account, of an entry and of a number."""
        return long(f"""
(memory $journal (export "journal") 1)
(global $journal_end (export "journal_end") (mut i32) #0) (global $keeps (export "keeps") (mut i32) #0)
(func $journal_room (export "journal_room") (param $size i32) (local $wanted i32)
  (local.set $wanted (i32.add (i32.shr_u (i32.add @journal_end (i32.add %size #{_ROOM})) #16) #1))
  (if (i32.gt_u %wanted (memory.size $journal)) (then
    (if (i32.lt_s (memory.grow $journal (i32.sub %wanted (memory.size $journal))) #0) (then (unreachable))))))
(func $journal (param $kind i32) (param $at i32) (param $size i32) (local $whole i32)
  (local.set $whole (i32.and (i32.add %size #7) #-8))
  (call $journal_room %whole)
  (i32.store $journal @journal_end %kind) (i32.store $journal offset=4 @journal_end @account)
  (i64.store $journal offset=8 @journal_end (i64.extend_i32_u %size))
  (memory.copy $journal 0 (i32.add @journal_end #{HEAD}) %at %size)
  (global.set $journal_end (i32.add @journal_end (i32.add %whole #{HEAD}))))
(func $tell_number (param $number i64)
  (i64.store $journal @journal_end %number) (global.set $journal_end (i32.add @journal_end #{SLOT})))
;; Tells the name of the present account when the first event happens to it.
(func $tell_account (param $at i32) (param $size i32) (local $flags i32)
  (local.set $flags (i32.load $accounts @account))
  (if (i32.eq (i32.and %flags #{MOVED | CHANGED}) #{MOVED | CHANGED}) (then (return)))
  (i32.store $accounts @account (i32.or %flags #{MOVED | CHANGED}))
  (if (i32.and %flags #{MOVED}) (then (return)))
  (call $journal #{ACCOUNT} %at %size))
;; Tells the fingerprint of the present account, which begins.
(func $tell_new (call $journal #{NEW} #0 #0) (call $tell_number @mark_1) (call $tell_number @mark_2))
;; Tells how accounts stand that have changed, from a place on; returns where it stopped, 0 at the end.
(func (export "tell_changed") (param $from i32) (result i32)
  (global.set $account %from)
  (loop $next
    (if (i32.ge_u @account @accounts_end) (then (return #0)))
    (if (i32.ge_u @journal_end #{_TOLD_MAX}) (then (return @account)))
    (if (i32.and (i32.load $accounts @account) #{CHANGED}) (then
      (i32.store $accounts @account (i32.and (i32.load $accounts @account) #{~CHANGED}))
      (call $journal #{STANDS} #0 #0)
      (i64.store $journal (i32.sub @journal_end #8) ~{self._accounts.stride})
      (call $journal_room #{self._accounts.stride})
      (memory.copy $journal $accounts @journal_end @account #{self._accounts.stride})
      (global.set $journal_end (i32.add @journal_end #{self._accounts.stride}))))
    (global.set $account (i32.add @account #{self._accounts.stride}))
    (br $next))
  (unreachable))
;; Brings a text of the journal, with the numbers behind it, so many bytes, to where texts are read.
(func $redo_text (param $at i32) (param $size i32) (result i32)
  (if (i32.gt_u %size #{TEXT_MAX + _ROOM}) (then (unreachable)))
  (memory.copy 0 $journal #{self._text} %at %size)
  #{self._text})
;; Puts the account of this name, to which nothing has happened, into the state of a record; 1 where something had.
(func $take_account (param $at i32) (param $size i32) (param $record i32) (result i32) (local $flags i32)
  (call $names_room) (call $mark #0 %at %size) (global.set $account (call $account_of))
  (local.set $flags (i32.and (i32.load $accounts @account) #{DIRTY}))
  (if (i32.or %flags (i64.ne (i64.load $accounts offset=8 @account) ~{STOPPED})) (then (return #1)))
  (memory.copy $accounts 0 @account %record #{self._accounts.stride})
  #0)
{self._entries()}""")

    def _entries(self) -> str:
        entries = self._accounts.entries
        if entries is None:
            return ""
        tells = " ".join(f"(call $tell_number (i64.load #{at}))" for at in entries.kept)
        since = ""
        if self._accounts.remember is not None:
            tells += f" (call $tell_number {self._accounts.since('entries', '@entry')})"
            since = self._accounts.remembers("entries", "@entry", f"(i64.load offset={SLOT * len(entries.kept)} %numbers)")
        takes = " ".join(f"(i64.store #{at} (i64.load offset={SLOT * n} %numbers))" for n, at in enumerate(entries.kept))
        return f"""
;; Tells the entry that was written last.
(func $tell_entry (param $at i32) (param $size i32) (call $journal #{ENTRY} %at %size) {tells})
(func $take_entry (param $at i32) (param $size i32) (param $numbers i32)
  (call $entries_room) (call $mark @account %at %size) (global.set $entry (call $entries_find))
  (if (i64.eqz (i64.load $entries @entry)) (then (call $entries_add @entry)))
  {since}
  {takes}
  (call $keep_entry))"""

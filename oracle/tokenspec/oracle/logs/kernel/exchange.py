"""The state of accounts between the oracle and the kernel, both ways: loaded ones, snapshots, and what a run leaves."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tokenspec.machine.interpreters.batch import handover as kinds
from tokenspec.machine.interpreters.batch.accounts import DIAL, STOPPED
from tokenspec.machine.interpreters.batch.handover import HEAD, NOBODY, TEXT_MAX
from tokenspec.machine.interpreters.batch.remembering import BEGAN_BEFORE, CHANGED, DIRTY
from tokenspec.machine.interpreters.batch.short import NotCovered, long
from tokenspec.machine.interpreters.batch.tables import code_of, puts_code
from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.interpreters.embedded.memory import SLOT
from tokenspec.machine.lang.types import Tokens, Type, Value
from tokenspec.machine.wasm.ranks import number_of, value_of
from tokenspec.oracle.base.specification import ABSENT, POOLS, TOTAL_POOLS
from tokenspec.oracle.logs.kernel.names import RecordNames
from tokenspec.oracle.runtime.clocks import Dial
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account, MemoryEntry
from tokenspec.oracle.wire.answers import Answer

if TYPE_CHECKING:
    from tokenspec.machine.wasm.engine import Instance

_ENTRIES_MAX = 1 << 16
"""The most entries that are kept for further jobs that have the same."""
HEAD_FORM = struct.Struct("<IIq")
"""The head of each part of a journal, before its text."""
DIFFERS_HEAD = 5
"""The numbers before two answers that differ: the position, the number and the ends of their line, the instant, the event."""


class AccountExchange:
    """The forms in which accounts are handed in and out."""

    def __init__(self, names: RecordNames) -> None:
        self._names, self._accounts, self._oracle = names, names.accounts, names.oracle
        machine, memory = self._oracle.machine, self._oracle.machine.memory
        self._kinds = [v.type for v in machine.variables]
        self._clocks = [CLOCK_AT[clock.name] for clock in machine.clocks]
        self._held: list[Type] = [each.type for each in memory.holds] if memory is not None else []
        self._periods = len(memory.periods) if memory is not None else 0
        interface = self._accounts.interface
        self._answers_at = list(range(interface.areas["answers"], interface.areas["ledger"], SLOT))
        self._entries: dict[tuple[int, ...], MemoryEntry] = {}
        self._given_by: dict[tuple[str, int], list[Type | None]] = {}
        self._events = [e.name for e in names.judged]

    # What is handed out

    def tells_id(self) -> str:
        """The function `$tell_id`: the first use of an id, with all that was answered."""
        accounts, numbers = self._accounts, self.answered
        if self._oracle.remember is not None:
            numbers.append(accounts.since("ids", "%id"))
        told = " ".join(f"(call $tell_number {number})" for number in numbers)
        return long(f"""
(func $tell_id (param $at i32) (param $size i32) (param $id {accounts.address}) (param $event i32) (param $rule i32)
  (call $journal #{kinds.ID} %at %size)
  (call $tell_number {code_of("ids", "%id")})
  (call $tell_number (i64.extend_i32_s %event)) (call $tell_number (i64.extend_i32_s %rule)) {told})""")

    @property
    def answered(self) -> list[str]:
        """The numbers of the answer to the last step."""
        accounts = self._accounts
        numbers = [f"(i64.load #{slot.at})" for slot in map(accounts.interface.state.__getitem__, self._variables)]
        numbers += [f"(i64.load $accounts offset={accounts.dials + DIAL * n} @account)" for n in range(len(self._clocks))]
        return numbers + [f"(i64.load #{at})" for at in self._answers_at]

    @property
    def _variables(self) -> list[str]:
        return [v.name for v in self._oracle.machine.variables]

    @cached_property
    def stride(self) -> int:
        """Bytes of an account."""
        return self._accounts.stride

    @cached_property
    def _forms(self) -> dict[int, struct.Struct]:
        """By kind, the numbers behind a text of the journal."""
        answered = len(self._kinds) + len(self._clocks) + len(self._answers_at)
        since = 0 if self._oracle.remember is None else 1
        numbers = {kinds.ACCOUNT: 0, kinds.ENTRY: len(self._held) + self._periods + since}
        numbers |= {kinds.ID: 3 + answered + since, kinds.NEW: 2, kinds.DIFFERS: DIFFERS_HEAD + 2 * (1 + answered)}
        numbers |= {kinds.SESSION: 1 + len(TOTAL_POOLS), kinds.CHANGE: len(TOTAL_POOLS)}
        return {kind: struct.Struct(f"<{count}q") for kind, count in numbers.items()}

    @cached_property
    def sizes(self) -> dict[int, int]:
        """By kind, the bytes behind a text of the journal."""
        return {kind: form.size for kind, form in self._forms.items()}

    def places(self, journal: bytes) -> dict[int, list[int]]:
        """Returns by the number of an account at which places a journal tells of it."""
        found = defaultdict[int, list[int]](list)
        for at, place, _ in self._parts(journal):
            found[place // self.stride].append(at)
        return found

    def _parts(self, journal: bytes) -> Iterator[tuple[int, int, int]]:
        """Yields where each part of a journal is, the place of the account that it tells of, and the size of its text."""
        at, end, sizes = 0, len(journal), self.sizes
        while at < end:
            kind, place, size = HEAD_FORM.unpack_from(journal, at)
            yield at, place, size
            at += HEAD + (size + 7 & -8) + sizes[kind]

    def told(self, journal: bytes, at: int) -> tuple[int, str, tuple[int, ...]]:
        """Returns what a journal tells at a place: its kind, the text, the numbers."""
        kind, _, size = HEAD_FORM.unpack_from(journal, at)
        text = at + HEAD
        numbers = self._forms[kind].unpack_from(journal, text + (size + 7 & -8))
        return kind, str(journal[text : text + size], "utf-8"), numbers

    def remember(self, account: Account, kind: int, text: str, numbers: tuple[int, ...]) -> None:
        """Puts what the journal told of `account` into it, unless it has forgotten that since."""
        if kind == kinds.CHANGE:
            self._oracle.sessions.balances_change(account, numbers)
            return
        if kind == kinds.SESSION:
            state = value_of(self._oracle.session_machine.control_variable.type, numbers[0])
            self._oracle.sessions.comes_to(account, text, str(state), numbers[1:])
            return
        if account.noted is not None and account.used is not None and account.last_at is not None:
            *numbers_, since = numbers
            numbers = tuple(numbers_)
            of = account.noted if kind == kinds.ENTRY else account.used
            if account.last_at - since >= (self._oracle.remember or 0):
                return
            if of.setdefault(text, since) != since:
                del of[text]
                of[text] = since
        if kind == kinds.ENTRY:
            account.entries[text] = self._entries.get(numbers) or self._entry(numbers)
        elif kind == kinds.ID:
            _, event, *answered = numbers
            account.answers[text] = self.answer(self._events[event], answered)

    def _entry(self, numbers: tuple[int, ...]) -> MemoryEntry:
        """Returns the entry that these numbers stand for, the same one for many jobs: most are of a few costs."""
        if len(self._entries) >= _ENTRIES_MAX:
            self._entries.clear()
        held = _values(self._held, numbers[: len(self._held)])
        return self._entries.setdefault(numbers, MemoryEntry(held, numbers[len(held) :]))

    def answer(self, name: str, numbers: Sequence[int]) -> Answer:
        """Returns the answer to an event whose rule, and what is `answered`, have these numbers."""
        rule, *rest = numbers
        row, shown = rest[: len(self._kinds)], rest[len(self._kinds) : len(self._kinds) + len(self._clocks)]
        dials: list[Dial | None] = [None] * len(CLOCK_AT)
        for place, at in zip(self._clocks, shown, strict=True):
            dials[place] = None if at == STOPPED else Dial(at, at, at)
        met = Account(_values(self._kinds, row), dials=dials)
        decided_by = self._names.rules[rule].name if rule >= 0 else self._names.codes[-1 - rule]
        said = rest[len(self._kinds) + len(self._clocks) :]
        given = self._given(name, rule)
        answers = tuple([None if kind is None else value_of(kind, n) for kind, n in zip(given, said, strict=False)])
        return self._oracle.answer_of(met, name, (rule, met.row, answers), decided_by)

    def _given(self, event: str, rule: int) -> list[Type | None]:
        """The types of an event's answers, None for those that a rule does not give."""
        found = self._given_by.get((event, rule))
        if found is None:
            given = {a.name for a in self._names.rules[rule].answer} if rule >= 0 else set()
            slots = self._names.answers(event).items()
            found = self._given_by[event, rule] = [slot.kind if of in given else None for of, slot in slots]
        return found

    def lines_differing(self, journal: bytes) -> Iterator[tuple[int, int, int]]:
        """Yields the number of each line whose answers differ, and where it starts and ends."""
        form = struct.Struct("<8xqII")
        for at, _, size in self._parts(journal):
            yield form.unpack_from(journal, at + HEAD + (size + 7 & -8))

    def differing(self, journal: bytes) -> Iterator[tuple[int, str, int, str, tuple[int, ...]]]:
        """Yields the number and the name of each account whose answers differ, the instant, the event, and both answers."""
        for at, place, _ in self._parts(journal):
            _, name, numbers = self.told(journal, at)
            *_, instant, event = numbers[:DIFFERS_HEAD]
            yield place // self.stride, name, instant, self._events[event], numbers[DIFFERS_HEAD:]

    def flags(self, instance: Instance, count: int) -> list[int]:
        """Returns the flags of the first accounts, by number."""
        records = instance.read("accounts", 0, self.stride * count)
        return [flags for (flags,) in struct.Struct(f"<I{self.stride - 4}x").iter_unpack(records)]

    def balances(self, instance: Instance, numbers: Iterable[int]) -> Iterator[tuple[int, ...]]:
        """Yields the tokens of accounts, in the order of the pools; 0 where there is no account yet. Nothing runs meanwhile."""
        accounts, names = self._accounts, self._variables
        form, records = struct.Struct(f"<{len(names)}q"), memoryview(instance.view("accounts")).cast("B")
        control = self._oracle.machine.control_variable
        at, absent = names.index(control.name), number_of(control.type, str(ABSENT))
        pools, nothing = [names.index(pool) for pool in POOLS], (0,) * len(POOLS)
        first, stride = accounts.row, accounts.stride
        for number in numbers:
            row = form.unpack_from(records, stride * number + first)
            yield nothing if row[at] == absent else tuple([row[pool] for pool in pools])

    def records(self, instance: Instance, numbers: range) -> Iterator[tuple[int, ...]]:
        """Yields the records of accounts, of which the first number has the flags."""
        form = struct.Struct(f"<Iiq{(self.stride - 16) // SLOT}q")
        return form.iter_unpack(instance.read("accounts", self.stride * numbers.start, self.stride * len(numbers)))

    def account(self, record: tuple[int, ...]) -> Account:
        """Returns the account of a record; of its memory there is nothing in it yet."""
        flags, _, last_at, *rest = record
        dials: list[Dial | None] = [None] * len(CLOCK_AT)
        ran = [0] * len(CLOCK_AT)
        for n, where in enumerate(self._clocks):
            shown, upcoming, day, anchor, ran[where] = rest[5 * n : 5 * n + 5]
            dials[where] = None if shown == STOPPED else Dial(shown, upcoming, anchor, day)
        periods = 5 * len(self._clocks)
        ended, row = rest[periods : periods + self._periods], rest[periods + self._periods :][: len(self._kinds)]
        found = Account(_values(self._kinds, row), last_at, dials, ran, tuple(ended))
        found.is_from_mid_life = bool(flags & BEGAN_BEFORE)
        if self._oracle.remember is not None:
            found.noted, found.used = {}, {}
        return found

    # What is handed in

    def redoes(self) -> str:
        """The function `redo` of a part of the journal: all that it tells comes to these accounts.

        What is handed in has the form of a journal, and is about the account before it where it names none. The place of the last
        account is returned, -1 where something has happened to one already that is handed in.
        """
        sizes, stride, whole = self.sizes, self._accounts.stride, "(i32.and (i32.add %size #7) #-8)"
        entry = "(call $take_entry %text %size %numbers)" if self._accounts.entries is not None else ""
        session = f"""(if (i32.eq %kind #{kinds.SESSION}) (then
      (call $take_session %text %size %numbers)
      (local.set $at (i32.add %at #{sizes[kinds.SESSION]})) (br $next)))
    (if (i32.eq %kind #{kinds.CHANGE}) (then
      (call $take_balances %numbers)
      (if (i32.eq %account #{NOBODY}) (then (call $append_balances)) (else (call $balances_change)))
      (local.set $at (i32.add %at #{sizes[kinds.CHANGE]})) (br $next)))"""
        since = SLOT if self._oracle.remember is not None else 0
        return long(f"""
(func (export "redo") (param $at i32) (param $end i32) (result i32)
  (local $kind i32) (local $account i32) (local $size i32) (local $text i32) (local $numbers i32)
  (local $id {self._accounts.address}) (local $code i64)
  (block $done (loop $next
    (br_if $done (i32.ge_u %at %end))
    (local.set $kind (i32.load $journal %at))
    (local.set $account (i32.load $journal offset=4 %at)) (local.set $size (i32.load $journal offset=8 %at))
    (local.set $at (i32.add %at #{HEAD}))
    (if (i32.ne %account #{NOBODY}) (then (global.set $account %account)))
    (if (i32.eq %kind #{kinds.STANDS}) (then
      (memory.copy $accounts $journal @account %at #{self._accounts.further_at})
      (local.set $at (i32.add %at #{stride})) (br $next)))
    (local.set $text (call $redo_text %at (i32.add {whole} #{max(stride, *sizes.values())})))
    (local.set $numbers (i32.add %text {whole}))
    (local.set $at (i32.add %at {whole}))
    (br_if $next (i32.eq %kind #{kinds.ACCOUNT}))
    (if (i32.eq %kind #{kinds.GIVEN}) (then
      (if (call $take_account %text %size %numbers) (then (return #-1)))
      (local.set $at (i32.add %at #{stride})) (br $next)))
    (if (i32.eq %kind #{kinds.NEW}) (then
      (call $names_room)
      (global.set $mark_1 (i64.load %numbers)) (global.set $mark_2 (i64.load offset=8 %numbers))
      (drop (call $account_of))
      (local.set $at (i32.add %at #{sizes[kinds.NEW]})) (br $next)))
    (if (i32.eq %kind #{kinds.ENTRY}) (then
      {entry}
      (local.set $at (i32.add %at #{sizes[kinds.ENTRY]})) (br $next)))
    {session if self._names.sessions is not None else ""}
    (call $ids_room) (call $mark @account %text %size)
    (local.set $id (call $ids_find))
    (if (i64.eqz (i64.load $ids %id)) (then (call $ids_add %id)))
    ;; Of an id that is handed in the first use is not known, so that nothing is said of a repeat.
    (local.set $code ~0)
    (local.set $size #{since})
    (if (i32.eq %kind #{kinds.ID}) (then (local.set $code (i64.load %numbers)) (local.set $size #{sizes[kinds.ID]})))
    {puts_code("ids", "%id", "%code")}
    {self._accounts.remembers("ids", "%id", f"(i64.load (i32.sub (i32.add %numbers %size) #{SLOT}))")}
    (local.set $at (i32.add %at %size)) (br $next)))
  @account)""")

    def handed_in(self, accounts: Iterable[tuple[str, Account]], most: int) -> Iterator[bytes]:
        """Yields what is handed in of accounts, in blocks of at most so many bytes where no part of them is larger."""
        block = bytearray()
        for name, account in accounts:
            for part in self.parts_of(name, account):
                if block and len(block) + len(part) > most:
                    yield bytes(block)
                    block.clear()
                block += part
        yield bytes(block)

    def parts_of(self, name: str, account: Account, place: int | None = None) -> Iterator[bytes]:
        """Yields the parts of what is handed in of an account, which has its place already where that is given."""
        numbers: list[int] = []
        for clock in self._clocks:
            dial = account.dials[clock]
            said = (STOPPED, NEVER, 0, 0) if dial is None else (dial.shown, dial.upcoming, dial.day, dial.anchor)
            numbers += [*said, account.ran[clock]]
        numbers += [*account.ended, *(number_of(of, value) for of, value in zip(self._kinds, account.row, strict=True))]
        if self._oracle.remember is not None:
            numbers.append(min([*(account.noted or {}).values(), *(account.used or {}).values()], default=NEVER))
        numbers += [0] * ((self._accounts.stride - self._accounts.further_at) // SLOT)
        last_at = STOPPED if account.last_at is None else account.last_at
        flags = (BEGAN_BEFORE if account.is_from_mid_life else 0) | (0 if self._covers(account) else DIRTY | CHANGED)
        record = struct.pack(f"<Iiq{len(numbers)}q", flags, 0, last_at, *numbers)
        yield (_part(kinds.GIVEN, name) if place is None else HEAD_FORM.pack(kinds.STANDS, place, len(record))) + record
        for key, entry in account.entries.items():
            held = [number_of(of, value) for of, value in zip(self._held, entry.held, strict=True)]
            yield _part(kinds.ENTRY, key, [*held, *entry.since, *self._since(account, account.noted, key)])
        for key in account.answers:
            yield _part(kinds.KNOWN, key, self._since(account, account.used, key))
        yield from self._sessions(account)

    def _covers(self, account: Account) -> bool:
        """Returns whether the kernel can go on with an account: the last balances that a session may show are those of now."""
        if not account.timeline or not account.sessions or self._names.sessions is None:
            return not account.timeline and not account.sessions
        return account.timeline[-1] == self._oracle.app_balances(account.row)

    def _sessions(self, account: Account) -> Iterator[bytes]:
        """Yields the balances that sessions may show, each with the sessions that fetched it last behind it."""
        steps = self._names.sessions
        for position, balances in enumerate(account.timeline if steps is not None else ()):
            yield _part(kinds.CHANGE, "", balances)
            for name, session in account.sessions.items():
                if session.since == position and steps is not None:
                    yield _part(kinds.SESSION, name, [steps.number_of(session.state), *balances])

    def _since(self, account: Account, known: Mapping[str, int] | None, name: str) -> list[int]:
        return [] if self._oracle.remember is None else [(known or {}).get(name, account.last_at or 0)]


def _values(kinds: list[Type], numbers: Sequence[int]) -> tuple[Value, ...]:
    return tuple([n if isinstance(of, Tokens) else value_of(of, n) for of, n in zip(kinds, numbers, strict=True)])


def _part(kind: int, text: str, numbers: Sequence[int] = ()) -> bytes:
    """Returns what is handed in of a kind, with the numbers behind its text."""
    content = text.encode(errors="surrogatepass")
    if len(content) > TEXT_MAX:
        raise NotCovered("a text is too long to be handed in")
    head = HEAD_FORM.pack(kind, NOBODY & 2**32 - 1, len(content))
    return head + content.ljust(len(content) + 7 & -8, b"\0") + struct.pack(f"<{len(numbers)}q", *numbers)


def redone(instance: Instance, content: bytes) -> int:
    """Lets a module redo what a journal tells, or what is handed in, and tell nothing of it; returns what `redo` does."""
    at, keeps = instance.value("journal_end"), instance.value("keeps")
    instance.set_value("keeps", 0)
    instance.call("journal_room", len(content))
    instance.write("journal", at, content)
    place = instance.call("redo", at, at + len(content))
    instance.set_value("keeps", keeps)
    return place


def drained(instance: Instance) -> bytes:
    """Returns what a module has written, which is then written no more."""
    size = instance.value("journal_end")
    part = instance.read("journal", 0, size) if size else b""
    instance.set_value("journal_end", 0)
    return part

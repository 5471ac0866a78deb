"""The kernel's module for one choice of settings: account, scanner and judge in one, and the places that its caller uses."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from tokenspec.machine.interpreters.batch.short import NotCovered, Space, long
from tokenspec.machine.interpreters.batch.tables import POINT, TIMES
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.interpreters.embedded.module import module_text
from tokenspec.machine.lang.derived.entries import with_entry
from tokenspec.oracle.logs.kernel.answers import Role
from tokenspec.oracle.logs.kernel.columns import CELLS, COLUMN, IDENTITIES, columns_text
from tokenspec.oracle.logs.kernel.forms import Forms, signed
from tokenspec.oracle.logs.kernel.judge import RecordJudge
from tokenspec.oracle.logs.kernel.names import RecordNames
from tokenspec.oracle.logs.kernel.scanner import LINE_MAX, SLACK, ScannerPlaces, scanner_text
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Line, Logs

_PAGE = 65_536
BLOCK = 1 << 22
"""Bytes that are scanned at once, and that a line may have."""


@dataclass(frozen=True)
class KernelModule:
    """The text of a module that judges rows, and the bytes of memory that are in use, those of a leading module among them."""

    text: str
    judge: RecordJudge
    end: int


@dataclass(frozen=True)
class ScanningModule(KernelModule):
    """A module that makes the rows. `counts` has the place of each count of hits, with the event and the rule or the code."""

    buffer: int
    rewritten: int
    """The place of a line that was odd, written anew."""
    at: ScannerPlaces
    columns: int
    """The place of the descriptions of columns."""
    cells: int
    """The place of what columns hold."""
    counts: tuple[tuple[int, str, str], ...]

    @property
    def cleared(self) -> list[int]:
        """The places of all counts but those of unknown names."""
        return [*self.judge.sums, *(at for at, _, _ in self.counts)]


_ROW, _RECORD = 200, 64
"""Bytes that a row of a table is taken to have, and the fewest of a record that names something to be remembered."""
WIDE_FROM = 10 << 30
"""The size in bytes of a log from which it may name more jobs, or ids, than a table can have at addresses of 32 bits."""


def size_of(logs: Iterable[Line]) -> int | None:
    """Returns the size in bytes of the lines, where it is known."""
    if isinstance(logs, Logs):
        return sum(file.seek(0, os.SEEK_END) for _, file in logs.files())
    rows = getattr(logs, "row_count", None)
    return None if rows is None else rows * _ROW


def bits_for(size: int | None, oracle: Oracle, known: int) -> int:
    """Returns the bits of addresses in tables for a log of so many bytes, where so many jobs and ids are known already."""
    # What is remembered for a time takes nearly twice the bytes.
    most = WIDE_FROM if oracle.remember is None else WIDE_FROM // 2
    return 64 if size is None or size + known * _RECORD >= most else 32


def growth(passed: int, size: int | None) -> int:
    """Returns what `growth` has to be behind so many bytes of all, where the rest is taken to be like them."""
    return min(size // (passed >> POINT), TIMES << POINT) if size is not None and passed >> POINT else TIMES << POINT


def module_of(oracle: Oracle, bits: int = 32, role: Role = Role.ALONE) -> ScanningModule:
    """Returns the module for the settings of `oracle`. Raises `NotCovered` where a kernel cannot have them."""
    try:
        judge = _judge_of(oracle, bits, role, 0)
        space, forms, names, parts = judge.names.space, judge.names.forms, judge.names, list(judge.parts())
        at, bit = ScannerPlaces.of(space, forms), names.account.bit
        columns, cells = space.take(COLUMN * len(names.columns)), space.take(CELLS + SLACK, 16)
        parts.append(columns_text(columns, signed(bit), (at.rows, forms.row), at.listed - 8, space.take(IDENTITIES)))
        parts.append(scanner_text(space, forms, at, bit, judge.answers.leads))
        parts.append(
            long(f"""
(func (export "mark_dirty") (param $at i32) (param $size i32)
  (call $names_room) (call $mark #0 %at %size) (global.set $account (call $account_of)) (call $soil))
(func (export "is_marked") (param $at i32) (param $size i32) (result i32)
  (call $names_room) (call $mark #0 %at %size) (global.set $account (call $account_of)) (call $is_dirty))
(func (export "set_before") (param $size i32)
  (global.set $before_at #{at.kept}) (global.set $before_size %size))
(func (export "begin_again")
  (call $ids_clear) (call $forget_unknown)""")
        )
        parts.append(long("(call $forget)" if oracle.machine.memory is not None else "") + judge.sessions.forgets)
        cleared = [*judge.sums, *(at for at, _, _ in judge.counted())]
        parts.append(long(" ".join(f"(i64.store #{at} ~0)" for at in cleared)))
        parts.append(
            long("""
  (global.set $identical ~0) (global.set $position ~0) (global.set $before_size #0) (global.set $rest_end #0)
  (call $begin_all))""")
        )
        buffer, rewritten = space.take(BLOCK + SLACK, 16), space.take(LINE_MAX + SLACK, 16)
        text = _text(judge, parts)
    except OverflowError as fault:
        raise NotCovered(str(fault)) from None
    counts = tuple(judge.counted())
    return ScanningModule(text, judge, space.end, buffer, rewritten, at, columns, cells, counts)


def following(leading: KernelModule, oracle: Oracle) -> KernelModule:
    """Returns the module that follows under the settings of `oracle`. Raises `NotCovered` where it cannot."""
    try:
        judge = _judge_of(oracle, leading.judge.names.accounts.bits, Role.FOLLOWS, leading.end)
        if not judge.reads_rows_of(leading.judge):
            raise NotCovered("the rows of the two kernels are of other forms")
        return KernelModule(_text(judge, judge.parts()), judge, judge.names.space.end)
    except OverflowError as fault:
        raise NotCovered(str(fault)) from None


def _judge_of(oracle: Oracle, bits: int, role: Role, behind: int) -> RecordJudge:
    """Returns a judge whose places are behind so many bytes."""
    machine = oracle.machine
    first = -(-behind // _PAGE) * _PAGE
    space = Space(first + Interface(machine if machine.memory is None else with_entry(machine)).size, first=first)
    return RecordJudge(RecordNames(oracle, space, Forms(space), bits), role)


def _text(judge: RecordJudge, parts: Iterable[str]) -> str:
    """Returns the text of the module; the parts take their places before it is known how many pages there are."""
    parts, space = list(parts), judge.names.space
    figures, interface = judge.names.oracle.parameters, judge.names.accounts.interface
    shares = judge.answers.role is Role.FOLLOWS
    return module_text(interface, figures, [*parts, *space.data], -(-space.end // _PAGE), fixed=True, shares=shares)

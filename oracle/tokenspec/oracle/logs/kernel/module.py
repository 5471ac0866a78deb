"""The kernel's module for one choice of settings: account, scanner and judge in one, and the places that its caller uses."""

from __future__ import annotations

from dataclasses import dataclass

from tokenspec.machine.interpreters.batch.short import NotCovered, Space, long
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.interpreters.embedded.module import module_text
from tokenspec.machine.lang.derived.entries import with_entry
from tokenspec.oracle.logs.kernel.forms import Forms
from tokenspec.oracle.logs.kernel.judge import RecordJudge
from tokenspec.oracle.logs.kernel.names import RecordNames
from tokenspec.oracle.logs.kernel.scanner import LINE_MAX, LISTED, ROWS, scanner_text
from tokenspec.oracle.logs.kernel.told import Told
from tokenspec.oracle.runtime.oracle import Oracle

_PAGE = 65_536
_SLACK = 64
"""Bytes that the scanner may read behind what it was given."""
LISTED_MAX = 1 << 16
"""The largest number of lines that are listed at once."""
BLOCK = 1 << 20
"""Bytes that are scanned at once, and that a line may have."""


@dataclass(frozen=True)
class KernelModule:
    """The text of a module. `counts` has the place of each count of hits, with the event and the rule or the code."""

    text: str
    buffer: int
    listed: int
    asked: int
    compared: int
    nothing_observed: int
    unknown: int
    counts: tuple[tuple[int, str, str], ...]
    told: Told


def module_of(oracle: Oracle) -> KernelModule:
    """Returns the module for the settings of `oracle`. Raises `NotCovered` where a kernel cannot have them."""
    machine = oracle.machine
    whole = machine if machine.memory is None else with_entry(machine)
    space = Space(Interface(whole).size)
    forms = Forms(space)
    try:
        names = RecordNames(oracle, space, forms)
        judge = RecordJudge(names)
        parts = list(judge.parts())
        words, parents = forms.dictionary(), space.put(bytes(forms.parents))
        rows = space.take(ROWS * forms.row, 64), forms.row
        kept, listed = space.take(LINE_MAX + _SLACK), space.take(8 + LISTED * LISTED_MAX) + 8
        told = space.take(8)
        bit = names.account.bit
        parts.append(scanner_text(words, parents, forms.nothing, rows, bit, kept, listed, LISTED_MAX, told))
        parts.append(
            long("""
(func (export "mark_dirty") (param $at i32) (param $size i32)
  (call $names_room) (call $mark #0 %at %size) (global.set $account (call $account_of)) (call $soil))
(func (export "begin_again")
  (call $ids_clear) (call $forget_unknown)""")
        )
        parts.append(long("(call $forget)" if machine.memory is not None else ""))
        cleared = [judge.compared, judge.nothing_observed, *(at for at, _, _ in judge.counted())]
        parts.append(long(" ".join(f"(i64.store #{at} ~0)" for at in cleared)))
        parts.append(
            long("""
  (global.set $identical ~0) (global.set $position ~0) (global.set $before_size #0) (global.set $rest_end #0)
  (call $begin_all))""")
        )
        buffer = space.take(BLOCK + _SLACK, 16)
        pages = -(-space.end // _PAGE)
        text = module_text(names.accounts.interface, oracle.parameters, [*parts, *space.data], pages, fixed=True)
    except OverflowError as fault:
        raise NotCovered(str(fault)) from None
    return KernelModule(
        text, buffer, listed, told, judge.compared, judge.nothing_observed, judge.unknown, tuple(judge.counted()), judge.told
    )

"""A replay by the kernel: all lines in one pass, and those of the accounts that it cannot vouch for once more by the oracle.

The kernel's only verdict is that a record conforms. An account of which it cannot say that of every record is *dirty*: its
records do not count, and the oracle judges it from its first line on, as it would without the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.oracle.logs.against import Against
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.module import size_of
from tokenspec.oracle.logs.kernel.on_the_way import OnTheWay
from tokenspec.oracle.logs.kernel.settings_compared import LeadingKernel
from tokenspec.oracle.logs.replay import Report, replay
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import AccountsInParts
from tokenspec.oracle.wire.log_files import Line, Logs

SMALLEST = 1 << 22
"""The size in bytes from which a log is worth a module of its own."""
_MANY = 1 << 20
"""The number of accounts, and of what they remember, that are handed to a module rather than held in full."""


@runtime_checkable
class SizedLines(Protocol):
    """Lines that are in no file as they are: those of a table's rows, or lines in another order."""

    row_count: int

    def __iter__(self) -> Iterator[Line]:
        """Yields the lines, in order; more than once."""
        ...


def replay_by_kernel(
    logs: Logs | SizedLines,
    oracle: Oracle,
    on_bytes: Callable[[int], None] | None = None,
    smallest: int = SMALLEST,
    keeps_state: bool = False,
    way: OnTheWay | None = None,
    against: Against | None = None,
    before: AccountsInParts | None = None,
    keep: Callable[[Iterable[tuple[str, Account]]], None] | None = None,
) -> tuple[Report, Iterable[Line]] | None:
    """Replays logs from their start through `oracle`; returns the report, and the lines of all accounts that diverge.

    The accounts of `oracle` are those before the logs, unless these are given as `before`, and where `keeps_state`, behind them
    afterwards, unless `keep` takes these one by one. States on the way go through `way`, which may be at one already. `against`
    compares another setting. Returns None where the logs are smaller than `smallest` and little was remembered before them, or
    where kernels do not cover them or the settings.
    """
    size = size_of(logs)
    before = before or (way.before if way is not None else None)
    if size is not None and size < smallest and (before is None or before.count + before.remembered < _MANY):
        return None
    if any(getattr(logs, "observes_answers", {}).values()):
        return None
    try:
        # Not at the top: most logs are small, and an installation may lack the engine.
        from tokenspec.machine.wasm.engine import FAILURES
    except ImportError:
        return None
    told = 0

    def tell(size: int) -> None:
        nonlocal told
        told += size
        if on_bytes is not None:
            on_bytes(size)

    try:
        leads = None if against is None else LeadingKernel(logs, oracle, against.other)
        kernel = leads or AuditKernel(logs, oracle, keeps_state, way, before)
        kernel.find_dirty(tell)
        rest, progress = kernel.left_to_oracle()
        compared = None if against is None else Against(rest, against.other.fork({}))
        report = replay(kernel if kernel.has_dirty else (), rest, against=compared, progress=progress)
        kernel.ends()
        if against is not None and compared is not None:
            against.takes_over(compared, kernel.named, kernel.further)
        kernel.add_to(report)
        if keeps_state:
            behind = kernel.behind(rest.accounts)
            keep(behind) if keep is not None else oracle.accounts.update(dict(behind))
    except (NotCovered, *FAILURES):
        tell(-told)
        return None
    return report, kernel

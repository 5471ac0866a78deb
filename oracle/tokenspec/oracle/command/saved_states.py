"""The states that a replay begins from and leaves: those on the way, and that at its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import click

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.whole_files import cannot_be_written, written
from tokenspec.oracle.logs.kernel.journal_file import JournalFile
from tokenspec.oracle.logs.progress import SavedOnTheWay, WritesState
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.output import noted
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.journal import written as as_time
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import AccountsInParts, SavedState, StateDigest, write_state

_OPTION = "--save-state"
_BLOCK = 1 << 20


class StateToSave:
    """The file of `--save-state`, to which the state of `run` goes behind each `every` lines, and at the end.

    Where it could not be written once, that is in `failed`, and it is not tried again: the run goes on for its verdict.
    """

    def __init__(self, path: str, every: int | None, run: SavedOnTheWay, failed: list[WrongUsage]) -> None:
        self._path, self._failed, self._at_end = path, failed, ExitStack()
        run.every, run.keep = every, self.keep
        self._digest: StateDigest | None = None
        is_file = not Path(path).exists() or Path(path).is_file()
        self.journal = JournalFile(path, self._journal_failed) if every is not None and is_file else None
        """The journal beside it, where states are kept on the way."""
        click.get_current_context().call_on_close(self._abandon)

    def _abandon(self) -> None:
        """Leaves the old file as it was, where the run ends before all has been found out."""
        self._at_end.__exit__(GeneratorExit, GeneratorExit(), None)

    @property
    def _can_be_written(self) -> bool:
        return all(fault.key != _OPTION for fault in self._failed)

    def _journal_failed(self, fault: OSError) -> None:
        self._failed.append(cannot_be_written(_OPTION, str(fault.filename or "its journal"), fault))

    def keep(self, write: WritesState) -> None:
        """Keeps a state on the way."""
        self._write(write)
        with noted(self._failed):
            self._at_end.close()

    def _write(self, write: WritesState) -> None:
        """Writes a state beside the file. It takes its place when the stack is closed."""
        if not self._can_be_written:
            return
        with noted(self._failed):
            try:
                with ExitStack() as opened:
                    write(opened.enter_context(written(_OPTION, self._path)))
                    self._at_end = opened.pop_all()
            except OSError as fault:
                raise cannot_be_written(_OPTION, self._path, fault) from None

    def ends(self, oracle: Oracle, accounts: Iterable[tuple[str, Account]]) -> None:
        """Writes the state at the end, with these accounts; it takes its place when all else has been found out."""
        self._digest = StateDigest()
        counted = self._digest.of(accounts)
        self._write(partial(write_state, oracle=oracle, accounts=counted))
        # Where it could not be written its digest is told all the same.
        deque(counted, 0)

    def saved(self, report: RunReport, oracle: Oracle) -> RunReport:
        """Saves the state at the end; returns the report with its digest."""
        if self._digest is None:
            self.ends(oracle, oracle.accounts.items())
        with noted(self._failed):
            self._at_end.close()
        if self.journal is not None and self._can_be_written:
            self.journal.remove()
        return replace(report, data=lambda: report.data() | {"state_digest": str(self._digest)})


class Begun:
    """The oracle of a replay as it begins: with nothing, or `loaded` from a file. Raises `BadSetting`, `WrongUsage`."""

    def __init__(self, settings: Settings, resets: str, loaded: str | None, remember: int | None) -> None:
        self.before: AccountsInParts | None = None
        """The accounts before the logs, where the oracle does not hold them."""
        self._file = loaded or ""
        self._progress: dict[str, Any] | None = None
        if loaded is None:
            self.oracle = Oracle(settings.policy, settings.catalogue, resets, remember=remember)
            return
        saved = SavedState(_opened(loaded), loaded)
        self.oracle, self.before, self._progress = saved.oracle, saved.accounts, saved.progress
        if remember is not None and remember != self.oracle.remember:
            known = "for ever" if self.oracle.remember is None else f"for {as_time(self.oracle.remember)}"
            raise WrongUsage("--remember", f"{loaded} remembers {known}; leave it out, or replay from the start")

    def goes_on(self, run: SavedOnTheWay) -> None:
        """Brings `run` to where it was, if the state is of a replay that had not come to its end."""
        if self._progress is not None:
            self.takes_in()
            run.go_on_from(self._progress, self._file)

    def takes_in(self) -> None:
        """Gives the accounts before the logs to the oracle, where it does not hold them."""
        if self.before is not None:
            self.oracle.accounts.update(self.before.items())
            self.before = None


def _opened(path: str) -> IO[bytes]:
    """Opens a file as long as the verb runs."""
    context = click.get_current_context()
    file: IO[bytes] = context.with_resource(Path(path).open("rb"))
    if file.seekable():
        return file
    copied: IO[bytes] = context.with_resource(TemporaryFile())
    while block := file.read(_BLOCK):
        copied.write(block)
    return copied

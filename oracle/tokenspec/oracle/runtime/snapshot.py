"""The state of an oracle as a file, so that a replay can go on tomorrow where it stopped today."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

from tokenspec.machine.interpreters.calendars import NEVER, Months
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.runtime.clocks import runs_in
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.possible_states import possible_states
from tokenspec.oracle.wire.observations import FIRST_INSTANT, LAST_INSTANT
from tokenspec.oracle.wire.settings import catalogue_from

_T = TypeVar("_T")

VERSION = 6
"""The version of the file format. A file of another version is refused, not guessed at."""


class _Head(msgspec.Struct):
    version: int
    checksum: str = ""
    """SHA-256 of the file as `save` writes it without a checksum."""


class _Saved(_Head, kw_only=True):
    digest: str
    policy: dict[str, str]
    catalogue: dict[str, Any]
    resets: str
    accounts: dict[str, Account]
    remember: int | None = None
    """Milliseconds for which ids and jobs are remembered; None for ever."""
    progress: dict[str, Any] | None = None


def save(oracle: Oracle, progress: dict[str, Any] | None = None) -> bytes:
    """Returns the state of `oracle` as JSON: its settings, and each account with its journal and clocks.

    `progress` is kept beside them, for a replay that has not come to its end.
    """
    catalogue = dict(oracle.catalogue.written())
    saved = _Saved(
        VERSION, digest=oracle.digest, policy=oracle.policy, catalogue=catalogue, resets=oracle.resets, accounts=oracle.accounts
    )
    saved.progress, saved.remember = progress, oracle.remember
    saved.checksum = _checksum(saved)
    return msgspec.json.encode(saved)


def _checksum(saved: _Saved) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(saved, checksum=""))).hexdigest()


def load(content: bytes, name: str = "state") -> Oracle:
    """Returns the oracle that `save` wrote, as `load_with_progress` does."""
    return load_with_progress(content, name)[0]


def load_with_progress(content: bytes, name: str = "state") -> tuple[Oracle, dict[str, Any] | None]:
    """Returns the oracle that `save` wrote, and what was kept beside it; `name` is that of the file.

    Raises `BadSetting` where the file has another version or declaration, is not a saved state, was changed by hand, or
    holds an account that cannot exist.
    """
    version = _decoded(content, _Head, name).version
    if version != VERSION:
        raise BadSetting(name, f"it has version {version}, and this program reads version {VERSION}")
    saved = _decoded(content, _Saved, name)
    try:
        oracle = Oracle(saved.policy, catalogue_from(saved.catalogue), saved.resets, remember=saved.remember)
    except BadSetting as fault:
        raise BadSetting(f"{name}: {fault.key}", fault.rule) from None
    if saved.digest != oracle.digest:
        raise BadSetting(name, "it was saved under another declaration of the account; replay from the start")
    if saved.checksum != _checksum(saved):
        raise BadSetting(name, "it is not as it was saved: its checksum is another; replay from the start")
    for account_name, account in saved.accounts.items():
        wrong = wrong_with(oracle, account)
        if wrong is not None:
            raise BadSetting(name, f"it is not as it was saved: account {one_line(account_name)}: {wrong}")
    return oracle.fork(saved.accounts), saved.progress


def _decoded(content: bytes, kind: type[_T], name: str) -> _T:
    try:
        return decode(content, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadSetting(name, f"it is not a saved state: {fault}") from None


def wrong_with(oracle: Oracle, account: Account) -> str | None:
    """Returns the reason why `oracle` could not have reached `account`; None where there is none."""
    wrong = possible_states(oracle.compiled, oracle.catalogue).wrong_with(account.row)
    if wrong is not None:
        return wrong
    return wrong_with_clocks(oracle, account) or oracle.memory.wrong_with(account) or _wrong_with_sessions(oracle, account)


def wrong_with_clocks(oracle: Oracle, account: Account) -> str | None:
    """Returns the reason why no account has the clocks of `account`; None where there is none."""
    if account.last_at is not None and not FIRST_INSTANT <= account.last_at <= LAST_INSTANT:
        return "its last record has no instant"
    if len(account.dials) != len(CLOCK_AT) or len(account.ran) != len(CLOCK_AT):
        return "it has other clocks"
    if not all(FIRST_INSTANT <= ran <= 2 * LAST_INSTANT for ran in account.ran):
        return "the last job of a clock has no instant"
    state = str(account.row[oracle.control])
    for dial, clock in zip(account.dials, oracle.clocks.values(), strict=True):
        # A clock set beyond the calendar would run for ever.
        if dial is not None and not (
            all(FIRST_INSTANT <= at <= 2 * LAST_INSTANT or at == NEVER for at in (dial.shown, dial.upcoming))
            and FIRST_INSTANT <= dial.anchor <= 2 * LAST_INSTANT
            and isinstance(clock.calendar, Months) <= dial.day <= 31
        ):
            return "a clock of it shows no instant"
        runs = runs_in(oracle.machine, clock.declared.name, state) if oracle.parameters.get(clock.declared.of) != 0 else False
        if runs is not None and runs != (dial is not None):
            return f"an account that is {state} has other clocks"
    return None


def _wrong_with_sessions(oracle: Oracle, account: Account) -> str | None:
    control = oracle.session_machine.control_variable.type
    states = control.members if isinstance(control, Enum) else ()
    for session in account.sessions.values():
        if session.state not in states:
            return "a session is in a state that there is not"
        if not 0 <= session.since < len(account.timeline):
            return "a session fetched a balance that the file does not hold"
    return None

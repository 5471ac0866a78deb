"""The state of an oracle as a file, so that a replay can go on tomorrow where it stopped today.

It is written and read account by account, so that it may be larger than the memory.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

import msgspec

from tokenspec.machine.interpreters.calendars import NEVER, Months
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.runtime.clocks import runs_in
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account, MemoryEntry
from tokenspec.oracle.runtime.mid_life import possible_states
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.observations import FIRST_INSTANT, LAST_INSTANT
from tokenspec.oracle.wire.settings import catalogue_from

_T = TypeVar("_T")

VERSION = 6
"""The version of the file format. A file of another version is refused, not guessed at."""
_BLOCK = 1 << 20
_HEAD_MAX = 1 << 24
"""Bytes before the accounts that are looked through for where those begin."""
_CHECKSUM, _FIRST, _BEGINS = b'"checksum":"', b',"accounts":{', b'":{"row":['
"""The bytes before the checksum, before the accounts, and between the name of an account and its row: within a text the
quotation marks of these would be escaped."""
_ENDS = re.compile(rb'\},"remember":(null|\d+),"progress":null\}$')
"""The bytes behind the accounts in the state of a replay that has come to its end."""


class _Head(msgspec.Struct):
    version: int
    checksum: str = ""
    """SHA-256 of the file without a checksum."""


class _Settings(_Head, kw_only=True):
    digest: str
    policy: dict[str, str]
    catalogue: dict[str, Any]
    resets: str


class _Rest(msgspec.Struct):
    remember: int | None = None
    """Milliseconds for which ids and jobs are remembered; None for ever."""
    progress: dict[str, Any] | None = None


class _Saved(_Settings, kw_only=True):
    accounts: dict[str, Account]
    remember: int | None = None
    progress: dict[str, Any] | None = None


class AccountsInParts:
    """Accounts that need not all be in memory at once: `parts` of them come as often as they are asked for."""

    def __init__(self, parts: Callable[[], Iterable[Mapping[str, Account]]]) -> None:
        self.parts = parts
        self.count = self.remembered = 0
        """The number of accounts, and that of all that they remember."""
        for _, account in self.items():
            self.count += 1
            self.remembered += len(account.entries) + len(account.answers)

    @classmethod
    def of(cls, accounts: Mapping[str, Account]) -> AccountsInParts:
        """Returns accounts that are in memory, as they are now."""
        part = dict(accounts)
        return cls(lambda: [part])

    def items(self) -> Iterator[tuple[str, Account]]:
        """Yields each account with its name, in order."""
        for part in self.parts():
            yield from part.items()


def save(oracle: Oracle, progress: dict[str, Any] | None = None) -> bytes:
    """Returns the state of `oracle` as `write_state` writes it."""
    file = BytesIO()
    write_state(file, oracle, oracle.accounts.items(), progress)
    return file.getvalue()


def write_state(
    file: IO[bytes], oracle: Oracle, accounts: Iterable[tuple[str, Account]], progress: dict[str, Any] | None = None
) -> None:
    """Writes a state as JSON: the settings of `oracle`, and each of the accounts with its journal and clocks.

    `progress` is kept beside them, for a replay that has not come to its end.
    """
    if not file.seekable():
        with TemporaryFile() as beside:
            write_state(beside, oracle, accounts, progress)
            beside.seek(0)
            while copied := beside.read(_BLOCK):
                file.write(copied)
        return
    catalogue = dict(oracle.catalogue.written())
    settings = _Settings(VERSION, digest=oracle.digest, policy=oracle.policy, catalogue=catalogue, resets=oracle.resets)
    head = msgspec.json.encode(settings)[:-1] + _FIRST
    place, encoder = head.index(_CHECKSUM) + len(_CHECKSUM), msgspec.json.Encoder()
    read, start = hashlib.sha256(head), file.tell()
    file.write(head[:place] + b"0" * read.digest_size * 2 + head[place:])
    block = bytearray()
    for name, account in accounts:
        encoder.encode_into(name, block, -1)
        block += b":"
        encoder.encode_into(account, block, -1)
        block += b","
        if len(block) > _BLOCK:
            read.update(memoryview(block)[:-1])
            file.write(memoryview(block)[:-1])
            block = bytearray(b",")
    rest = bytes(block).removesuffix(b",") + b"}," + encoder.encode(_Rest(oracle.remember, progress))[1:]
    read.update(rest)
    file.write(rest)
    end = file.tell()
    file.seek(start + place)
    file.write(read.hexdigest().encode())
    file.seek(end)


def load(content: bytes, name: str = "state") -> Oracle:
    """Returns the oracle that `save` wrote, as `load_with_progress` does."""
    return load_with_progress(content, name)[0]


def load_with_progress(content: bytes, name: str = "state") -> tuple[Oracle, dict[str, Any] | None]:
    """Returns the oracle that `save` wrote, and what was kept beside it, as `SavedState` reads them."""
    saved = SavedState(BytesIO(content), name)
    return saved.oracle.fork(dict(saved.accounts.items())), saved.progress


class SavedState:
    """A state in a file called `name`, which stays open: the oracle, but for its accounts; those; what was kept beside them.

    Raises `BadSetting` where the file has another version or declaration, is not a saved state, was changed by hand, or holds
    an account that cannot exist.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name, self._is_checked = file, name, False
        saved, parts, rest = self._apart() or self._whole()
        if saved.version != VERSION:
            raise BadSetting(name, f"it has version {saved.version}, and this program reads version {VERSION}")
        try:
            self.oracle = Oracle(saved.policy, catalogue_from(saved.catalogue), saved.resets, remember=rest.remember)
        except BadSetting as fault:
            raise BadSetting(f"{name}: {fault.key}", fault.rule) from None
        if saved.digest != self.oracle.digest:
            raise BadSetting(name, "it was saved under another declaration of the account; replay from the start")
        if not saved.checksum or saved.checksum != self._checksum(saved.checksum.encode()):
            raise BadSetting(name, "it is not as it was saved: its checksum is another; replay from the start")
        self.progress = rest.progress
        self.accounts = AccountsInParts(partial(self._checked, parts))
        self._is_checked = True

    def _checksum(self, written: bytes) -> str:
        """The checksum of the file without the one that is `written` in it."""
        self._file.seek(0)
        block = self._file.read(1 << 10)
        read = hashlib.sha256(block.replace(_CHECKSUM + written, _CHECKSUM, 1))
        while block := self._file.read(_BLOCK):
            read.update(block)
        return read.hexdigest()

    def _apart(self) -> tuple[_Settings, Callable[[], Iterator[dict[str, Account]]], _Rest] | None:
        """The settings, the accounts and the rest of a replay that has come to its end; None for any other file."""
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, size - 100))
        ends = _ENDS.search(self._file.read())
        self._file.seek(0)
        start = self._file.read(_HEAD_MAX) if ends is not None else b""
        for found in re.finditer(re.escape(_FIRST), start):
            # An object within the settings may have that name as well.
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                settings = msgspec.json.decode(start[: found.start()] + b"}", type=_Settings)
                assert ends is not None, "the start was read"
                rest = _Rest(msgspec.json.decode(ends[1]))
                return settings, partial(self._parts, found.end(), size - len(ends[0])), rest
        return None

    def _whole(self) -> tuple[_Settings, Callable[[], Iterable[dict[str, Account]]], _Rest]:
        self._file.seek(0)
        content = self._file.read()
        head = _decoded(content, _Head, self._name)
        if head.version != VERSION:
            raise BadSetting(self._name, f"it has version {head.version}, and this program reads version {VERSION}")
        saved = _decoded(content, _Saved, self._name)
        return saved, lambda: [saved.accounts], _Rest(saved.remember, saved.progress)

    def _parts(self, at: int, end: int) -> Iterator[dict[str, Account]]:
        """Reads the accounts from a byte of the file to another."""
        rest = bytearray()
        while at < end:
            self._file.seek(at)
            block = self._file.read(min(_BLOCK, end - at))
            if not block:
                raise BadSetting(self._name, "it has changed while it was read")
            searched = max(0, len(rest) - len(_BEGINS))
            rest += block
            at += len(block)
            cut = len(rest)
            if at < end:
                # The last account that begins here is whole in a later block.
                cut = rest.rfind(b'},"', 0, max(rest.rfind(_BEGINS, searched), 0)) + 1
            if cut:
                content = b"{" + rest[:cut] + b"}"
                decoded = msgspec.json.decode if self._is_checked else partial(_decoded, name=self._name)
                yield decoded(content, type=dict[str, Account])
                del rest[: cut + 1]

    def _checked(self, parts: Callable[[], Iterable[dict[str, Account]]]) -> Iterator[dict[str, Account]]:
        """Yields the parts. Raises `BadSetting` where an account cannot exist; once is enough."""
        for part in parts():
            for name, account in () if self._is_checked else part.items():
                wrong = wrong_with(self.oracle, account)
                if wrong is not None:
                    raise BadSetting(self._name, f"it is not as it was saved: account {one_line(name)}: {wrong}")
            yield part


def _decoded(content: bytes, type: type[_T], name: str) -> _T:
    try:
        return decode(content, type)
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


_BITS = 256


class StateDigest:
    """The digest of accounts: it depends on what is remembered of each, and on nothing else.

    It is a sum over accounts, so that neither their order nor the engine counts, and the digests of parts that have no account
    in common add up to that of the whole.
    """

    def __init__(self) -> None:
        self._encode, self._sum = msgspec.json.Encoder(order="deterministic").encode, 0

    def of(self, accounts: Iterable[tuple[str, Account]]) -> Iterator[tuple[str, Account]]:
        """Yields these accounts, with their names, and counts them."""
        for name, account in accounts:
            written = self._encode((name, _as_it_counts(account)))
            self._sum += int.from_bytes(blake2b(written, digest_size=_BITS // 8).digest())
            yield name, account

    def __str__(self) -> str:
        return _written(self._sum)


def state_digest(accounts: Mapping[str, Account]) -> str:
    """Returns the digest of these accounts, in hexadecimal."""
    found = StateDigest()
    deque(found.of(accounts.items()), 0)
    return str(found)


def _as_it_counts(account: Account) -> Account:
    """The account with each count of ended periods as 1 where the period lasts, else 0: how many have ended is of no account."""
    counted: dict[int, MemoryEntry] = {}
    entries: dict[str, MemoryEntry] = {}
    for key, entry in account.entries.items():
        # Many entries are one and the same.
        found = counted.get(id(entry))
        if found is None:
            lasts = tuple([int(one == now) for one, now in zip(entry.since, account.ended, strict=True)])
            found = counted[id(entry)] = MemoryEntry(entry.held, lasts)
        entries[key] = found
    return msgspec.structs.replace(account, ended=(), entries=entries)


def joined(digests: Iterable[str]) -> str:
    """Returns the digest of all accounts together, of the digests of parts that have no account in common."""
    return _written(sum(int(digest, 16) for digest in digests))


def _written(found: int) -> str:
    return f"{found % 2**_BITS:0{_BITS // 4}x}"

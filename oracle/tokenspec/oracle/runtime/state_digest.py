"""The digest of the accounts of an oracle: it depends on what is remembered of each account, and on nothing else.

It is a sum over accounts, so that neither their order nor the engine counts, and the digests of parts that have no account in
common add up to that of the whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

import msgspec

from tokenspec.oracle.runtime.journal import Account, MemoryEntry

_BITS = 256


class StateDigest:
    """The digest of accounts that are met one after the other."""

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

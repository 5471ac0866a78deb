"""The state of an oracle as a file, so that a replay can go on tomorrow where it stopped today."""

from __future__ import annotations

from typing import Any

import msgspec

from tokenspec.machine.lang.digest import digest
from tokenspec.oracle.errors import BadSetting
from tokenspec.oracle.journal import Account
from tokenspec.oracle.settings import catalogue_from, catalogue_on_the_wire
from tokenspec.oracle.world import Oracle
from tokenspec.spec.system import system

VERSION = 1
"""Of the file's format. A file of another version is refused, not guessed at."""


class _Saved(msgspec.Struct):
    version: int
    digest: str
    policy: dict[str, str]
    catalogue: dict[str, Any]
    resets: str
    accounts: dict[str, Account]


def save(oracle: Oracle) -> bytes:
    """Everything `oracle` knows, as JSON: its settings, and each account with its journal and clocks."""
    catalogue = catalogue_on_the_wire(oracle.catalogue) | {"aliases": dict(oracle.catalogue.aliases)}
    of = digest(system(oracle.catalogue))
    return msgspec.json.encode(_Saved(VERSION, of, oracle.policy, catalogue, oracle.resets, oracle.accounts))


def load(content: bytes) -> Oracle:
    """The oracle that `save` wrote. Raises `BadSetting` where it is of another version or declaration, or no such file."""
    try:
        saved = msgspec.json.decode(content, type=_Saved)
    except msgspec.DecodeError as fault:
        raise BadSetting("state", f"it is not a saved state: {fault}") from None
    if saved.version != VERSION:
        raise BadSetting("state", f"it has version {saved.version}, and this program reads version {VERSION}")
    oracle = Oracle(saved.policy, catalogue_from(saved.catalogue), saved.resets)
    if saved.digest != digest(system(oracle.catalogue)):
        raise BadSetting("state", "it was saved under another declaration of the account; replay from the start")
    oracle.accounts = saved.accounts
    return oracle

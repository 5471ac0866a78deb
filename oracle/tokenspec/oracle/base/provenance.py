"""Provenance of artefacts: the digest of the declaration that each was made from, and the version of tokenspec.

The digest is of the declaration as it is shipped. A catalogue, a policy or a scope is data beside it and does not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from tokenspec.machine.lang.digest import digest
from tokenspec.oracle.base.specification import system


@cache
def declaration() -> str:
    """The digest of the declaration."""
    return digest(system())


@cache
def own_version() -> str:
    """The version of tokenspec."""
    return version("tokenspec")


def stamp() -> dict[str, str]:
    """Returns version and digest, the first keys of every report."""
    return {"digest": declaration(), "version": own_version()}


def line(made: Mapping[str, str] | None = None) -> str:
    """Returns version and digest in one line, for texts that take comments; those of `made`, an earlier stamp, where given."""
    stamped = stamp() if made is None else made
    return f"tokenspec {stamped['version']}, declaration {stamped['digest']}"

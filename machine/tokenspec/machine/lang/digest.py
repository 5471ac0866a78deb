"""One short name for the whole of a declaration: it changes when anything declared does, and with nothing else."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from tokenspec.machine.lang.declaration import System


@lru_cache(maxsize=16)
def _of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest(system: System) -> str:
    """SHA-256, in hexadecimal, of the declaration. Dataclasses print every part, so their text is canonical."""
    return _of(repr(system))

"""One short name for the whole of a declaration: it changes when anything declared does, and with nothing else."""

from __future__ import annotations

import hashlib

from tokenspec.machine.lang.declaration import System


def digest(system: System) -> str:
    """SHA-256, in hexadecimal, of the declaration. Dataclasses print every part, so their text is canonical."""
    return hashlib.sha256(repr(system).encode()).hexdigest()

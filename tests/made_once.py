"""What takes long to make is made in one of the processes that run the tests, and read in the others."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

_T = TypeVar("_T")
_folder = [Path()]


def begin(factory: pytest.TempPathFactory) -> None:
    """Takes the folder of this run of the tests, which all its processes have in common."""
    own = factory.getbasetemp()
    _folder[0] = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(key: object, make: Callable[[], _T]) -> _T:
    """What `make` returns; it is called by the first that asks, the others wait for it. Equal keys have the same `repr`."""
    kept = _folder[0] / f"made-{hashlib.sha256(repr(key).encode()).hexdigest()}"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make()))
    found: _T = pickle.loads(kept.read_bytes())
    return found

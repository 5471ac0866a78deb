"""Programs that tests need and pip does not bring."""

from __future__ import annotations

import os
import shutil

import pytest

needed = bool(os.environ.get("CI"))
"""In CI every program has to be there: a test that lacks one fails, where elsewhere it is skipped and pytest says so."""

NO_TLC, A_MINUTE = "TOKENSPEC_TLC names no tla2tools.jar", "it takes a minute: TOKENSPEC_EFFORT=10 does it"
NO_REGISTRY = "there is no registry to install from"
MAY_BE_SKIPPED = (NO_TLC, A_MINUTE, NO_REGISTRY)
"""Why a test may be skipped even in CI."""


def has(*programs: str) -> bool:
    """Whether a test of these programs is to run: they are installed, or CI demands that they are."""
    return needed or all(shutil.which(program) for program in programs)


def path_of(*names: str) -> str:
    """Returns the path of the first of these programs that is installed; without one the test is skipped, and fails in CI."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        (pytest.fail if needed else pytest.skip)(f"{names[0]} is not installed")
    return found

"""Node, where it is installed."""

from __future__ import annotations

import os
import shutil

import pytest


def node() -> str:
    """The program. Without it the test is skipped, but not in CI."""
    found = shutil.which("node")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("node is not installed, and CI is to test what is written for it")
        pytest.skip("node is not installed")
    return found

"""What holds for every test."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import settings

from programs import MAY_BE_SKIPPED, needed

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one, but for those that say why they may be skipped even there."""
    report = yield
    if (
        needed
        and report.skipped
        and not hasattr(report, "wasxfail")
        and not any(reason in str(report.longrepr) for reason in MAY_BE_SKIPPED)
    ):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report

"""What holds for every test."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

import made_once
from programs import MAY_BE_SKIPPED, needed
from tokenspec.oracle.command import options

# The same examples in every run, and no fault for a machine that is busy: neither a deadline nor a complaint of slow generation.
settings.load_profile("ci")
# Nor lines of progress, of which a busy machine shows more; a command in a process of its own shows them, see `without_progress`.
options.EVERY = float("inf")
# Processes that tests start do without what other packages add to Hypothesis: a third of the time in which a command starts.
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")
# Nor is it about a shell that starts the tests in its background, where what they start would ignore interruptions for good.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Gives each process of a run tests that stand together and share what they make; one without any takes some of another's."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


def pytest_xdist_auto_num_workers() -> int:
    """Returns one process more than there are processors: a fifth of the time is spent waiting for what tests have started."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    """In CI a test that fails is tried twice more, a few times in all, and its failures are shown even where it passes then.

    Some hundred tests start processes that race, crash or wait, and rest on when the machine lets each of them run.
    """
    if needed:
        config.option.reruns, config.option.max_suite_reruns, config.option.rerun_show_tracebacks = 2, 6, True


@pytest.fixture(scope="session", autouse=True)
def _one_folder_for_all_processes(tmp_path_factory: pytest.TempPathFactory) -> None:
    made_once.begin(tmp_path_factory)


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

"""The plugin for pytest, active wherever tokenspec is installed: options, fixtures, vectors as tests.

Nothing else of tokenspec is imported before a test requests it, so that other projects pay nothing. The objects of
the fixtures, and the base class for tests of a wallet, are in wallet_tests.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tokenspec.oracle.plugin.wallet_tests import Implementations, Sut
    from tokenspec.oracle.runtime.oracle import Oracle
    from tokenspec.oracle.vectors.suite import Case, Suite

_HOLDS_ONE: tuple[tuple[str, str, str], ...] = (
    ("sut", "SUT", "The implementation: a command line, http://HOST:PORT, or python:package.module:factory."),
    ("catalogue", "FILE", "Figures (TOML) in place of the declared ones."),
    ("reasons", "FILE", "The implementation's own words for refusals (TOML: word = code, or codes)."),
    ("timeout", "SECONDS", "How long an implementation may take for an answer; default: 5."),
    ("vectors", "DIR", "A suite of conformance vectors; default: the one that comes with tokenspec."),
    ("examples", "N", "Random walks of a fuzzing test; default: 50."),
    ("steps", "N", "Events in each of them; default: 50."),
    ("seed", "N", "The same seed gives the same runs; default: 0."),
)
_POLICY = "NAME=ANSWER settles an open question another way; `infer` follows all settings that explain the observations."

VECTOR_TEST = "tokenspec_vector"
"""The property that marks a test of a vector in its report."""

_SUITE: pytest.StashKey[Suite] = pytest.StashKey()
_IMPLEMENTATIONS: pytest.StashKey[Implementations] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options; each is a key of the configuration file as well: --tokenspec-sut and tokenspec_sut."""
    group = parser.getgroup("tokenspec", "conformance to a specified token account")
    for name, metavar, says in _HOLDS_ONE:
        group.addoption(f"--tokenspec-{name}", dest=f"tokenspec_{name}", metavar=metavar, help=says)
        parser.addini(f"tokenspec_{name}", says)
    group.addoption("--tokenspec-policy", dest="tokenspec_policy", metavar="NAME=ANSWER", action="append", help=_POLICY)
    parser.addini("tokenspec_policy", _POLICY, type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker of tests with an implementation of their own, and the count of vectors."""
    config.addinivalue_line("markers", "tokenspec_sut(sut, **options): the implementation that the test is about")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Vectors())


class _Vectors:
    """Counts of the vectors that were run and skipped, by class or module. Where none was run, nothing was tested.

    With xdist the reports of the workers are counted.
    """

    def __init__(self) -> None:
        self.outcomes: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts a test of a vector that was run, or skipped."""
        is_about_one = any(name == VECTOR_TEST for name, _ in report.user_properties)
        if is_about_one and (report.when == "call" or not report.passed):
            self.outcomes.setdefault(report.nodeid.partition("[")[0], set()).add(report.outcome)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fails the session where all vectors of a test were skipped."""
        if self._empty() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints the reason."""
        for test in self._empty():
            terminalreporter.write_line(f"tokenspec: no verdict: every vector of {test} was skipped", red=True)

    def _empty(self) -> list[str]:
        return [test for test, outcomes in self.outcomes.items() if outcomes == {"skipped"}]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends every implementation that was started."""
    if _IMPLEMENTATIONS in config.stash:
        config.stash[_IMPLEMENTATIONS].end()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes a test with the argument `token_vector` one for each vector, under the vector's id."""
    if "token_vector" in metafunc.fixturenames:
        from tokenspec.oracle.plugin.wallet_tests import suite_of

        stash = metafunc.config.stash
        if _SUITE not in stash:
            stash[_SUITE] = suite_of(metafunc.config)
        entries = stash[_SUITE].index.vectors
        metafunc.parametrize("token_vector", entries, ids=[entry.id for entry in entries], indirect=True)


@pytest.fixture
def token_vector(request: pytest.FixtureRequest) -> Case:
    """Returns a conformance vector; a test that uses the fixture is run once for each."""
    request.node.user_properties.append((VECTOR_TEST, ""))
    suite: Suite = request.config.stash[_SUITE]
    return suite.case(request.param)


@pytest.fixture
def token_oracle(request: pytest.FixtureRequest) -> Oracle:
    """Returns a new oracle under the settings of the options."""
    from tokenspec.oracle.plugin.wallet_tests import oracle_of

    return oracle_of(request)


@pytest.fixture
def token_sut(request: pytest.FixtureRequest) -> Sut:
    """Returns the implementation under test, from --tokenspec-sut, the test's class, its marker or the configuration file."""
    from tokenspec.oracle.plugin import wallet_tests as testing

    # An implementation started for one test is used again by the next.
    stash = request.config.stash
    return stash.setdefault(_IMPLEMENTATIONS, testing.Implementations()).sut_of(request)

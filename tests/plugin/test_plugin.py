"""The plugin for pytest, as a user's project has it: options, fixtures, the base class, vectors, xdist."""

from __future__ import annotations

import shutil
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from command.conftest import EXAMPLES
from plugin.suites import STORIES, write_suite
from sut.calling import sut
from sut.implementation import Beside, Undecided
from tokenspec.oracle.command.verbs.fuzz_save import save_counterexample
from tokenspec.oracle.fuzz.conformance import conform
from tokenspec.oracle.report import conformance, vectors
from tokenspec.oracle.report.config import FuzzConfig, Settings, SutConfig
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.testing import Options
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

IS_INSTALLED = any(entry.name == "tokenspec" for entry in entry_points(group="pytest11"))
PLUGIN = () if IS_INSTALLED else ("-p", "tokenspec.oracle.plugin.pytest_plugin")
FEW = ("--tokenspec-examples", "5", "--tokenspec-steps", "20")
IMPORTED_ONCE = (conformance, vectors)
"""A run in this process imports again what was not imported before it."""
HEAD = """
import sys
sys.path.insert(0, {here!r})
from sut.implementation import Beside
from tokenspec.oracle.testing import WalletTests

class Wallet:
    def __init__(self, fault="good", **settings):
        self.beside = Beside(fault, **settings)
    def handle(self, request):
        return self.beside.ask(request)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a suite of vectors of its own; `write_tests` writes its tests."""
    write_suite(pytester.path / "suite")
    pytester.makeini("[pytest]\ntokenspec_vectors = suite\n")
    return pytester


def write_tests(project: pytest.Pytester, source: str) -> None:
    (project.path / "test_wallet.py").write_text(HEAD.format(here=str(Path(__file__).parents[1])) + source)


def ran(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*PLUGIN, "-p", "no:xdist", "-p", "no:cacheprovider", *FEW, *options)


def test_five_lines_are_a_fuzzing_test_and_one_for_each_vector(project: pytest.Pytester) -> None:
    write_tests(project, "class TestWallet(WalletTests):\n    def sut(self):\n        return Wallet()\n")
    done = ran(project, "-v")
    done.assert_outcomes(passed=1 + len(STORIES))
    done.stdout.fnmatch_lines(["*TestWallet::test_conforms PASSED*"])
    for name in STORIES:
        done.stdout.fnmatch_lines([f"*TestWallet::test_vectors[[]{name}[]] PASSED*"])


def test_a_failure_is_a_story_without_a_traceback(project: pytest.Pytester) -> None:
    write_tests(project, "class TestWallet(WalletTests):\n    def sut(self):\n        return Wallet('gives_away')\n")
    done = ran(project)
    done.assert_outcomes(passed=3, failed=2)
    done.stdout.fnmatch_lines(
        [
            'diverges, at transfer: outcome is "accepted", not "refused"',
            "*2. *transfer (*",
            "            F13: Tokens stay with their account*",
            "FAILED test_wallet.py::TestWallet::test_vectors[[]tokens-stay[]] - *step 2*",
        ]
    )
    done.stdout.no_fnmatch_line("*testing.py*")
    done.stdout.no_fnmatch_line("*Traceback*")


def test_what_the_wallet_raises_is_told_with_its_place(project: pytest.Pytester) -> None:
    write_tests(
        project,
        "class Broken:\n    def handle(self, request):\n        return {'cost': 1 / 0}\n"
        "class Odd:\n    def handle(self, request):\n        return {'cost': {1, 2}.__iter__}\n"
        "class TestBroken(WalletTests):\n    def sut(self):\n        return Broken()\n"
        "class TestOdd(WalletTests):\n    def sut(self):\n        return Odd()\n"
        "class TestNone(WalletTests):\n    def sut(self):\n        return 7\n",
    )
    done = ran(project, "-k", "conforms")
    done.assert_outcomes(failed=2, errors=1)
    done.stdout.fnmatch_lines(
        ["*it raised ZeroDivisionError: division by zero*test_wallet.py:* in handle: *", "*it answered what is not JSON*"]
    )
    done.stdout.fnmatch_lines(["sut: an implementation is an object with the method `handle`, or a text, found int"])


def test_settings_come_from_the_line_the_class_and_the_file(project: pytest.Pytester) -> None:
    (project.path / "pytest.ini").write_text("[pytest]\ntokenspec_vectors = suite\ntokenspec_policy =\n    refund=none\n")
    write_tests(
        project,
        "class TestFile(WalletTests):\n    def sut(self):\n        return Wallet(refund='none')\n"
        "class TestClass(WalletTests):\n    policy = ('infer',)\n    def sut(self):\n        return Wallet(refund='to_source')\n"
        "def test_oracle(token_oracle):\n    assert token_oracle.policy['refund'] == 'none'\n",
    )
    done = ran(project, "-v", "-rP")
    # A vector about the other answer says nothing, whether the answer is given or seen.
    done.assert_outcomes(passed=2 * len(STORIES) + 3 - 2, skipped=2)
    done.stdout.fnmatch_lines(["*TestFile::test_vectors[[]refunded[]] SKIPPED*", "conforms; undetermined: *"])
    done.stdout.fnmatch_lines(["*TestClass::test_vectors[[]refunds-not-offered[]] SKIPPED*"])
    assert ran(project, "--tokenspec-policy", "refund=to_source", "-k", "TestFile and conforms").ret == 1


def test_fixtures_are_there_for_tests_of_ones_own(project: pytest.Pytester) -> None:
    write_tests(
        project,
        "OPENED = {'account': 'a', 'at': '2027-01-31T09:00:00Z', 'event': 'open_account'}\n"
        "MOVED = {'account': 'a', 'at': '2027-01-31T10:00:00Z', 'event': 'transfer', 'to': 'b', 'amount': 5}\n"
        "class TestRight(WalletTests):\n    def sut(self):\n        return Wallet()\n"
        "    def test_mine(self, token_sut, token_oracle):\n        token_sut.replay([OPENED, MOVED])\n"
        "        assert token_oracle.apply(OPENED).outcome == 'accepted'\n"
        "class TestWrong(WalletTests):\n    def sut(self):\n        return Wallet('gives_away')\n"
        "    def test_mine(self, token_sut):\n        token_sut.replay([OPENED, MOVED])\n"
        "class TestEmpty(WalletTests):\n    def sut(self):\n        return Wallet('nothing_observed')\n"
        "    def test_mine(self, token_sut):\n        token_sut.replay([OPENED, MOVED])\n",
    )
    done = ran(project, "-k", "mine")
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(["*2. *transfer (*", "no verdict: nothing was compared*"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--tokenspec-vectors", "nowhere"), "*No such file or directory*nowhere*"),
        (("--tokenspec-policy", "refund=maybe"), "*'maybe' is not among its answers*"),
        (("--tokenspec-seed", "x"), "*tokenspec_seed: the value is a number, found 'x'*"),
        (("--tokenspec-timeout", "nan"), "*tokenspec_timeout: the value is more than 0, found 'nan'*"),
        (("--tokenspec-sut", "python:no.such:thing"), "*cannot be loaded*"),
        (("--tokenspec-catalogue", "none.toml"), "*none.toml*"),
        ((), "*there is no implementation: *"),
    ],
)
def test_what_is_wrongly_asked_for_is_said_in_a_line(project: pytest.Pytester, options: tuple[str, ...], why: str) -> None:
    write_tests(project, "def test_one(token_sut, token_vector):\n    token_sut.run(token_vector)\n")
    done = ran(project, *options)
    assert done.ret != 0
    assert done.parseoutcomes().get("passed", 0) == 0
    done.stdout.fnmatch_lines([why])
    done.stdout.no_fnmatch_line("*testing.py*")


WRONGLY_WRITTEN = {
    "tokenspec_sut()": ("", "*one implementation, and by name *; found 0 values without a name"),
    "tokenspec_sut(Wallet(), 'reasons.toml')": ("", "*found 2 values without a name"),
    "tokenspec_sut(Wallet(), reason='r.toml')": ("", "*one implementation, and by name *; found reason"),
    "tokenspec_sut(Wallet(), timeout=[1])": ("", "*tokenspec_timeout: the value is a number, found [[]1[]]*"),
    "tokenspec_sut(Wallet())": (
        "token_sut.replay([{'account': 'a', 'event': 'cancel'}])",
        "tokenspec: at: it is required for cancel",
    ),
    "tokenspec_sut(Wallet(), seed=1)": ("token_sut.replay(['cancel'])", "tokenspec: record: it is a mapping with account*"),
    "tokenspec_sut(Wallet(), seed=2)": ("token_sut.check({})", "tokenspec: vector: *"),
}
"""By marker, what the test does, and what is said."""


def test_what_is_wrongly_written_in_a_test_is_said_in_a_line(project: pytest.Pytester) -> None:
    tests = "".join(
        f"@pytest.mark.{marker}\ndef test_{n}(token_sut):\n    {does or 'token_sut.replay([])'}\n"
        for n, (marker, (does, _)) in enumerate(WRONGLY_WRITTEN.items())
    )
    write_tests(project, f"import pytest\n{tests}")
    done = ran(project)
    assert done.parseoutcomes().get("passed", 0) == 0
    for _, why in WRONGLY_WRITTEN.values():
        done.stdout.fnmatch_lines([why])
    done.stdout.no_fnmatch_line("*wallet_tests.py*")


def test_a_saved_test_fails_until_the_wallet_is_right(project: pytest.Pytester) -> None:
    one, either, right = ((), ("or", "refund=to_source"), ("daily_position=first",))
    # All other settings are known: a run in which they are open takes ten times as long to be made short.
    others = {name: answer for name, answer in DEFAULTS.items() if name != "month_end"}
    files = {"test_one.py": (one, None), "test_two.py": (either, others)}
    for name, (other_half, known) in files.items():
        client = Undecided({"month_end": "stay_clamped"}, {}) if other_half else Beside("good", month_end="stay_clamped")
        setting = SutSettings(DEFAULTS, DEFAULT, None, known)
        verdict = conform(client, setting, 30, 30, seed_number=1)
        assert verdict.counterexample is not None
        tested = SutConfig(sut("implementation.py", "month_end=stay_clamped", *other_half))
        config = FuzzConfig(30, 30, 0, Settings(known or {}, known is not None), [str(project.path / name)], tested)
        (line,) = save_counterexample(config, tested, verdict, [])
        assert line == f"saved; pytest {project.path / name}"
        found = ran(project, name)
        found.assert_outcomes(failed=1)
        found.stdout.fnmatch_lines(["*1. *open_account*"])
    wrong = sut("implementation.py", "month_end=stay_clamped")
    ran(project, "--tokenspec-sut", sut("implementation.py", *right)).assert_outcomes(passed=2)
    # Where any setting is right, one that the other test calls wrong is.
    ran(project, "--tokenspec-sut", wrong).assert_outcomes(passed=1, failed=1)


AVOIDING = """
class Odd(Wallet):
    worlds = 0
    def handle(self, request):
        answer = super().handle(request)
        if request["op"] == "open":
            Odd.worlds += 1
            answer |= {change}
        return {answers}
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with xdist"])
@pytest.mark.parametrize("chosen", ["", "vectors"])
def test_where_every_vector_was_skipped_the_session_fails(
    project: pytest.Pytester, workers: tuple[str, ...], chosen: str
) -> None:
    hidden = "{'observes': ['cost'], 'events': [n for n in answer['events'] if n != 'quote']}"
    odd = AVOIDING.format(change=hidden, answers="answer if request['op'] == 'open' else {}")
    write_tests(project, f"{odd}class TestWallet(WalletTests):\n    def sut(self):\n        return Odd()\n")
    done = project.runpytest_subprocess(*PLUGIN, *(workers or ("-p", "no:xdist")), *FEW, "-k", chosen)
    done.assert_outcomes(skipped=len(STORIES), failed=0 if chosen else 1)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["tokenspec: no verdict: every vector of test_wallet.py::TestWallet::test_vectors was skipped"])


def test_a_wallet_says_the_same_of_itself_in_every_test(project: pytest.Pytester) -> None:
    odd = AVOIDING.format(change="{'events': ['login']} if Odd.worlds > 1 else {}", answers="answer")
    write_tests(project, f"{odd}class TestWallet(WalletTests):\n    def sut(self):\n        return Odd()\n")
    done = ran(project, "-k", "vectors")
    done.assert_outcomes(passed=1, failed=len(STORIES) - 1)
    done.stdout.fnmatch_lines(["*it answered open differently from the first time: its events*"])


def test_a_setting_that_the_wallet_has_fixed_otherwise_is_said_in_a_line(project: pytest.Pytester) -> None:
    odd = AVOIDING.format(change="{'policy': {'refund': 'to_source'}}", answers="answer")
    write_tests(project, f"{odd}class TestWallet(WalletTests):\n    def sut(self):\n        return Odd()\n")
    done = ran(project, "--tokenspec-policy", "refund=none")
    done.assert_outcomes(failed=1 + len(STORIES))
    done.stdout.fnmatch_lines(["tokenspec: --policy refund=none: the implementation says refund=to_source*"])


@pytest.mark.parametrize("raised", ["SystemExit(0)", "pytest.skip.Exception('not today')", "GeneratorExit()"])
def test_what_ends_a_test_is_no_answer(project: pytest.Pytester, raised: str) -> None:
    source = f"import pytest\nclass Odd(Wallet):\n    def handle(self, request):\n        raise {raised}\n"
    write_tests(project, source + "class TestWallet(WalletTests):\n    def sut(self):\n        return Odd()\n")
    ran(project).assert_outcomes(failed=1 + len(STORIES))


def test_with_xdist_the_vectors_are_shared_out_under_the_same_names(project: pytest.Pytester) -> None:
    write_tests(project, "class TestWallet(WalletTests):\n    def sut(self):\n        return Wallet()\n")
    done = project.runpytest_subprocess(*PLUGIN, "-n", "2", "-v", "-k", "vectors")
    done.assert_outcomes(passed=len(STORIES))
    done.stdout.fnmatch_lines_random([f"*PASSED test_wallet.py::TestWallet::test_vectors[[]{name}[]]*" for name in STORIES])


def test_other_projects_import_next_to_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_one():\n"
        "    ours = {n for n in sys.modules if n.split('.')[0] == 'tokenspec'}\n"
        "    assert ours == {'tokenspec'} | {'tokenspec.oracle' + rest for rest in ('', '.plugin', '.plugin.pytest_plugin')}\n"
        "    assert not {'hypothesis', 'msgspec', 'click', 'z3'} & set(sys.modules)\n"
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def test_the_example_suite_is_the_one_in_its_readme_and_finds_a_fault(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = EXAMPLES / "python-wallet"
    lines = (folder / "test_wallet.py").read_text()
    assert lines in (folder / "README.md").read_text()
    assert len([line for line in lines.splitlines() if line]) == 5
    shutil.copytree(folder, pytester.path / "wallet")
    write_suite(pytester.path / "suite")
    options = ("wallet", "--tokenspec-vectors", "suite")
    ran(pytester, *options).assert_outcomes(passed=4, skipped=1)
    monkeypatch.setenv("WALLET_BUGS", "daily_adds_up")
    done = ran(pytester, *options, "--tokenspec-examples", "10", "-k", "conforms")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["diverges, at daily_reset: balances.daily is *, not 150"])


def test_one_setting_may_be_given_as_a_text() -> None:
    options = Options({"policy": "infer", "examples": "7"})
    assert (options.setting.known, options.get("examples"), options.get("steps")) == ({}, 7, 50)

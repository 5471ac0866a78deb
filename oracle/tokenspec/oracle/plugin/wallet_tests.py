"""Tests of a wallet under pytest.

    class TestMyWallet(WalletTests):
        def sut(self):
            return MyWallet()

`MyWallet` has the method `handle(request) -> answer` of the protocol. The class then has a fuzzing test and a test for
each conformance vector, and `token_sut` serves further tests. A failure is a story, without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import pytest

from tokenspec.oracle.base.errors import BadRecord, BadSetting, WrongUsage
from tokenspec.oracle.base.specification import DEFAULTS, AnyCatalogue
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.report.config import Settings, SutConfig, settings_or_infer
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.client import CallClient, Client, Failed
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.sut.world import CannotOpen, Openings, SutSettings
from tokenspec.oracle.vectors.suite import Case, Suite, checked_answers, default_suite, read_suite
from tokenspec.oracle.wire.answers import Difference
from tokenspec.oracle.wire.settings import catalogue_from, infers

if TYPE_CHECKING:
    from tokenspec.oracle.fuzz.conformance import SutCounterexample

_NUMBERS: dict[str, Any] = {"examples": 50, "steps": 50, "seed": 0, "timeout": 5.0}
_PATHS = ("catalogue", "reasons", "vectors")
_OF_A_TEST = ("policy", "catalogue", "reasons", "timeout", "examples", "steps", "seed")
"""The options that a test may have of its own, of its class or its marker."""


class WalletTests:
    """Base of a class of tests of one wallet. Attributes that are None are taken from the configuration file.

    Options on the command line override both.
    """

    __test__: ClassVar[bool] = False

    policy: ClassVar[Sequence[str] | None] = None
    """Settings as on the command line: NAME=ANSWER, or `infer`."""
    catalogue: ClassVar[str | None] = None
    reasons: ClassVar[str | None] = None
    """A TOML file with the wallet's own words for refusals."""
    examples: ClassVar[int | None] = None
    steps: ClassVar[int | None] = None
    seed: ClassVar[int | None] = None
    timeout: ClassVar[float | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__test__ = True

    def sut(self) -> Any:
        """Returns the implementation: an object with `handle`, or a text as for `--tokenspec-sut`."""
        return None

    def test_conforms(self, token_sut: Sut) -> None:
        """Passes if random events in random worlds are answered as the specification answers them."""
        token_sut.fuzz()

    def test_vectors(self, token_sut: Sut, token_vector: Case) -> None:
        """Passes if a conformance vector is answered with its right answers."""
        token_sut.run(token_vector)


class Sut:
    """An implementation under test. Each method fails its calling test with the story of the divergence."""

    def __init__(self, client: Client, options: Options, openings: Openings | None = None) -> None:
        self.client, self.options = client, options
        self._openings = openings or Openings(client, options.settings.named)
        self._openings.client = client

    def fuzz(self) -> None:
        """Fuzzes the implementation beside the oracle."""
        from tokenspec.oracle.fuzz.conformance import conform
        from tokenspec.oracle.report.conformance import sentence

        options = self.options
        limits = options.get("examples"), options.get("steps"), options.get("seed")
        with _told():
            verdict = conform(self.client, options.setting, *limits, openings=self._openings)
        if verdict.is_interrupted:
            raise KeyboardInterrupt
        if verdict.counterexample is not None:
            _diverges(sentence(verdict), verdict.counterexample)
        if verdict.word != "conforms":
            _fail(sentence(verdict))
        print(sentence(verdict))  # noqa: T201 - pytest shows it with -rP

    def run(self, case: Case) -> None:
        """Runs a vector of a suite; one that does not apply to the implementation is skipped."""
        from tokenspec.oracle.report.vectors import told
        from tokenspec.oracle.vectors.infer import Inferring
        from tokenspec.oracle.vectors.run import FAILED, SKIPPED, run_vector

        setting, known = self.options.setting, self.options.settings.named
        with _told():
            if setting.known is None:
                result = run_vector(self.client, case, setting.reasons, known, self._openings)
            else:
                # Other vectors may have run in another process, so each is judged alone.
                result = Inferring(known, setting.reasons).run(self.client, case, self._openings)
        if result.result == SKIPPED:
            pytest.skip(result.why)
        if result.result == FAILED:
            story = "\n".join(told(case, result))
            _fail(f"step {result.step}: {_wrong(result.differences, result.failed)}\n{story}\n")

    def check(self, vector: Mapping[str, Any], policy: Sequence[str] | None = None) -> None:
        """Runs a vector outside any suite.

        With `infer` in `policy`, all answers are right that some setting with the other choices in it explains.
        """
        from tokenspec.oracle.vectors.own_suite import case_of

        with _told():
            policies = vector.get("policy")
            case = case_of({**vector, "policy": {**DEFAULTS, **policies} if isinstance(policies, Mapping) else policies})
            case = replace(case, vector=checked_answers(Path("vector"), case.vector, is_older=True))
        if policy is None or not infers(policy):
            self.run(case)
            return
        options = Options({**self.options.given, "policy": policy}, catalogue_from(vector["catalogue"]))
        records = [{k: v for k, v in step["request"].items() if k != "op"} for step in vector["steps"]]
        Sut(self.client, options).replay(records)

    def replay(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Sends the given records in a new world, and compares the answers with those of the oracle."""
        from tokenspec.oracle.fuzz.conformance import replayed

        try:
            with _told():
                found = replayed(self.client, self.options.setting, [_as_record(each) for each in records], self._openings)
        except CannotOpen as fault:
            _fail(f"no verdict: {fault}")
        if found is not None:
            _diverges("diverges", found)


@dataclass(frozen=True)
class Options:
    """The options of a test: by name, the value of the command line, of its class or of the file."""

    given: Mapping[str, Any]
    own_catalogue: AnyCatalogue | None = None

    def get(self, name: str) -> Any:
        """Returns the value, or the default. Raises `WrongUsage` where it should be a number and is not."""
        value = self.given.get(name, _NUMBERS.get(name))
        if name not in _NUMBERS:
            return value
        try:
            number = type(_NUMBERS[name])(value)
        except (ValueError, TypeError, OverflowError):
            raise WrongUsage(f"tokenspec_{name}", f"the value is a number, found {value!r}") from None
        # NaN is not above 0 either, though no comparison says that it is below.
        if not number > 0 and name != "seed":
            raise WrongUsage(f"tokenspec_{name}", f"the value is more than 0, found {value!r}")
        return number

    @cached_property
    def settings(self) -> Settings:
        """The settings that are known. Raises `WrongUsage`."""
        policy = self.given.get("policy", ())
        return settings_or_infer((policy,) if isinstance(policy, str) else policy, self.get("catalogue"))

    @cached_property
    def setting(self) -> SutSettings:
        """The settings of a run. Raises `BadSetting`, `OSError`."""
        found = SutConfig("", reasons_file=self.get("reasons")).world(self.settings)
        return found if self.own_catalogue is None else replace(found, catalogue=self.own_catalogue)


@dataclass
class Implementations:
    """The started implementations, used again by the next test and ended after the last."""

    started: dict[tuple[str, float], Client] = field(default_factory=dict)
    opened: dict[Any, Openings] = field(default_factory=dict)
    """By implementation and settings, the worlds opened by any test: the announced capabilities are the same in all of them."""

    def sut_of(self, request: pytest.FixtureRequest) -> Sut:
        """Returns the implementation that a test is for."""
        options = options_of(request)
        named = _chosen_sut(request)
        if named is None:
            _fail("there is no implementation: --tokenspec-sut, tokenspec_sut in the configuration file, or `sut` of the class")
        if isinstance(named, str):
            place = named, options.get("timeout")
            if place not in self.started:
                with _told():
                    self.started[place] = connect(*place)
            key: Any = place
            client: Client = self.started[place]
        elif callable(getattr(named, "handle", None)):
            key, client = (request.cls or request.module, type(named), _parameters(request)), CallClient(named)
        else:
            _fail(f"sut: an implementation is an object with the method `handle`, or a text, found {type(named).__name__}")
        whole = key, tuple(options.settings.named.items())
        return Sut(client, options, self.opened.setdefault(whole, Openings(client, options.settings.named)))

    def end(self) -> None:
        """Ends every implementation."""
        for client in self.started.values():
            client.end()


def _parameters(request: pytest.FixtureRequest) -> str:
    """Returns the parameters of a test, the vector apart: another value may mean another implementation."""
    callspec = getattr(request.node, "callspec", None)
    return repr({name: value for name, value in callspec.params.items() if name != "token_vector"}) if callspec else ""


def _chosen_sut(request: pytest.FixtureRequest) -> Any:
    on_line = request.config.getoption("tokenspec_sut")
    marker = request.node.get_closest_marker("tokenspec_sut")
    of_class = request.instance.sut() if on_line is None and isinstance(request.instance, WalletTests) else None
    if on_line is not None or of_class is not None:
        return on_line if on_line is not None else of_class
    if marker is not None:
        unknown = [name for name in marker.kwargs if name not in _OF_A_TEST]
        if len(marker.args) != 1 or unknown:
            there = f"found {', '.join(unknown)}" if unknown else f"found {len(marker.args)} values without a name"
            _fail(f"tokenspec_sut: the marker holds one implementation, and by name {', '.join(_OF_A_TEST)}; {there}")
        return marker.args[0]
    return request.config.getini("tokenspec_sut") or None


def options_of(request: pytest.FixtureRequest) -> Options:
    """Returns the options from the command line, then the test's class or marker, then the configuration file."""
    config, given = request.config, dict[str, Any]()
    of_class = request.cls if isinstance(request.instance, WalletTests) else None
    marker = request.node.get_closest_marker("tokenspec_sut")
    for name in _OF_A_TEST:
        ways = [config.getoption(f"tokenspec_{name}"), getattr(of_class, name, None), marker and marker.kwargs.get(name)]
        value = next((way for way in ways if way is not None), _in_file(config, name))
        if value is not None:
            given[name] = value
    options = Options(given)
    with _told():
        for name in _NUMBERS:
            options.get(name)
        # Read now, so that a fault in it fails the test in a line.
        _ = options.setting
    return options


def _in_file(config: pytest.Config, name: str) -> Any:
    """Returns the value of the configuration file, or None; its paths are relative to the file."""
    value = config.getini(f"tokenspec_{name}")
    if value and name in _PATHS and config.inipath is not None:
        return str(config.inipath.parent / value)
    return value or None


def oracle_of(request: pytest.FixtureRequest) -> Oracle:
    """Returns a new oracle under the settings of the options."""
    setting = options_of(request).setting
    return Oracle(setting.policy, setting.catalogue)


def suite_of(config: pytest.Config) -> Suite:
    """Returns the suite that the options name. Raises `CollectError`."""
    path = config.getoption("tokenspec_vectors") or _in_file(config, "vectors")
    try:
        return read_suite(Path(path)) if path else default_suite()
    except (BadSetting, OSError) as fault:
        raise pytest.Collector.CollectError(f"tokenspec: {fault}") from None


def _as_record(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise BadRecord("record", "it is a mapping with account, at and event", repr(given))
    return dict(given)


@contextmanager
def _told() -> Iterator[None]:
    """Fails the test in a line where an implementation cannot be reached, or a record, a vector or a setting is malformed."""
    try:
        yield
    except (BadRecord, BadSetting, OSError) as fault:
        why = f"{fault.filename}: {fault.strerror}" if isinstance(fault, OSError) and fault.filename else str(fault)
        _fail(f"tokenspec: {why}")


def _diverges(verdict: str, found: SutCounterexample) -> NoReturn:
    from tokenspec.oracle.report.conformance import counterexample_lines

    story = "\n".join(counterexample_lines(found))
    event = found.records[-1]["event"] if found.records else found.error.field
    _fail(f"{verdict}, at {event}: {_wrong(found.error.differences, found.error.failed)}\n\n{story}\n")


def _wrong(found: Sequence[Difference], failed: Failed | None) -> str:
    """Returns the first difference, for pytest's summary line of a failure."""
    if failed is not None:
        return one_line(failed.detail, 500)
    name, expected, got = found[0]
    return f"{name} is {as_text(got)}, not {as_text(expected)}"


def _fail(why: str) -> NoReturn:
    pytest.fail(why, pytrace=False)

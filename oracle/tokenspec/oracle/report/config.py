"""The configuration of a run, parsed once from user input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tokenspec.oracle.base.shards import WHOLE, Slice
from tokenspec.oracle.base.specification import DEFAULT, DEFAULTS, AnyCatalogue
from tokenspec.oracle.report.again import command_line
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.sut.headers import headers_from
from tokenspec.oracle.sut.observed import Reasons, reasons_from_file
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.settings import INFER, catalogue_from_file, infers, policy_from_options, settings_named, without_infer

DEFAULT_TIMEOUT = 5.0
"""The default time limit of a request to an implementation, in seconds."""


@dataclass(frozen=True)
class Settings:
    """The settings of a run: those `named`, the file of a catalogue, and `infers` to infer the others."""

    named: Mapping[str, str] = field(default_factory=dict)
    infers: bool = False
    catalogue_file: str | None = None

    @property
    def policy(self) -> dict[str, str]:
        """Returns the choice for every policy: the named one, or the default."""
        return {**DEFAULTS, **self.named}

    @property
    def files(self) -> list[str]:
        """Returns the files that the settings are read from."""
        return [] if self.catalogue_file is None else [self.catalogue_file]

    @cached_property
    def own_catalogue(self) -> AnyCatalogue | None:
        """Returns the catalogue of the file, if one is given. Raises `BadSetting`, `OSError`."""
        return None if self.catalogue_file is None else catalogue_from_file(Path(self.catalogue_file))

    @property
    def catalogue(self) -> AnyCatalogue:
        """Returns the catalogue of the file, else the default. Raises `BadSetting`, `OSError`."""
        return self.own_catalogue or DEFAULT


def settings_of(policy: Sequence[str], catalogue: str | None = None) -> Settings:
    """Returns settings from checked texts of the form NAME=ANSWER; the catalogue is read on demand. Raises `WrongUsage`."""
    policy_from_options(policy)
    return Settings(settings_named(policy), catalogue_file=catalogue)


def settings_or_infer(policy: Sequence[str], catalogue: str | None = None) -> Settings:
    """Returns settings from texts among which may be `infer`. Raises `WrongUsage`."""
    return replace(settings_of(without_infer(policy), catalogue), infers=infers(policy))


@dataclass(frozen=True)
class Reached:
    """The headers for a service over HTTP, and the seconds that it has to come up."""

    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float | None = None

    @property
    def given(self) -> dict[str, str | list[str] | None]:
        """The options that say so. The value of a header may be a secret, and is left out."""
        return {"header": [f"{name}=..." for name in self.headers], "wait": None if self.wait is None else f"{self.wait:g}"}


def reached(header: Sequence[str], wait: float | None) -> Reached:
    """Returns headers, given as NAME=VALUE, checked. Raises `WrongUsage`."""
    return Reached(headers_from(header), wait)


@dataclass(frozen=True)
class SutConfig:
    """An implementation under test: its address, its time limit, and its own words for refusals."""

    address: str
    timeout: float = DEFAULT_TIMEOUT
    reasons_file: str | None = None
    reached: Reached = Reached()

    def connect(self) -> Client:
        """Returns a client of the implementation, started or reached. Raises `WrongUsage`, `OSError`."""
        return connect(self.address, self.timeout, self.reached.headers, self.reached.wait)

    @cached_property
    def reasons(self) -> Reasons | None:
        """Returns its own words, if a file gives them. Raises `BadSetting`, `OSError`."""
        return None if self.reasons_file is None else reasons_from_file(Path(self.reasons_file))

    def world(self, settings: Settings) -> SutSettings:
        """Returns the settings of the worlds that are opened at it."""
        known = settings.named if settings.infers else None
        is_own = settings.catalogue_file is not None
        return SutSettings(settings.policy, settings.catalogue, self.reasons, known, settings.named, is_own)


@dataclass(frozen=True)
class FuzzConfig:
    """The configuration of random runs of the declared machines, or of an implementation."""

    examples: int | None
    """None where time alone ends it."""
    steps: int
    seed: int
    settings: Settings
    save: Sequence[str] = ()
    sut: SutConfig | None = None
    part: Slice | None = None
    database: Path | None = None
    seconds: float | None = None
    require_coverage: float | None = None
    """The per cent of the reachable pairs of rules that has to be met; None where no coverage is required."""

    @property
    def slice(self) -> Slice:
        """Returns the slice of the whole run that this one covers."""
        return self.part or WHOLE

    def again(self) -> str:
        """Returns the command that gives the same run."""
        settings, sut = self.settings, self.sut
        named = [f"{name}={answer}" for name, answer in settings.named.items()]
        return command_line(
            "fuzz",
            sut=sut.address if sut else None,
            examples=self.examples,
            steps=self.steps,
            seed=self.seed,
            policy=[INFER] * settings.infers + named,
            catalogue=settings.catalogue_file,
            reasons=sut.reasons_file if sut else None,
            timeout=f"{sut.timeout:g}" if sut and sut.timeout != DEFAULT_TIMEOUT else None,
            seconds=None if self.seconds is None else f"{self.seconds:g}",
            **{"require-coverage": None if self.require_coverage is None else f"{self.require_coverage:g}"},
            **(sut.reached.given if sut else {}),
            slice=str(self.part) if self.part else None,
            database=self.database,
        )

"""What a run was asked to be, read once from what a user wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tokenspec.oracle.base.shards import WHOLE, Slice
from tokenspec.oracle.report.again import command_line
from tokenspec.oracle.sut.observed import Reasons, reasons_from_file
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.settings import INFER, catalogue_from_file, infers, policy_from_options, settings_named, without_infer
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.policies import DEFAULTS

DEFAULT_TIMEOUT = 5.0
"""Seconds for a request to an implementation."""


@dataclass(frozen=True)
class Settings:
    """The settings of a run: those `named`, whether the others are inferred, and the file of a catalogue."""

    named: Mapping[str, str] = field(default_factory=dict)
    infers: bool = False
    catalogue_file: str | None = None

    @property
    def policy(self) -> dict[str, str]:
        """Every policy: those that are named, the others at their defaults."""
        return {**DEFAULTS, **self.named}

    @property
    def files(self) -> list[str]:
        """The files that are read for them."""
        return [] if self.catalogue_file is None else [self.catalogue_file]

    @cached_property
    def own_catalogue(self) -> Catalogue | None:
        """The catalogue of the file, if one is given. Raises `BadSetting`, `OSError`."""
        return None if self.catalogue_file is None else catalogue_from_file(Path(self.catalogue_file))

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of the file, else the default. Raises `BadSetting`, `OSError`."""
        return self.own_catalogue or DEFAULT


def settings_of(policy: Sequence[str], catalogue: str | None = None) -> Settings:
    """Texts of the form NAME=ANSWER, checked; a catalogue is read when it is needed. Raises `WrongUsage`."""
    policy_from_options(policy)
    return Settings(settings_named(policy), catalogue_file=catalogue)


def settings_or_infer(policy: Sequence[str], catalogue: str | None = None) -> Settings:
    """The same where `infer` may stand among them. Raises `WrongUsage`."""
    return replace(settings_of(without_infer(policy), catalogue), infers=infers(policy))


@dataclass(frozen=True)
class SutConfig:
    """An implementation under test: where it is, how long it may take for an answer, and its own words for refusals."""

    address: str
    timeout: float = DEFAULT_TIMEOUT
    reasons_file: str | None = None

    @cached_property
    def reasons(self) -> Reasons | None:
        """Its own words, if a file gives them. Raises `BadSetting`, `OSError`."""
        return None if self.reasons_file is None else reasons_from_file(Path(self.reasons_file))

    def world(self, settings: Settings) -> SutSettings:
        """The worlds that are opened at it."""
        known = settings.named if settings.infers else None
        return SutSettings(settings.policy, settings.catalogue, self.reasons, known, settings.named)


@dataclass(frozen=True)
class FuzzConfig:
    """A run of random events: of the declared machines, or of an implementation."""

    examples: int
    steps: int
    seed: int
    settings: Settings
    save: Sequence[str] = ()
    sut: SutConfig | None = None
    part: Slice | None = None
    database: Path | None = None

    @property
    def slice(self) -> Slice:
        """The part of the run that is this one's."""
        return self.part or WHOLE

    def again(self) -> str:
        """The command that gives the same run."""
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
            slice=str(self.part) if self.part else None,
            database=self.database,
        )

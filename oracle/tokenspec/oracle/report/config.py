"""The configuration of a run, parsed once from user input, and the commands that repeat one: lines to copy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tokenspec.oracle.base.shards import WHOLE, Slice
from tokenspec.oracle.base.specification import DEFAULT, DEFAULTS, AnyCatalogue
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.sut.observed import Reasons, reasons_from_file
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.resets import EXPLICIT
from tokenspec.oracle.wire.settings import INFER, as_options, catalogue_from_file, changed, infers, settings_named, without_infer

DEFAULT_TIMEOUT = 5.0
"""The default time limit of a request to an implementation, in seconds."""

Option = Sequence[str] | str | float | Path | Slice | None


def command_line(verb: str, *words: str, **options: Option) -> str:
    """Returns `tokenspec verb` with these options: None is left out, and a list is given item by item."""
    line = ["tokenspec", verb, *words]
    for option, value in options.items():
        given = value if isinstance(value, list) else [] if value is None else [value]
        for each in given:
            line += [f"--{option.replace('_', '-')}", f"{each:g}" if isinstance(each, float) else str(each)]
    return shlex.join(line)


def replay_again(
    log: str, policy: Mapping[str, str], resets: str, catalogue: str | None, inferred: Mapping[str, str] | None = None
) -> str:
    """Returns the command that replays a saved log under these settings; `catalogue` is the file of a user's catalogue.

    Where the settings are inferred, `inferred` are the known ones.
    """
    named = changed(policy) if inferred is None else [INFER, *as_options(inferred)]
    return command_line("replay", log, catalogue=catalogue, policy=named, resets=None if resets == EXPLICIT else resets)


@dataclass(frozen=True)
class Settings:
    """The settings of a run: those `named`, the file of a catalogue, and `infers` to infer the others."""

    named: Mapping[str, str] = field(default_factory=dict)
    infers: bool = False
    catalogue_file: str | None = None

    @property
    def policy(self) -> dict[str, str]:
        """The choice for every policy: the named one, or the default."""
        return {**DEFAULTS, **self.named}

    @property
    def options(self) -> dict[str, Option]:
        """The options that say so."""
        return {"policy": [INFER] * self.infers + as_options(self.named), "catalogue": self.catalogue_file}

    @cached_property
    def own_catalogue(self) -> AnyCatalogue | None:
        """The catalogue of the file, if one is given. Raises `BadSetting`, `OSError`."""
        return None if self.catalogue_file is None else catalogue_from_file(Path(self.catalogue_file))

    @property
    def catalogue(self) -> AnyCatalogue:
        """The catalogue of the file, else the default. Raises `BadSetting`, `OSError`."""
        return self.own_catalogue or DEFAULT


def settings_of(policy: Sequence[str], catalogue: str | None = None) -> Settings:
    """Returns settings from checked texts of the form NAME=ANSWER; the catalogue is read on demand. Raises `WrongUsage`."""
    return Settings(settings_named(policy), catalogue_file=catalogue)


def settings_or_infer(policy: Sequence[str], catalogue: str | None = None) -> Settings:
    """Returns settings from texts among which may be `infer`. Raises `WrongUsage`."""
    return replace(settings_of(without_infer(policy), catalogue), infers=infers(policy))


@dataclass(frozen=True)
class SutConfig:
    """An implementation under test: its address, its time limit, and its own words for refusals."""

    address: str
    timeout: float = DEFAULT_TIMEOUT
    reasons_file: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float | None = None
    """The seconds that a service over HTTP has to come up."""

    @property
    def options(self) -> dict[str, Option]:
        """The options that say so. The value of a header may be a secret, and is left out."""
        return {
            "reasons": self.reasons_file,
            "timeout": None if self.timeout == DEFAULT_TIMEOUT else self.timeout,
            "header": [f"{name}=..." for name in self.headers],
            "wait": self.wait,
        }

    def connect(self) -> Client:
        """Returns a client of the implementation, started or reached. Raises `WrongUsage`, `OSError`."""
        return connect(self.address, self.timeout, self.headers, self.wait)

    @cached_property
    def reasons(self) -> Reasons | None:
        """Its own words, if a file gives them. Raises `BadSetting`, `OSError`."""
        return None if self.reasons_file is None else reasons_from_file(Path(self.reasons_file))

    def world(self, settings: Settings) -> SutSettings:
        """Returns the settings of the worlds that are opened at it."""
        known = settings.named if settings.infers else None
        is_own = settings.catalogue_file is not None
        return SutSettings(settings.policy, settings.catalogue, self.reasons, known, settings.named, is_own)


@dataclass(frozen=True)
class RaceOptions:
    """The options of races and crashes, as they were given."""

    clients: int | None = None
    restart: str | None = None
    again_file: str | None = None

    @property
    def given(self) -> dict[str, Option]:
        """The options by their names; None for those that are not there."""
        return {"clients": self.clients, "restart": self.restart, "again": self.again_file}

    @property
    def are_asked(self) -> bool:
        """True if races or crashes are asked for."""
        return any(value is not None for value in self.given.values())

    @property
    def number(self) -> int:
        """The number of clients."""
        return self.clients or 1


@dataclass(frozen=True)
class FuzzConfig:
    """The configuration of random runs: of the declared machines, or of an implementation, of whose races too."""

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
    racing: RaceOptions = RaceOptions()
    profile: str | None = None
    """The profile, where that is what ends it and it is not the usual one."""

    @property
    def slice(self) -> Slice:
        """The slice of the whole run that this one covers."""
        return self.part or WHOLE

    def again(self) -> str:
        """Returns the command that gives the same run; which requests of a race overlap is left to chance."""
        return command_line(
            "fuzz",
            sut=self.sut.address if self.sut else None,
            **self.racing.given,
            profile=self.profile,
            examples=self.examples,
            steps=None if self.racing.are_asked else self.steps,
            seed=self.seed if self.racing.again_file is None else None,
            **self.settings.options,
            **(self.sut.options if self.sut else {}),
            seconds=self.seconds,
            require_coverage=self.require_coverage,
            slice=self.part,
            database=self.database,
        )

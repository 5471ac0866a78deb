"""Options and configuration of races and crashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.shards import Slice
from tokenspec.oracle.report.again import command_line
from tokenspec.oracle.report.config import DEFAULT_TIMEOUT, Settings, SutConfig
from tokenspec.oracle.wire.settings import INFER


@dataclass(frozen=True)
class RaceOptions:
    """The options of races and crashes, as they were given."""

    clients: int | None = None
    restart: str | None = None
    again_file: str | None = None

    @property
    def given(self) -> dict[str, int | str | None]:
        """The options by their names; None for those that are not there."""
        return {"clients": self.clients, "restart": self.restart, "again": self.again_file}

    def is_asked(self, database: str | None) -> bool:
        """Returns whether races or crashes are asked for. Raises `WrongUsage` for what goes with none, or not with them."""
        is_asked = any(value is not None for value in self.given.values())
        if is_asked and database is not None:
            raise WrongUsage("--database", "it keeps findings of one client; --save keeps a history of several, --again plays it")
        return is_asked


@dataclass(frozen=True)
class RaceConfig:
    """A run of races, of crashes, or of both, or of one history again."""

    sut: SutConfig
    settings: Settings
    options: RaceOptions
    examples: int | None
    seconds: float | None
    profile: str
    seed: int
    save: Sequence[str] = ()
    part: Slice | None = None

    @property
    def clients(self) -> int:
        """The number of clients."""
        return self.options.clients or 1

    def again(self) -> str:
        """The command that gives a run like this one; which requests overlap is left to chance."""
        named = [f"{name}={answer}" for name, answer in self.settings.named.items()]
        options = self.options
        is_counted = self.examples is not None or self.seconds is not None or options.again_file is not None
        return command_line(
            "fuzz",
            sut=self.sut.address,
            **options.given,
            profile=None if is_counted or self.profile == "ci" else self.profile,
            examples=self.examples,
            seconds=None if self.seconds is None else f"{self.seconds:g}",
            **self.sut.reached.given,
            seed=self.seed if options.again_file is None else None,
            policy=[INFER] * self.settings.infers + named,
            catalogue=self.settings.catalogue_file,
            reasons=self.sut.reasons_file,
            timeout=f"{self.sut.timeout:g}" if self.sut.timeout != DEFAULT_TIMEOUT else None,
            slice=None if self.part is None else str(self.part),
        )

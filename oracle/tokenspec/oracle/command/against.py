"""--against, --against-catalogue and --fail-above: the other setting that a log is compared under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.command.options import policy_settings, together
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.settings import catalogue_from_file, settings_named


@dataclass(frozen=True)
class OtherSettings:
    """The other setting: the choices `named`, and the file of a catalogue; what they leave out is as in the run."""

    named: Mapping[str, str]
    catalogue_file: str | None
    fail_above: int | None

    @property
    def is_given(self) -> bool:
        """True where a comparison is asked for."""
        return bool(self.named) or self.catalogue_file is not None

    def check(self, settings: Settings, states: Mapping[str, str | None]) -> None:
        """Raises `WrongUsage` for options that do not go together with a comparison."""
        if not self.is_given:
            if self.fail_above is not None:
                raise WrongUsage("--fail-above", "it counts the accounts that --against touches; give --against as well")
            return
        if settings.infers:
            raise WrongUsage("--against", "the option needs one setting, and --policy infer follows all; leave one of them out")
        for option, path in states.items():
            if path is not None:
                raise WrongUsage(option, "a state holds accounts under one setting, and --against has two; leave one of them out")

    def oracle(self, own: Oracle) -> Oracle:
        """Returns a new world under the other setting. Raises `BadSetting`, `OSError`."""
        catalogue = own.catalogue if self.catalogue_file is None else catalogue_from_file(Path(self.catalogue_file))
        return Oracle({**own.policy, **self.named}, catalogue, own.resets, remember=own.remember)


def _other_settings(against: Sequence[str], against_catalogue: Sequence[str], fail_above: int | None) -> OtherSettings:
    try:
        named = settings_named(against)
    except BadSetting as fault:
        raise WrongUsage(f"--against {fault.key.removeprefix('policy ')}", fault.rule) from None
    if len(set(against_catalogue)) > 1:
        told = " and ".join(against_catalogue)
        raise WrongUsage("--against-catalogue", f"a catalogue is whole, and {told} are given; make one file of them")
    return OtherSettings(named, next(iter(against_catalogue), None), fail_above)


against_options = together(
    "other",
    _other_settings,
    click.option(
        "--against",
        metavar="NAME=ANSWER",
        multiple=True,
        shell_complete=policy_settings,
        help="Compares this run with another setting, over the same records; may be given again.",
    ),
    click.option(
        "--against-catalogue",
        metavar="FILE",
        multiple=True,
        type=click.Path(),
        help="Compares this run with another catalogue, together with what --against says.",
    ),
    click.option(
        "--fail-above",
        metavar="N",
        type=click.IntRange(min=0),
        help="With --against: exits with 16 where more than N accounts are touched.",
    ),
)

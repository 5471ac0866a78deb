"""`tokenspec fuzz --clients`, `--restart` and `--again`: races and crashes of an implementation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.shards import WHOLE
from tokenspec.oracle.base.text import json_text
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.command.files import Implementation
from tokenspec.oracle.command.options import progress, together
from tokenspec.oracle.races.campaign import race_for
from tokenspec.oracle.races.crew import crew_of
from tokenspec.oracle.races.files import rounds_of_file
from tokenspec.oracle.races.playing import Players
from tokenspec.oracle.races.result import Race, RaceResult
from tokenspec.oracle.races.service import Service
from tokenspec.oracle.report.again import command_line
from tokenspec.oracle.report.fuzz import is_log
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.output import noted
from tokenspec.oracle.report.races_and_crashes.config import RaceConfig, RaceOptions
from tokenspec.oracle.report.races_and_crashes.report import race_report
from tokenspec.oracle.runtime.oracle import Oracle

SECONDS = {"ci": 60.0, "nightly": 3_600.0}
"""The seconds of a search by profile, unless a number of worlds is given."""
WAIT = 30.0
"""Seconds that the implementation has to answer, once it was started."""


class _Program(Implementation):
    """The command that starts an implementation. An empty one is refused."""

    name = "command"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the command. Raises `WrongUsage` where it is empty."""
        if not value.strip():
            raise WrongUsage("--restart", "it is the command line that starts the implementation, and it is empty")
        return super().convert(value, param, ctx)


race_options = together(
    "racing",
    RaceOptions,
    click.option(
        "--clients",
        type=click.IntRange(1, 64),
        metavar="N",
        help="Races: N clients ask one account at once, over N connections, as N processes, or in N threads.",
    ),
    click.option(
        "--restart",
        type=_Program(),
        metavar="COMMAND",
        help="Crashes: COMMAND starts the implementation in the foreground; it is killed (kill -9) and started again, at random.",
    ),
    click.option("--again", "again_file", metavar="FILE", type=click.Path(), help="Plays a history written by --save."),
)
"""--clients, --restart and --again, as `racing`."""


def races(config: RaceConfig, failed: list[WrongUsage]) -> RunReport:
    """Races at an implementation, and the report. Raises `WrongUsage`, `BadSetting`, `OSError`, `NotThere`."""
    setting, options, sut = config.sut.world(config.settings), config.options, config.sut
    rounds, has_overlaps, has_kills = None, config.clients > 1 or options.restart is None, options.restart is not None
    if options.again_file is not None:
        rounds = rounds_of_file(options.again_file, Oracle(None, setting.catalogue).reader)
        has_overlaps = any(len(each.sends) > 1 for each in rounds)
        has_kills = any(each.kill is not None for each in rounds)
        if has_kills and options.restart is None:
            raise WrongUsage("--again", f"the implementation is killed in {options.again_file}; --restart says how it is started")
        needed = 1 + max(client for each in rounds for client, _ in each.sends)
        config = replace(config, options=replace(options, clients=max(needed, config.clients)))
    part = config.part or WHOLE
    examples = None if config.examples is None else part.share(config.examples)
    seconds = SECONDS[config.profile] if config.examples is None and config.seconds is None else config.seconds
    race = Race(config.clients, has_overlaps, has_kills, examples, seconds, part.seed(config.seed))
    service = players = None
    if options.restart is not None and options.restart != sut.address:
        service = Service(options.restart, sut.address, sut.reached.wait or WAIT)
    try:
        if service is not None:
            service.start()
        players = Players(
            crew_of(sut.address, sut.timeout, config.clients, sut.reached.headers, sut.reached.wait), setting, service
        )
        with progress("racing", race.examples) as tick:
            result = race_for(players, setting, race, tick, rounds)
    finally:
        if players is not None:
            players.end()
        elif service is not None:
            service.end()
    return race_report(result, config, list(_saved(result, config, failed)))


def _saved(result: RaceResult, config: RaceConfig, failed: list[WrongUsage]) -> Iterator[str]:
    """Writes the history that was found; a line for each file."""
    if result.finding is None:
        return
    for path in config.save:
        with noted(failed):
            if not is_log(path):
                yield f"not saved as {path}: what several clients do at once, or a crash, is no vector and no test of one client"
                continue
            write_file("--save", path, "".join(f"{json_text(record)}\n" for record in result.finding.records).encode())
            again = command_line("fuzz", sut=config.sut.address, restart=config.options.restart, again=path)
            yield f"saved; {again}"

"""`tokenspec fuzz --clients`, `--restart` and `--again`: races and crashes of an implementation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import click

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.command.files import Implementation
from tokenspec.oracle.command.options import progress, together
from tokenspec.oracle.command.verbs.fuzz_save import not_saved
from tokenspec.oracle.races.campaign import race_for
from tokenspec.oracle.races.crew import crew_of
from tokenspec.oracle.races.files import CLIENTS_MAX, rounds_of_file
from tokenspec.oracle.races.playing import Players
from tokenspec.oracle.races.result import Race, RaceResult
from tokenspec.oracle.races.service import Service
from tokenspec.oracle.report.config import FuzzConfig, RaceOptions, SutConfig, command_line
from tokenspec.oracle.report.forms import json_lines
from tokenspec.oracle.report.fuzz import is_log
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.output import noted
from tokenspec.oracle.report.races import race_report
from tokenspec.oracle.runtime.oracle import Oracle

SECONDS = {"ci": 60.0, "nightly": 3_600.0}
"""The seconds of a search by profile, unless a number of worlds is given."""
WAIT = 30.0
"""Seconds that the implementation has to answer, once it was started."""


race_options = together(
    "racing",
    RaceOptions,
    click.option(
        "--clients",
        type=click.IntRange(1, CLIENTS_MAX),
        metavar="N",
        help="Races: N clients ask one account at once, over N connections, as N processes, or in N threads.",
    ),
    click.option(
        "--restart",
        type=Implementation("it is the command line that starts the implementation, and it is empty"),
        metavar="COMMAND",
        help="Crashes: COMMAND starts the implementation in the foreground; it is killed (kill -9) and started again, at random.",
    ),
    click.option("--again", "again_file", metavar="FILE", type=click.Path(), help="Plays a history written by --save."),
)


def races(config: FuzzConfig, sut: SutConfig, profile: str, failed: list[WrongUsage]) -> RunReport:
    """Races at an implementation, and the report. Raises `WrongUsage`, `BadSetting`, `OSError`, `NotThere`."""
    setting, options, seconds = sut.world(config.settings), config.racing, config.seconds
    if options.restart is not None and sut.address.startswith("python:"):
        raise WrongUsage(
            "--restart", "what a Python factory makes is in this process, and cannot be killed; give --sut a command line"
        )
    rounds, has_overlaps, has_kills = None, options.number > 1 or options.restart is None, options.restart is not None
    if options.again_file is not None:
        rounds = rounds_of_file(options.again_file, Oracle(None, setting.catalogue).reader)
        has_kills = any(each.kill is not None for each in rounds)
        has_overlaps = not has_kills or any(len(each.sends) > 1 for each in rounds)
        if has_kills and options.restart is None:
            raise WrongUsage("--again", f"the implementation is killed in {options.again_file}; --restart says how it is started")
        needed = 1 + max(client for each in rounds for client, _ in each.sends)
        options = replace(options, clients=max(needed, options.number))
        config = replace(config, racing=options)
    examples = None if config.examples is None else config.slice.share(config.examples)
    if examples is None and seconds is None:
        seconds = SECONDS[profile]
        config = replace(config, profile=None if profile == "ci" or rounds is not None else profile)
    race = Race(options.number, has_overlaps, has_kills, examples, seconds, config.slice.seed(config.seed))
    service = players = None
    if options.restart is not None and options.restart != sut.address:
        service = Service(options.restart, sut.address, sut.wait or WAIT)
    try:
        if service is not None:
            service.start()
        crew = crew_of(sut.address, sut.timeout, options.number, sut.headers, sut.wait)
        players = Players(crew, setting, service)
        with progress("racing", race.examples) as tick:
            result = race_for(players, setting, race, tick, rounds)
    finally:
        if players is not None:
            players.end()
        elif service is not None:
            service.end()
    return race_report(result, config, list(_saved(result, config, sut, failed)))


def _saved(result: RaceResult, config: FuzzConfig, sut: SutConfig, failed: list[WrongUsage]) -> Iterator[str]:
    """Writes the history that was found; a line for each file."""
    if result.finding is None:
        return
    for path in config.save:
        with noted(failed):
            if not is_log(path):
                yield f"not saved as {path}: what several clients do at once, or a crash, is no vector and no test of one client"
                continue
            if not result.finding.records:
                yield not_saved(path)
                continue
            write_file("--save", path, json_lines(result.finding.records))
            options = {**config.settings.options, **sut.options}
            yield f"saved; {command_line('fuzz', sut=sut.address, restart=config.racing.restart, again=path, **options)}"

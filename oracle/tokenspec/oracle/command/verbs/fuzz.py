"""`tokenspec fuzz`: random runs of the declared machines, or of an implementation beside the oracle."""

from __future__ import annotations

from dataclasses import replace

import click

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.shards import slice_of
from tokenspec.oracle.command.files import programs
from tokenspec.oracle.command.options import (
    SECONDS,
    Output,
    RealNumber,
    only_with,
    output_options,
    progress,
    refuse,
    settings_or_infer_options,
    sut_options,
)
from tokenspec.oracle.command.verbs.fuzz_races import race_options, races
from tokenspec.oracle.command.verbs.fuzz_save import outputs, save_counterexample, save_failure
from tokenspec.oracle.fuzz.campaign import PROFILES, run
from tokenspec.oracle.fuzz.conformance import HYPOTHESIS_SHARE, conform
from tokenspec.oracle.fuzz.regressions import check_directory
from tokenspec.oracle.report.config import FuzzConfig, RaceOptions, Settings, SutConfig
from tokenspec.oracle.report.conformance import conformance_report, ended
from tokenspec.oracle.report.fuzz import fuzz_report
from tokenspec.oracle.report.model import RunReport


@click.command()
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="ci",
    show_default=True,
    help="ci: about a minute; nightly: about an hour.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    metavar="N",
    help="Runs by Hypothesis, and as many random walks; overrides the profile.",
)
@click.option("--steps", type=click.IntRange(min=1), default=50, show_default=True, help="Events in a run.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same runs.")
@click.option(
    "--save",
    metavar="FILE",
    type=click.Path(),
    multiple=True,
    help="Writes a counterexample as a log that `replay` reads; with --sut as a vector if FILE ends in .json, and as a test for "
    "pytest if in .py. May be given again.",
)
@sut_options("--sut", "Fuzzes an implementation.")
@click.option(
    "--seconds",
    type=SECONDS,
    metavar="N",
    help="With --sut: the run lasts N seconds, whatever the profile, and the verdict is about what was tried by then. With "
    "--examples it ends with them, and there is no verdict if they are not reached.",
)
@click.option(
    "--require-coverage",
    type=RealNumber(0, 100),
    is_flag=False,
    flag_value=99.0,
    metavar="[PER CENT]",
    help="With --sut: exit code 16 unless every reachable rule and refusal was met, and so many per cent (99 if none is given) "
    "of the pairs of rules that can follow each other in one account.",
)
@click.option("--slice", "part", metavar="I/N", help="The I-th of N runs that share the examples, each with a seed of its own.")
@click.option(
    "--database",
    metavar="DIR",
    type=click.Path(),
    help="Keeps the findings about an implementation, and tries those of earlier runs first. Runs may share it.",
)
@race_options
@settings_or_infer_options
@output_options("text", "json", "junit", "sarif", "md", reports=True)
def command(
    profile: str,
    examples: int | None,
    steps: int,
    seed: int,
    save: tuple[str, ...],
    seconds: float | None,
    require_coverage: float | None,
    part: str | None,
    database: str | None,
    sut: SutConfig | None,
    racing: RaceOptions,
    settings: Settings,
    out: Output,
) -> int:
    """Fuzzes the declared machines: every event, under random settings, with time of every length.

    Each step is taken by several readers of the declaration, which must agree, and every claim that a run can
    show is checked. Every rule and every refusal has to be met; one that never is fails with exit code 16.

    \b
    tokenspec fuzz
    tokenspec fuzz --examples 50 --seed 7 --policy refund=to_source
    tokenspec fuzz --profile nightly --save counterexample.jsonl

    With --sut an implementation answers the same records as the oracle, under one choice of settings, up to the first
    answer that is not the right one, in N random walks and a fifth as many runs by Hypothesis. With --policy infer every
    setting that explains all answers so far is followed; it diverges where none is left. After the first walks come runs that a
    search has found, for every pair of rules that can follow each other in one account. Exit codes 0, 15, 20, 16 with
    --require-coverage, and 65 where figures that it has fixed break the limits of a catalogue.

    \b
    tokenspec fuzz --sut "node wallet.js"
    tokenspec fuzz --sut http://localhost:8080 --policy daily_position=last --save counterexample.jsonl
    tokenspec fuzz --sut http://localhost:8080 --header "Authorization=Bearer 123" --wait 30 --seconds 10
    tokenspec fuzz --sut "node wallet.js" --require-coverage
    tokenspec fuzz --sut "node wallet.js" --policy infer --save test_counterexample.py
    tokenspec fuzz --sut "node wallet.js" --report junit=fuzz.xml --report sarif=fuzz.sarif --report md=fuzz.md
    tokenspec fuzz --sut "node wallet.js" --profile nightly --slice 2/4 --database found --save found.jsonl

    With --clients several clients ask one account at once: right is what some order of the requests explains. With --restart
    the implementation is killed and started again: what it accepted has to be there. It takes a minute, or --seconds.

    \b
    tokenspec fuzz --sut python:shop.wallet:Wallet --clients 4 --examples 100 --save race.jsonl
    tokenspec fuzz --sut python:shop.wallet:Wallet --again race.jsonl
    tokenspec fuzz --sut http://localhost:8090 --restart "python service.py 8090 wallet.json" --clients 4 --examples 3
    """
    files = outputs(save, sut is not None, settings.catalogue_file is not None)
    of_sut = [sut.reasons_file, *programs(sut.address)] if sut is not None else []
    out.check([settings.catalogue_file, racing.again_file, *of_sut, *programs(racing.restart)], files)
    failed: list[WrongUsage] = []
    config = FuzzConfig(examples or PROFILES[profile], steps, seed, settings, save)
    if sut is None:
        given = {"slice": part, "database": database, "seconds": seconds, "require-coverage": require_coverage}
        only_with("--sut", {**given, **racing.given})
        if settings.infers:
            raise WrongUsage("--policy infer", "only an implementation has settings to infer, so it goes with --sut")
        return out.write(_machines(config, failed), failed)
    if racing.are_asked:
        _check_races(racing, database)
    if require_coverage is not None:
        _check_coverage(settings, racing)
    config = replace(config, sut=sut, part=None if part is None else slice_of(part), seconds=seconds, racing=racing)
    if racing.are_asked:
        return out.write(races(replace(config, examples=examples), sut, profile, failed), failed)
    if seconds is not None:
        config = replace(config, examples=examples)
    kept = None if database is None else check_directory(database)
    return out.write(_implementation(replace(config, database=kept, require_coverage=require_coverage), sut, failed), failed)


def _check_races(racing: RaceOptions, database: str | None) -> None:
    """Raises `WrongUsage` where an option says nothing of several clients, or of crashes."""
    if database is not None:
        raise WrongUsage("--database", "it keeps findings of one client; --save keeps a history of several, --again plays it")
    refuse("a world of several clients, or of crashes, is a few events and four rounds", "steps")
    if racing.again_file is not None:
        refuse("--again plays the history that was saved, and draws nothing", "seed", "part")


def _check_coverage(settings: Settings, racing: RaceOptions) -> None:
    """Raises `WrongUsage` where it is not known what can be met."""
    if settings.infers:
        raise WrongUsage("--require-coverage", "what can be met depends on the settings; name them in place of --policy infer")
    if racing.are_asked:
        says = "it is about events one after the other; leave it out, or leave out --clients, --restart and --again"
        raise WrongUsage("--require-coverage", says)


def _machines(config: FuzzConfig, failed: list[WrongUsage]) -> RunReport:
    settings, examples = config.settings, config.examples
    assert examples is not None, "time ends a run of an implementation alone"
    with progress("fuzzing", 2 * examples) as tick:
        own = settings.own_catalogue
        result = run(examples, config.steps, config.seed, progress=tick, policy=dict(settings.named), catalogue=own)
    saved = save_failure(config.save, result.failure, settings, failed) if result.failure is not None else ()
    return fuzz_report(result, config, list(saved))


def _implementation(config: FuzzConfig, sut: SutConfig, failed: list[WrongUsage]) -> RunReport:
    setting, part = sut.world(config.settings), config.slice
    examples = None if config.examples is None else part.share(config.examples)
    worlds = None if examples is None else examples + -(-examples // HYPOTHESIS_SHARE)
    with ended(sut.connect()) as client, progress("fuzzing", worlds) as tick:
        limits = examples, config.steps, part.seed(config.seed)
        verdict = conform(client, setting, *limits, tick, config.database, None, config.seconds, config.require_coverage)
    if not verdict.is_kept:
        failed.append(
            WrongUsage("--database", f"{config.database}: what was found cannot be kept there; has the disk room left?")
        )
    saved = save_counterexample(config, sut, verdict, failed) if verdict.counterexample is not None else ()
    return conformance_report(verdict, config, list(saved))

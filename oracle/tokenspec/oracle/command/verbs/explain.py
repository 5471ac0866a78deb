"""`tokenspec explain`: the history and causes of an account's balance."""

from __future__ import annotations

import json
import os
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import click
import msgspec

from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.base.text import one_line, path_text
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.command.logs_read import logs_options, read_logs, rows_of
from tokenspec.oracle.command.options import RESETS_OF_LOGS, Output, output_options, progress, settings_options
from tokenspec.oracle.logs.diagnosis import Asked
from tokenspec.oracle.logs.history import NoRecord, tell
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.explain import explain_report
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.observations import FIRST_INSTANT, LAST_INSTANT, MILLISECONDS_MIN, Countable

_SHOWN = json.dumps(dict.fromkeys(POOLS[:2], 0))


@click.command()
@logs_options
@click.option("--account", required=True, metavar="A", help="The account whose balance is explained.")
@click.option("--shown", metavar="JSON", help=f"The shown balances, such as '{_SHOWN}'.")
@click.option("--at", metavar="T", help="The instant asked about, RFC 3339; default: that of the account's last record.")
@click.option("--time-zone", metavar="ZONE", help="Shows instants in this zone too, such as America/Los_Angeles.")
@RESETS_OF_LOGS
@settings_options
@output_options("text", "json", "md", reports=True)
def command(
    logs: tuple[str, ...],
    map_file: str | None,
    account: str,
    shown: str | None,
    at: str | None,
    time_zone: str | None,
    resets: str,
    settings: Settings,
    out: Output,
) -> int:
    """Explains an account's balance: what each pool gained and lost, what is due when, and which causes fit.

    Where your system's own record, `observed`, is wrong, its line is named; `replay` gives the reason. -q prints the
    causes only.

    \b
    tokenspec explain wallet.jsonl --account ann --shown '{"daily": 0}' --time-zone America/Los_Angeles
    tokenspec explain ledger.csv --map ledger.toml --account u-1042
    tokenspec explain wallet.jsonl --account ann --at 2026-07-21T02:00:00Z --format json
    """
    pools, until, zone = _pools(shown), _instant(at), _zone(time_zone)
    read = read_logs(logs, map_file, settings, out)
    oracle = Oracle(settings.policy, settings.catalogue, resets)
    with progress("reading", read.size or None, True) as tick:
        try:
            story = tell(read, oracle, account, until, tick)
        except NoRecord as missing:
            if not missing.others and not missing.has_later:
                raise BadSetting(", ".join(path_text(name) for name in read.names), "it holds no good record") from None
            upto = f" up to {format_instant(until)}" if until is not None else ""
            near = did_you_mean(account, missing.others)
            raise WrongUsage(
                "--account", f"the log has no good record of {one_line(account) or 'an account with an empty name'}{upto}{near}"
            ) from None
    story.rows = rows_of(read)
    return out.write(explain_report(Asked(story, pools, zone)))


def _pools(shown: str | None) -> dict[str, int] | None:
    if shown is None:
        return None
    try:
        pools = decode(os.fsencode(shown), dict[str, Countable])
    except msgspec.MsgspecError:
        pools = {}
    unknown = next((pool for pool in pools if pool not in POOLS), None)
    if not pools or unknown is not None:
        near = did_you_mean(unknown, POOLS) if unknown is not None else ""
        raise WrongUsage(
            "--shown", f"{shown!a} is not a JSON object of whole tokens by pool ({', '.join(POOLS)}), such as {_SHOWN}{near}"
        )
    return pools


def _instant(at: str | None) -> int | None:
    if at is None:
        return None
    try:
        found = int(at) if at.lstrip("-").isdecimal() else parse_instant(at)
    except ValueError as fault:
        raise WrongUsage("--at", str(fault)) from None
    if at.isdecimal() and found < MILLISECONDS_MIN:
        raise WrongUsage("--at", f"an instant is given in milliseconds; this looks like seconds: {found}000 is meant?")
    if not FIRST_INSTANT <= found <= LAST_INSTANT:
        raise WrongUsage("--at", "an instant lies in the years 0000 to 9999, given in milliseconds")
    return found


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        called = one_line(name or "") or "with an empty name"
        near = did_you_mean(name or "", available_timezones())
        raise WrongUsage("--time-zone", f"there is no zone {called}; zones are named like Europe/Berlin{near}") from None

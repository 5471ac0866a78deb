"""`tokenspec explain`: why an account's balance is what it is."""

from __future__ import annotations

from typing import IO, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec

from tokenspec.oracle.causes import Asked, Cause, causes
from tokenspec.oracle.command.exits import BAD_DATA, HOLDS
from tokenspec.oracle.command.files import check_files, output
from tokenspec.oracle.command.options import as_json, catalogue_at, output_options, progress, settings_options, table
from tokenspec.oracle.command.replay import bad_data, bad_text
from tokenspec.oracle.command.replay_forms import SHOWN_MAX
from tokenspec.oracle.errors import WrongUsage
from tokenspec.oracle.explain import instant, local_time, tell
from tokenspec.oracle.instants import format_instant, parse_instant
from tokenspec.oracle.logs import Logs
from tokenspec.oracle.plain import one_line
from tokenspec.oracle.records import FIRST_INSTANT, LAST_INSTANT
from tokenspec.oracle.settings import policy_from_options
from tokenspec.oracle.stamp import stamp
from tokenspec.oracle.world import RESETS, Oracle
from tokenspec.spec.daily_job import WAITING
from tokenspec.spec.words import APP_POOLS, FREE, POOLS


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--account", required=True, metavar="A", help="Whose balance is asked about.")
@click.option("--shown", metavar="JSON", help='What somebody was shown, such as \'{"fast": 0, "daily": 150}\'.')
@click.option("--at", metavar="T", help="The instant asked about, RFC 3339 with Z; default: that of the account's last record.")
@click.option("--time-zone", metavar="ZONE", help="Tells instants in this zone too, such as America/Los_Angeles.")
@click.option(
    "--resets",
    type=click.Choice(RESETS),
    default=RESETS[0],
    show_default=True,
    help="Whether the two jobs are written in the log or run by themselves when due.",
)
@settings_options
@output_options("text", "json")
def command(
    logs: tuple[str, ...],
    account: str,
    shown: str | None,
    at: str | None,
    time_zone: str | None,
    resets: str,
    policy: tuple[str, ...],
    catalogue: str | None,
    form: str,
    output_file: str | None,
    quiet: bool,
) -> int:
    """Explains an account's balance: what each pool gained and lost, what is due when, and which causes fit.

    What is `observed` in the log is not compared; `replay` does that. -q leaves the causes alone.

    \b
    tokenspec explain wallet.jsonl --account ann --shown '{"daily": 0}' --time-zone America/Los_Angeles
    tokenspec explain wallet.jsonl --account ann --at 2026-07-21T02:00:00Z --format json
    """
    pools, until, zone = _pools(shown), _instant(at), _zone(time_zone)
    check_files([path for path in (*logs, catalogue) if path is not None], {}, output_file)
    read, oracle = Logs(logs), Oracle(policy_from_options(policy), catalogue_at(catalogue), resets)
    with progress("reading", read.size or None) as tick:
        try:
            story = tell(read, oracle, account, until, tick)
        except KeyError:
            upto = f" up to {format_instant(until)}" if until is not None else ""
            raise WrongUsage("--account", f"the log has no good record of {one_line(account)}{upto}") from None
    asked = Asked(story, pools, zone)
    with output(output_file) as to:
        if form == "json":
            to.write(as_json(_data(asked)))
        else:
            _text(asked, to, quiet)
    return BAD_DATA if story.bad else HOLDS


def _pools(shown: str | None) -> dict[str, int] | None:
    if shown is None:
        return None
    try:
        pools = msgspec.json.decode(shown, type=dict[str, int])
    except msgspec.MsgspecError:
        pools = {}
    if not pools or any(pool not in APP_POOLS for pool in pools):
        raise WrongUsage(
            "--shown", f'it is a JSON object of whole tokens by pool ({", ".join(APP_POOLS)}), such as {{"fast": 0}}'
        )
    return pools


def _instant(at: str | None) -> int | None:
    if at is None:
        return None
    try:
        found = int(at) if at.lstrip("-").isdecimal() else parse_instant(at)
    except ValueError as fault:
        raise WrongUsage("--at", str(fault)) from None
    if not FIRST_INSTANT <= found <= LAST_INSTANT:
        raise WrongUsage("--at", "an instant lies in the years 0000 to 9999, given in milliseconds")
    return found


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongUsage("--time-zone", f"there is no zone {one_line(name or '')}; zones are named like Europe/Berlin") from None


def _text(asked: Asked, to: IO[str], quiet: bool) -> None:
    story = asked.story
    if not quiet:
        for bad in story.bad[:SHOWN_MAX]:
            to.write(bad_text(bad))
        to.write(_standing(asked))
    found = causes(asked)
    for cause in found:
        to.write(f"- {cause.sentence} [{' '.join(cause.clauses)}]\n")
    if not found:
        to.write("- Nothing stands out: no cause of a missing or wrong balance fits.\n")
    if not quiet:
        for pool in POOLS:
            _pool_table(asked, pool, to)


def _standing(asked: Asked) -> str:
    story, state = asked.story, asked.story.state
    if not asked.story.kept.daily:
        return f"Account {one_line(story.account)} was not opened by {asked.when(story.at)}.\n"
    held = ", ".join(f"{pool} {tokens:,}" for pool, tokens in story.balances.items())
    status = FREE if state["status"] == FREE else f"{state['status']} on {one_line(state['plan'])}"
    lines = [f"At {asked.when(story.at)} account {one_line(story.account)} is {status}: {held}."]
    for due in story.due:
        what = "daily reset" if due.clock.name == "daily" else "renewal"
        lines.append(f"The {what} {'is next due at' if due.state == WAITING else 'has been due since'} {asked.when(due.at)}.")
    if asked.wrong:
        told = ", ".join(f"{pool} {tokens:,}" for pool, tokens in (asked.shown or {}).items())
        lines.append(f"It was shown as {told}, which is not the true balance.")
    elif asked.shown is not None:
        lines.append("What was shown is the true balance.")
    return "\n".join(lines) + "\n"


def _pool_table(asked: Asked, pool: str, to: IO[str]) -> None:
    rows, held = [], 0
    files = {p.line.file for p in asked.story.postings if p.line is not None}
    for p in asked.story.postings:
        if p.pool == pool:
            held += p.tokens if p.kind.adds else -p.tokens
            sign = "+" if p.kind.adds else "-"
            place = "by itself" if p.line is None else f"line {p.line.number}"
            if p.line is not None and len(files) > 1:
                place = f"{one_line(p.line.file, 60)}:{p.line.number}"
            rows.append([instant(p.at, asked.zone), p.event, place, p.kind.value, f"{sign}{p.tokens:,}", f"{held:,}"])
    if rows:
        to.write("\n")
        table(f"{pool}: {held:,}", ["at", "event", "record", "kind", "tokens", "then"], rows, to)


def _data(asked: Asked) -> dict[str, Any]:
    story = asked.story
    return {
        **stamp(),
        "policy": story.oracle.policy,
        "fixed": {},
        "resets": story.oracle.resets,
        "account": story.account,
        "at": format_instant(story.at),
        "status": story.state["status"],
        "plan": story.state["plan"],
        "balances": story.balances,
        "shown": asked.shown,
        "bad_records": [bad_data(bad) for bad in story.bad],
        "pools": {pool: [_posting_data(asked, n) for n, p in enumerate(story.postings) if p.pool == pool] for pool in POOLS},
        "due": [
            {
                "clock": due.clock.name,
                "at": format_instant(due.at),
                "local": local_time(due.at, asked.zone) if asked.zone is not None else None,
                "state": due.state,
                "overdue_after_ms": due.clock.overdue_ms,
                "clauses": list(due.clock.clauses),
            }
            for due in story.due
        ],
        "causes": [_cause_data(cause) for cause in causes(asked)],
    }


def _posting_data(asked: Asked, index: int) -> dict[str, Any]:
    p = asked.story.postings[index]
    return {
        "at": format_instant(p.at),
        "event": p.event,
        "file": p.line.file if p.line is not None else None,
        "line": p.line.number if p.line is not None else None,
        "kind": p.kind.value,
        "tokens": p.tokens,
    }


def _cause_data(cause: Cause) -> dict[str, Any]:
    return {"cause": cause.cause, "clauses": list(cause.clauses), "sentence": cause.sentence}

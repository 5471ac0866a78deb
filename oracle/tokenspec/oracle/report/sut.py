"""Common parts of the verbs that test an implementation: ending it, and showing its differences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.fuzz.conformance import Conformance
from tokenspec.oracle.logs.narrative import story
from tokenspec.oracle.races.result import RaceResult
from tokenspec.oracle.report.fuzz import RandomRuns
from tokenspec.oracle.report.infer import conforming
from tokenspec.oracle.sut.capabilities import BATCH, NO_REPEATS, SAME_REQUEST, SECONDS, Capabilities
from tokenspec.oracle.sut.client import Client, Failed
from tokenspec.oracle.wire.answers import FIELDS, Difference
from tokenspec.oracle.wire.protocol import event_names
from tokenspec.oracle.wire.settings import as_options, changed


@contextmanager
def ended(client: Client) -> Iterator[Client]:
    """Yields the client, and ends it whatever happens."""
    try:
        yield client
    finally:
        client.end()


def title_of(terms: Capabilities) -> str:
    """Returns the implementation's title, resets and fixed settings, as it announced them."""
    fixed = ", ".join(as_options(terms.policy))
    return f"{terms.title}, resets {terms.resets}{f', with fixed settings: {fixed}' if fixed else ''}"


def left_out_lines(left_out: Collection[str]) -> Iterator[str]:
    """Yields a line where policies were not sent."""
    if left_out:
        names = ", ".join(sorted(left_out))
        yield f"left out of open, which was answered with an error otherwise, and taken to be at the default: {names}"


def not_compared(terms: Capabilities, held: Collection[str]) -> list[str]:
    """Returns the fields of an answer that were not compared: neither observed nor `held`."""
    observed = {name.partition(".")[0] for name in (*terms.observes, *held)}
    return [name for name in FIELDS if name not in observed]


def never_held(terms: Capabilities, held: Collection[str]) -> list[str]:
    """Returns the line about observed fields that held no value on either side; none where each did."""
    never = [name for name in terms.observes if name not in held]
    return [f"observed, and never held a value: {', '.join(never)}"] if never else []


def fixed_words(fixed: Mapping[str, str], figures: Mapping[str, Any]) -> str:
    """Returns the fixed settings that are not the defaults, and the fixed figures, as the end of a verdict; empty without any."""
    whole = [*changed(fixed), *(f"its own {key}" for key in figures)]
    return f" (fixed by the implementation: {', '.join(whole)})" if whole else ""


def sentence_of(result: Conformance | RaceResult) -> str:
    """Returns the verdict on an implementation as a sentence, with the settings that it is about."""
    word = result.word.replace("_", " ")
    if result.word == "no_verdict":
        return f"{word}: {one_line(result.why_none, 1_000)}"
    fixed = fixed_words(result.terms.policy if result.terms is not None else {}, result.figures)
    if result.policies is not None:
        return word if result.word == "diverges" else conforming(result.policies, result.settings) + fixed
    named = changed(result.policy)
    return (f"{word} under {', '.join(named)}" if named else word) + fixed


def sut_data(result: Conformance | RaceResult, runs: RandomRuns) -> dict[str, Any]:
    """Returns everything, for programs, that is known of every implementation."""
    terms = result.terms
    return {
        "seed": runs.config.seed,
        "policy": dict(result.policy),
        "fixed": dict(terms.policy) if terms is not None else {},
        "left_out": sorted(result.left_out),
        "policies": result.policies,
        "settings": result.settings,
        "sut": {"name": terms.name, "version": terms.version} if terms is not None else None,
        "verdict": result.word,
        "why": result.why_none or None,
        "compared": result.compared,
        "seconds": round(result.seconds, 2),
        **runs.coverage_data(),
    }


def seen(result: Conformance | RaceResult) -> list[tuple[str, str, int]]:
    """Returns the coverage of the events that can be sent, without automatic ones."""
    return [row for row in result.coverage.rows() if row[0] in event_names()]


def limits_of(terms: Capabilities) -> Iterator[str]:
    """Yields a line for each limit that the implementation announced."""
    for key, values in terms.values.items():
        yield f"sent as {key} was only: {', '.join(as_text(value) for value in values) or 'nothing'}"
    if terms.largest < COUNTABLE_MAX:
        yield f"no amount beyond {terms.largest:,} was sent, and nothing that would lift a balance beyond it"
    if terms.refusals is not None:
        yield f"sent was only what is accepted, or refused with: {', '.join(sorted(terms.refusals)) or 'nothing'}"
    if terms.repeats == SAME_REQUEST:
        yield "repeated ids were sent with their first request alone"
    if terms.repeats == NO_REPEATS and "duplicate" in terms.observes:
        yield "no id was repeated"
    if terms.instants == SECONDS:
        yield "all instants were whole seconds"
    if terms.jobs == BATCH:
        yield "each run of a job was sent for all accounts for which it was due"


def difference_lines(told: Sequence[Mapping[str, Any]], found: Sequence[Difference], failed: Failed | None) -> Iterator[str]:
    """Yields the story with the right answers under `observed`, and the last answer beside the right one."""
    yield from (f"  {line}" for line in story(told))
    if failed is not None:
        yield f"  {one_line(str(failed), 2_000)}"
    rows = [("field", "expected", "got"), *((name, as_text(expected), as_text(got)) for name, expected, got in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for name, expected, got in rows if found else []:
        yield f"     {name:<{widths[0]}}  {expected:<{widths[1]}}  {got}"

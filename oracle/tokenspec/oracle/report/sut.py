"""Common parts of the verbs that test an implementation: ending it, and showing its differences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.logs.narrative import story
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.client import Client, Failed
from tokenspec.oracle.wire.answers import FIELDS, Difference
from tokenspec.spec.policies import DEFAULTS


@contextmanager
def ended(client: Client) -> Iterator[Client]:
    """Yields the client, and ends it whatever happens."""
    try:
        yield client
    finally:
        client.end()


def title_of(terms: Capabilities) -> str:
    """Returns the implementation's title, resets and fixed settings, as it announced them."""
    fixed = ", ".join(f"{name}={choice}" for name, choice in terms.policy.items())
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


def fixed_words(fixed: Mapping[str, str]) -> str:
    """Returns the fixed settings that are not the defaults, as the end of a verdict; empty where there is none."""
    changed = [f"{name}={choice}" for name, choice in fixed.items() if DEFAULTS[name] != choice]
    return f" (fixed by the implementation: {', '.join(changed)})" if changed else ""


def difference_lines(told: Sequence[Mapping[str, Any]], found: Sequence[Difference], failed: Failed | None) -> Iterator[str]:
    """Yields the story with the right answers under `observed`, and the last answer beside the right one."""
    yield from (f"  {line}" for line in story(told))
    if failed is not None:
        yield f"  {one_line(str(failed), 2_000)}"
    rows = [("field", "expected", "got"), *((name, as_text(expected), as_text(got)) for name, expected, got in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for name, expected, got in rows if found else []:
        yield f"     {name:<{widths[0]}}  {expected:<{widths[1]}}  {got}"

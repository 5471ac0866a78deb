"""Every list that a suite goes through."""

from __future__ import annotations

from collections.abc import Iterator

from tokenspec.oracle.vectors.build.lists import Listing, Plain
from tokenspec.oracle.vectors.build.of_names import about_names
from tokenspec.oracle.vectors.build.of_rules import about_rules
from tokenspec.oracle.vectors.build.of_time import about_time
from tokenspec.oracle.vectors.build.target import BuildTarget


def all_lists(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields the lists of names, of time, and of rules."""
    for about in (about_names, about_time, about_rules):
        yield from about(target, plain)

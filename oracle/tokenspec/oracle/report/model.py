"""One report for every verb: what a run came to. The renderers read it, and know nothing of verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tokenspec.oracle.base.provenance import stamp

SHOWN_MAX = 20
"""The largest number of findings of a kind that a text, a document or a test case tells; JSON and SARIF hold all."""

Outcome = Literal["", "failure", "error", "skipped"]
"""What came of a check; `""` where it passed."""


@dataclass(frozen=True)
class FindingPlace:
    """A line of a file; `-` is standard input."""

    file: str
    line: int = 1


@dataclass(frozen=True)
class FindingRule:
    """What a finding can be about: its short name, its sentence, and the clauses that it rests on."""

    id: str
    says: str
    clauses: Sequence[str] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportFinding:
    """Something wrong: under which rule, told in lines, and where; `trace` are the steps that led there."""

    rule: FindingRule
    lines: Sequence[str]
    place: FindingPlace | None
    fingerprint: Mapping[str, str]
    """What makes two findings of different runs the same."""
    properties: Mapping[str, Any]
    level: str = "error"
    trace: Sequence[str] = ()


@dataclass(frozen=True)
class Check:
    """Something that a run looked at. Where it did not pass, its findings say why, or `lines` where it has none."""

    suite: str
    name: str
    outcome: Outcome = ""
    lines: Sequence[str] = ()
    findings: Sequence[ReportFinding] = ()


@dataclass(frozen=True)
class Notes:
    """Sentences, a line each; what is `essential` is told to whoever wants the verdict alone, too."""

    lines: Sequence[str]
    essential: bool = False


@dataclass(frozen=True)
class Verbatim:
    """Lines that stay as they are."""

    lines: Sequence[str]


@dataclass(frozen=True)
class ReportTable:
    """Rows under headings; a cell may have several lines."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    essential: bool = False


@dataclass(frozen=True)
class Rerun:
    """How much was done, and the command that does it again."""

    figures: str
    command: str


@dataclass(frozen=True)
class CoverageTable:
    """Hits of rules and refusals, the coldest first, but for those that cannot be met (`closed`)."""

    hits: Sequence[tuple[str, str, int]]
    closed: frozenset[tuple[str, str]] = frozenset()
    shown: int = 0
    """How many of them a text shows; a document holds all."""

    def rows(self) -> list[tuple[str, str, int]]:
        """What can be met."""
        return [row for row in self.hits if row[:2] not in self.closed]


Block = Notes | Verbatim | ReportTable | Rerun | CoverageTable
"""A piece of what people read."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a run came to. What may be large is made when a form asks for it."""

    verb: str
    code: int
    """The exit code."""
    verdict: str = ""
    """A sentence; nothing where a run judges nothing."""
    made: Mapping[str, Any] = field(default_factory=stamp)
    """What the run was made of."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """What SARIF says of the run beside it."""
    body: Callable[[], Iterable[Block]]
    """What people read above the verdict."""
    data: Callable[[], dict[str, Any]]
    """Everything, for programs."""
    itemised: Mapping[str, str] = field(default_factory=dict)
    """The lists in `data` of which JSON Lines gives each item a line, with the name of an item."""
    checks: Callable[[], Iterable[Check]] = tuple
    """Everything that was looked at."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """What the failures and errors of this verb are called."""
    rules: Sequence[FindingRule] = ()
    """What findings could have been about, besides those that there are."""
    wrong: Sequence[str] = ()
    """The reasons for which the run does not count, besides checks that failed without a finding."""


def few(texts: Sequence[str], what: str = "") -> list[str]:
    """The lines of the first texts; where there are more, how many."""
    more = len(texts) - SHOWN_MAX
    told = [line for text in texts[:SHOWN_MAX] for line in text.splitlines()]
    return told + ([f"... and {more} more{what and f' {what}'}; --format json shows all of them"] if more > 0 else [])

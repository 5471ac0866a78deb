"""The report of a run, one model for every verb. Renderers read it, and do not depend on verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.provenance import stamp

SHOWN_MAX = 20
"""The largest number of findings of a kind that a text, a document or a test case shows; JSON and SARIF hold all."""

LONGEST = 20_000
"""The largest number of characters of a line that are shown."""

Outcome = Literal["", "failure", "error", "skipped"]


@dataclass(frozen=True)
class FindingRule:
    """The subject of findings: a short name, a sentence, and the clauses that it rests on."""

    id: str
    says: str
    clauses: Sequence[str] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportFinding:
    """A fault: its rule, its lines of text, and the line of a file that it stands at; `trace` are the steps that led to it."""

    rule: FindingRule
    lines: Sequence[str]
    file: str | None
    """Its file, `-` for standard input; None where it has no place."""
    line: int
    fingerprint: Mapping[str, str]
    """The identity of a finding across runs."""
    properties: Mapping[str, Any]
    level: str = "error"
    trace: Sequence[str] = ()


@dataclass(frozen=True)
class Check:
    """A check of a run. Where it did not pass, its findings give the reason, or `lines` where it has none."""

    suite: str
    name: str
    outcome: Outcome = ""
    lines: Sequence[str] = ()
    findings: Sequence[ReportFinding] = ()


@dataclass(frozen=True)
class Notes:
    """Sentences, a line each; `essential` ones are shown in quiet output too."""

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
    """The amount of work, and the command that repeats it."""

    figures: str
    command: str


@dataclass(frozen=True)
class CoverageTable:
    """Hits of rules and refusals, the rarest first, without those that cannot be met (`closed`)."""

    hits: Sequence[tuple[str, str, int]]
    closed: frozenset[tuple[str, str]] = frozenset()
    shown: int = 0
    """The number of rows in a text; a document holds all."""
    further: Sequence[tuple[str, str]] = ()
    """Further things that a run is to reach, each with how far it came, for a document."""
    not_met: Sequence[tuple[str, str]] = ()
    """Pairs of rules that were not met one after the other, for a document."""

    def rows(self) -> list[tuple[str, str, int]]:
        """Returns the rows that can be met."""
        return [row for row in self.hits if row[:2] not in self.closed]


Block = Notes | Verbatim | ReportTable | Rerun | CoverageTable


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """The report of a run. Large parts are made on demand."""

    verb: str
    code: int
    verdict: str = ""
    """A sentence; empty where a run judges nothing."""
    made: Mapping[str, Any] = field(default_factory=dict)
    """The provenance of the run, besides that of every run."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Further properties of the run in SARIF."""
    body: Callable[[], Iterable[Block]]
    """The blocks above the verdict."""
    data: Callable[[], dict[str, Any]]
    itemised: Mapping[str, str] = field(default_factory=dict)
    """The lists in `data` of which JSON Lines gives each item a line, with the name of an item."""
    checks: Callable[[], Iterable[Check]] = tuple
    kinds: Mapping[str, str] = field(default_factory=dict)
    """This verb's words for failures and errors."""
    rules: Sequence[FindingRule] = ()
    """Possible subjects of findings, besides those of actual ones."""
    wrong: Sequence[str] = ()
    """The reasons why the run does not count, besides checks that failed without a finding."""

    @property
    def provenance(self) -> dict[str, Any]:
        """The provenance of the run."""
        return {**stamp(), **self.made}

    def whole(self) -> dict[str, Any]:
        """Returns everything, for programs; where a run has a policy, what an implementation has fixed of it too."""
        data = self.data()
        return {**stamp(), **({"fixed": {}} if "policy" in data else {}), **data}

    def with_notes(self, notes: Sequence[str], data: Mapping[str, Any], itemised: Mapping[str, str] | None = None) -> RunReport:
        """Returns the report with these notes behind its blocks, and with more data."""
        return replace(
            self,
            body=lambda: [*self.body(), Notes(notes)],
            data=lambda: {**self.data(), **data},
            itemised={**self.itemised, **(itemised or {})},
        )

    def all_checks(self) -> list[Check]:
        """Returns the checks; where none of them failed and the exit code is not 0, one more that says why."""
        checks = list(self.checks())
        if self.code and not any(check.outcome in ("failure", "error") for check in checks):
            why = self.wrong or [self.verdict or f"exit code {self.code}"]
            checks.append(Check(self.verb.split()[0], "verdict", "error", why))
        return checks


def few(texts: Sequence[str], one: str = "") -> list[str]:
    """Returns the lines of the first texts, and the number of further ones."""
    more = len(texts) - SHOWN_MAX
    told = [line for text in texts[:SHOWN_MAX] for line in text.splitlines()]
    further = counted(more, f"more {one}") if one else f"{more} more"
    return told + ([f"... and {further}; --format json shows all of them"] if more > 0 else [])

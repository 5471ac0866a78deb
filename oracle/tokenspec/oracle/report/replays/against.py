"""The part of a replay's report on another setting: accounts touched, tokens by pool, the most touched accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.logs.against import Against, Touched
from tokenspec.oracle.report.exits import COVERAGE, gravest
from tokenspec.oracle.report.model import SHOWN_MAX, Block, Check, FindingRule, Notes, ReportFinding, ReportTable, RunReport
from tokenspec.oracle.wire.log_files import Line, place_of
from tokenspec.oracle.wire.settings import as_options

_TOUCHED = FindingRule("other_setting_touches_no_more", "No more accounts than allowed are answered in another way.")


@dataclass(frozen=True)
class SettingsComparison:
    """A comparison of two settings; more touched accounts than `fail_above` are too many."""

    against: Against
    accounts: int
    fail_above: int | None = None
    catalogue_file: str | None = None

    @property
    def is_too_much(self) -> bool:
        """True where more accounts are touched than allowed."""
        return self.fail_above is not None and self.against.count > self.fail_above

    @property
    def name(self) -> str:
        """The other setting, as on a command line."""
        changed = as_options(self.against.changed)
        if self.catalogue_file is not None and self.against.has_other_catalogue:
            changed.append(one_line(self.catalogue_file))
        return ", ".join(changed) or "the same setting"

    def added_to(self, report: RunReport) -> RunReport:
        """Returns the report of the replay with the comparison in it."""
        return replace(
            report,
            code=gravest([report.code, *([COVERAGE] * self.is_too_much)]),
            verdict=f"{report.verdict}; {self.sentence()}",
            body=lambda: [*self.blocks(), *report.body()],
            data=lambda: report.data() | self.data(),
            itemised={**report.itemised, "most_touched": "touched"},
            checks=lambda: [*report.checks(), self.check()],
            kinds={"failure": "failed", **report.kinds},
        )

    def sentence(self) -> str:
        """Returns the result in one sentence."""
        limit = f", more than the {self.fail_above} allowed" if self.is_too_much else ""
        return f"under {self.name} {self.against.count} of {counted(self.accounts, 'account is', 'accounts are')} touched{limit}"

    def blocks(self) -> Iterator[Block]:
        """Yields the blocks for people."""
        against = self.against
        lines = [
            f"under {self.name}: {against.touched_accounts} of {counted(self.accounts, 'account is', 'accounts are')} touched, "
            f"in {counted(against.records, 'record')}"
        ]
        lines += [
            f"{place_of(line)}: a bad record under it alone, so that account {one_line(name)} counts as touched: {fault}"
            for name, (line, fault) in list(against.impossible.items())[:SHOWN_MAX]
        ]
        more = len(against.impossible) - SHOWN_MAX
        yield Notes(lines + [f"... and {counted(more, 'more such account')}; --format json has all of them"] * (more > 0))
        if not against.touched_accounts:
            return
        yield ReportTable(
            ["pool", "sum", "median", "p95", "most"],
            [
                [pool, _signed(spread.sum), f"{spread.median:,}", f"{spread.p95:,}", f"{spread.most:,}"]
                for pool, spread in against.spread().items()
            ],
            "Tokens of the touched accounts",
        )
        rows = [
            [one_line(t.account), _tokens_text(t) or "as before", f"{t.records:,}", place_of(t.line), t.event, _first_text(t)]
            for t in against.most_touched()
        ]
        yield ReportTable(["account", "tokens", "records", "first at", "event", "there"], rows, "Most touched accounts")

    def check(self) -> Check:
        """Returns the comparison as a check, which fails where too many accounts are touched."""
        if not self.is_too_much:
            return Check("against", self.name)
        findings = [
            ReportFinding(
                _TOUCHED,
                [f"{place_of(t.line)}: account {one_line(t.account)}, {t.event}: {_first_text(t)}"],
                t.line.file,
                t.line.number,
                {"accountEvent/v1": f"{t.account}/{t.event}"},
                {"account": t.account, "records": t.records},
            )
            for t in self.against.most_touched()
        ]
        return Check("against", self.name, "failure", [self.sentence()], findings)

    def data(self) -> dict[str, Any]:
        """Returns everything for programs."""
        against = self.against
        return {
            "against": {
                "policy": against.other.policy,
                "changed": against.changed,
                "catalogue": self.catalogue_file,
                "accounts": self.accounts,
                "touched": against.touched_accounts,
                "records": against.records,
                "fail_above": self.fail_above,
                "tokens": {pool: asdict(spread) for pool, spread in against.spread().items()},
                "impossible": [
                    {"account": name, **_place(line), "field": fault.field, "rule": fault.rule}
                    for name, (line, fault) in against.impossible.items()
                ],
            },
            "most_touched": [
                {
                    "account": t.account,
                    "tokens": t.tokens,
                    "records": t.records,
                    **_place(t.line),
                    "event": t.event,
                    "at": format_instant(t.at),
                    "fields": [{"field": name, "own": own, "other": other} for name, own, other in t.differences],
                }
                for t in against.most_touched()
            ],
        }


def _place(line: Line) -> dict[str, Any]:
    return {"file": line.file, "line": line.number}


def _signed(tokens: int) -> str:
    return f"{tokens:+,}" if tokens else "0"


def _tokens_text(touched: Touched) -> str:
    return ", ".join(f"{pool} {_signed(tokens)}" for pool, tokens in touched.tokens.items() if tokens)


def _first_text(touched: Touched) -> str:
    return "; ".join(f"{name} {as_text(own)}, other {as_text(other)}" for name, own, other in touched.differences[:3])

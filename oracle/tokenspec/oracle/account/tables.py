"""Tables of the shipped account, for documents."""

from __future__ import annotations

from tokenspec.diagrams.tables import Table, table
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.counts import counted


def _plans(catalogue: Figures) -> Table:
    rows = []
    for name, plan in catalogue.plans.items():
        allowance, api = plan["allowance"], plan["api"]
        bank, media = allowance * catalogue.bank_months, ", ".join(plan["relaxed"])
        rows.append((name, f"{allowance:,}", f"{bank:,}", media or "-", f"{api:,}"))
    return table(("plan", "fast tokens a month", "the bank holds", "unlimited", "API tokens a month"), rows)


def in_words(catalogue: Figures) -> str:
    """Describes a catalogue in a few words."""
    allowances = ", ".join(f"{name} {catalogue.plans[name]['allowance']}" for name in catalogue.ranking[1:])
    return f"{catalogue.daily} a day, a month {allowances}, a bank of {counted(catalogue.bank_months, 'month')}"


TABLES = {"plans": ("the plans and their figures", _plans)}

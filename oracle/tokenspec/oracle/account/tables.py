"""Tables of the shipped account, for documents."""

from __future__ import annotations

from tokenspec.diagrams.tables import Table, table
from tokenspec.spec.catalogue import Catalogue


def _plans(catalogue: Catalogue) -> Table:
    rows = []
    for name, plan in catalogue.plans.items():
        allowance, bank = f"{plan.allowance:,}", f"{plan.allowance * catalogue.bank_months:,}"
        rows.append((name, allowance, bank, ", ".join(plan.relaxed) or "-", f"{plan.api:,}"))
    return table(("plan", "fast tokens a month", "the bank holds", "unlimited", "API tokens a month"), rows)


def in_words(catalogue: Catalogue) -> str:
    """Describes a catalogue in a few words."""
    allowances = ", ".join(f"{name} {catalogue.plans[name].allowance}" for name in catalogue.ranking[1:])
    return f"{catalogue.daily} a day, a month {allowances}, a bank of {catalogue.bank_months} months"


TABLES = {"plans": ("the plans and their figures", _plans)}

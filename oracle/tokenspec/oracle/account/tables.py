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


TABLES = {"plans": ("the plans and their figures", _plans)}

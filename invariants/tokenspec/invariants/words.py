"""The words that claims are written in, beside those of the declaration."""

from __future__ import annotations

from functools import partial

from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, implies, ite, one_of, total, var
from tokenspec.machine.lang.claims import answered, new
from tokenspec.spec.words import *

# Parts of claims about the account; those about another machine name it.
state, step, two_runs, pair, leads_to, refuses = (
    partial(of_machines.state, machine="account"),
    partial(of_machines.step, machine="account"),
    partial(of_machines.two_runs, machine="account"),
    partial(of_machines.pair, machine="account"),
    partial(of_machines.leads_to, machine="account"),
    partial(of_machines.refuses, machine="account"),
)

event, rule_name = var("event"), var("rule")
pools = tuple(map(var, POOLS))
app_pools = tuple(map(var, APP_POOLS))
charged = {pool: answered(f"charge_{pool}") for pool in POOLS}
ENDS = ("gives_up_unpaid", "ends_as_cancelled", "lapses")
FALLS_DUE = ("daily_reset_waits", "renewal_waits")
bank_kept = eq(var("downgrade_bank"), "keep")
bank_frozen = eq(var("lapse_bank"), "frozen")
counts_as_active = any_of(
    one_of(status, ACTIVE, CANCELLING), all_of(eq(status, PAST_DUE), eq(var("past_due_spending"), "as_active"))
)
pools_open = any_of(counts_as_active, all_of(eq(status, PAST_DUE), eq(var("past_due_spending"), "allowed")))
by_api = eq(var("job_was_through"), "api")
at_once = eq(var("downgrade_timing"), "at_once")
can_spend = ite(pools_open, total(*app_pools), daily)
VARIABLES = ("status", "plan", "scheduled_plan", *POOLS, "renewals_due", "daily_reset_due")


def unchanged(*terms: Term) -> Term:
    """Each of them has the same value after the event as before."""
    return all_of(*(eq(new(term), term) for term in terms))


def is_figure(ranking: tuple[str, ...], value: Term, figure: str, of: Term) -> Term:
    """`value` is what the catalogue says of the plan `of`, told plan by plan."""
    return all_of(*(implies(eq(of, name), eq(value, var(f"{figure}[{name}]"))) for name in ranking))


def payable_at(price: int, ranking: tuple[str, ...], has_packs: bool) -> Term:
    """Some account can hold the price: subscribers buy any number of packs, or else days and months bring as much."""
    if has_packs and len(ranking) > 1:
        return all_of()
    return any_of(*(price <= daily_allowance + (bank_months + 1) * allowance_of.of(name) for name in ranking))

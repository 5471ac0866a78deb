"""The claims: what must hold of the account, in other words than the declaration's.

Each part has a formula and a *witness*, the case that makes it interesting: it has to occur, or the formula holds of nothing.
In a step part, `x` is the value before the event and `new(x)` the value after it.
"""

from __future__ import annotations

from purse.account import ABSENT, POOLS, amount, bought, day_is_over, given, status
from tokenspec.machine.lang.build import Term, all_of, eq, implies, ne, total, var
from tokenspec.machine.lang.claims import Claim, StatePart, claim, flow, new, refuses, state, step, two_runs
from tokenspec.machine.lang.declaration import Kind

pools = tuple(map(var, POOLS))


def _accounted(pool: Term) -> Term:
    """The pool changes by what the ledger of the event shows."""
    adds = total(*(flow(kind, pool) for kind in Kind if kind.adds))
    takes = total(*(flow(kind, pool) for kind in Kind if not kind.adds))
    return eq(new(pool), pool + adds - takes)


CLAIMS: tuple[Claim, ...] = (
    claim(
        1,
        "balances_never_negative",
        "No pool ever holds less than nothing.",
        "T03",
        state("pools", all_of(given >= 0, bought >= 0), all_of(eq(given, 0), bought > 0), machine="purse"),
    ),
    claim(
        2,
        "tokens_accounted_for",
        "What is spent is just what was asked for, and a balance changes by what the ledger shows alone.",
        "T02 T03",
        step("balances", all_of(*map(_accounted, pools)), new(given) < given, machine="purse"),
        step("price", eq(given + bought - new(given) - new(bought), amount), bought > 0, "spend", machine="purse"),
    ),
    claim(
        3,
        "given_once_a_day",
        "A second run of the daily job changes nothing.",
        "T01",
        two_runs("once", day_is_over, ("give",), ("give", "give"), ("status", *POOLS, "day_is_over"), machine="purse"),
    ),
    claim(
        4,
        "refused_for_a_reason",
        "Spending is refused without an account, of nothing, and of more than is there: for the first of these that applies, and "
        "for no other reason.",
        "T03",
        refuses(
            "spend",
            ("account_must_exist", ne(status, ABSENT)),
            ("amount_must_be_at_least_one", amount > 0),
            ("tokens_must_cover_amount", given + bought >= amount),
            machine="purse",
        ),
    ),
)

LEMMAS: tuple[StatePart, ...] = (
    # Without it `tokens_accounted_for` cannot be proved of `opens`, which gives the day's tokens to a pool that is empty.
    state("absent_is_empty", implies(eq(status, ABSENT), all_of(eq(given, 0), eq(bought, 0))), True, machine="purse"),
)
"""Further facts that proofs need: they go one event at a time, from any state in which the claims and these hold."""

"""Lemmas: further facts of every state, without which the claims would hold but could not be proved one step at a time."""

from __future__ import annotations

from functools import cache

from tokenspec.invariants.machines import WITH_ID
from tokenspec.invariants.together import lemmas_in_time
from tokenspec.invariants.words import at_once, bank_frozen, bank_kept
from tokenspec.machine.lang.build import Termlike, all_of, any_of, eq, implies, lift, ne, negation, one_of, var
from tokenspec.machine.lang.claims import StatePart
from tokenspec.machine.lang.derived.entries import name_with_entry
from tokenspec.machine.lang.derived.used_ids import REFUSED
from tokenspec.machine.lang.expr import Lit
from tokenspec.spec.catalogue import FREE_PLAN
from tokenspec.spec.words import *


def _lemma(name: str, holds: Termlike, machine: str = "account") -> StatePart:
    return StatePart(name, machine, lift(holds), Lit(True))


@cache
def lemmas() -> tuple[StatePart, ...]:
    """The lemmas about the account and what it remembers of a job, each proved together with the claims."""
    pools = (daily, fast, rollover, topup, api)
    without_subscription = one_of(status, ABSENT, FREE)
    return (
        _lemma("dues_counted", renewals_due >= 0),
        _lemma(
            "free_is_plain",
            implies(
                without_subscription, all_of(eq(plan, FREE_PLAN), eq(scheduled_plan, NONE), eq(fast, 0), eq(renewals_due, 0))
            ),
        ),
        _lemma("subscribed_is_paid", implies(one_of(status, *SUBSCRIBED), ne(plan, FREE_PLAN))),
        _lemma(
            "schedule_is_lower",
            implies(
                ne(scheduled_plan, NONE),
                all_of(negation(at_once), one_of(status, ACTIVE, PAST_DUE), ne(scheduled_plan, FREE_PLAN), scheduled_plan < plan),
            ),
        ),
        _lemma("unpaid_is_due", implies(eq(status, PAST_DUE), renewals_due >= 1)),
        _lemma(
            "bank_bounded",
            any_of(rollover <= ceiling, all_of(bank_kept, one_of(status, *SUBSCRIBED)), all_of(bank_frozen, eq(status, FREE))),
        ),
        _lemma("absent_is_empty", implies(eq(status, ABSENT), all_of(*(eq(pool, 0) for pool in pools)))),
        _lemma(
            "new_job_is_blank",
            implies(var("job_is_new"), all_of(*(eq(var(f"{pool}_part"), 0) for pool in POOLS))),
            name_with_entry("account", "job"),
        ),
        _lemma("unused_id_has_no_outcome", implies(negation(var("id_is_used")), eq(var("first_outcome"), REFUSED)), WITH_ID),
        *lemmas_in_time(),
    )

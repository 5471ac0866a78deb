"""Claim 19: records under one event id, whichever it is, beside any number of others."""

from __future__ import annotations

from collections.abc import Iterator

from tokenspec.invariants.machines import WITH_ID, under_id
from tokenspec.invariants.words import VARIABLES, event, rule_name, unchanged
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, implies, ite, ne, negation, one_of, var
from tokenspec.machine.lang.claims import Claim, LayerPart, RefusalPart, answered, claim, flow, ghost, new, refuses
from tokenspec.machine.lang.declaration import Actor, ClockAct, Kind
from tokenspec.machine.lang.derived.used_ids import ACCEPTED, REFUSED, REFUSED_UNDER_ID, REPEATED, UNDER_ID
from tokenspec.machine.lang.types import Bool
from tokenspec.spec.account import CLOCKS, account
from tokenspec.spec.system import IDS
from tokenspec.spec.words import *

_RECORDS = tuple(e.name for e in account().events if e.actor is not Actor.CLOCK)
"""The events that come as records; time comes under no id."""


def _refused_for_the_id_alone() -> Iterator[RefusalPart]:
    """A record is refused for the id where it comes under it and the id is used, and otherwise as the account refuses it."""
    may_come = negation(all_of(var(UNDER_ID), var("id_is_used")))
    for record in (e for e in account().events if e.name in _RECORDS):
        own = ((need.code, Term(need.holds)) for need in record.requires)
        yield refuses(record.name, (IDS.code, may_come), *own, machine=WITH_ID)


def repeats() -> Claim:
    """Claim 19, for any plans."""
    # What came under the id is followed here once more, so that nothing rests on what is remembered of it.
    happened, failed, is_kept = var("has_happened"), var("has_failed"), eq(var("refused_id"), "kept")
    follows = (
        ghost("has_happened", Bool(), False, any_of(happened, all_of(var(UNDER_ID), one_of(event, *_RECORDS)))),
        ghost("has_failed", Bool(), False, any_of(failed, eq(event, REFUSED_UNDER_ID))),
    )
    known = all_of(
        eq(var("id_is_used"), any_of(happened, all_of(failed, is_kept))),
        eq(eq(var("first_outcome"), ACCEPTED), happened),
        implies(all_of(happened, failed), negation(is_kept)),
    )
    booked = (flow(kind, var(pool)) for kind in Kind for pool in POOLS)
    clocks = (eq(var(f"clock.{clock.name}"), ClockAct.KEEPS.value) for clock in CLOCKS)
    as_first = ite(all_of(happened, ne(var("repeated_id"), "refused")), ACCEPTED, REFUSED)
    return claim(
        19,
        "repeated_id_changes_nothing",
        "An event under a used id changes nothing but what falls due by its instant, and is answered as the first one was, or "
        "refused, as `repeated_id` says; what comes under no used id is refused for its own reasons alone, a refund as `refund` "
        "and `api_refund` say. An id stands for one event; whether a refused one uses it up, `refused_id` says.",
        "F02",
        under_id(
            "once",
            implies(var(UNDER_ID), all_of(negation(happened), implies(failed, negation(is_kept)), new(var("id_is_used")))),
            all_of(eq(rule_name, "generates_for_tokens"), var(UNDER_ID), failed),
            *_RECORDS,
            ghosts=follows,
            keeps=known,
        ),
        under_id(
            "changes_nothing",
            all_of(unchanged(*map(var, VARIABLES)), *(eq(tokens, 0) for tokens in booked), *clocks),
            all_of(topup > 0, var("daily_reset_due")),
            REPEATED,
        ),
        under_id("answered", eq(answered("outcome"), as_first), all_of(failed, is_kept), REPEATED, ghosts=follows, keeps=known),
        *_refused_for_the_id_alone(),
        under_id("refused_uses_it_up", eq(new(var("id_is_used")), is_kept), negation(is_kept), REFUSED_UNDER_ID),
        LayerPart("repeated_id", "a repeat is answered as `repeated_id` says, marked, and the account as it would be without it"),
    )

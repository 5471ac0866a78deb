"""Claims 24 and 27: refunds, and leaving and coming back. What was drawn or left with is followed apart from what is remembered.

Refunds are proved of one job, whichever it is, beside any number of others.

The events that happened to the job are followed here once more, so that nothing rests on what is remembered of it.
"""

from __future__ import annotations

from functools import partial

from tokenspec.invariants.words import *
from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, implies, ite, minimum, ne, negation, one_of, total, var
from tokenspec.machine.lang.claims import Claim, StepPart, claim, flow, ghost, new
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.derived.entries import name_with_entry
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Tokens
from tokenspec.spec.words import *

_JOB = name_with_entry("account", "job")
_step = partial(of_machines.step, machine=_JOB)
_generates = one_of(event, "generate", "api_generate")
_PAID = tuple(
    ghost(f"{pool}_was_paid", Tokens(), 0, ite(_generates, flow(Kind.SPENT, var(pool)), var(f"{pool}_was_paid")))
    for pool in POOLS
)
_paid = {pool: var(paid.name) for pool, paid in zip(POOLS, _PAID, strict=True)}
_is_remembered = all_of(*(eq(paid, var(f"{pool}_part")) for pool, paid in _paid.items()))


def _once(name: str, happens: Term, known: Term, witness: Term, *events: str) -> StepPart:
    """The events happen to a job once; `known` is what is remembered of that."""
    before = var(f"was_{name}")
    followed = ghost(f"was_{name}", Bool(), False, any_of(before, happens))
    return _step(f"{name}_once", negation(before), witness, *events, ghosts=(followed,), keeps=eq(before, known))


def _past_period(pool: str, lasts: str, ended_by: Term) -> StepPart:
    """A refund raises `pool` by nothing that the job drew from it in a period that has ended; `lasts` says what is remembered."""
    is_over = var(f"{pool}_is_over")
    followed = ghost(f"{pool}_is_over", Bool(), True, ite(_generates, False, any_of(is_over, ended_by)))
    return _step(
        f"{pool}_of_a_past_period",
        implies(is_over, new(var(pool)) <= var(pool)),
        all_of(is_over, _paid[pool] > 0, _paid["topup"] > 0),
        "refund",
        ghosts=(followed, *_PAID),
        keeps=all_of(eq(is_over, negation(var(lasts))), _is_remembered),
    )


def remembering() -> tuple[Claim, ...]:
    """Claim 24, for any plans."""
    parts, by_api = total(*(var(f"{pool}_part") for pool in POOLS)), var("api_part") >= 1
    ends = all_of(one_of(status, *SUBSCRIBED), eq(new(status), FREE))
    return (
        claim(
            24,
            "refund_gives_back_what_was_charged",
            "A refund gives back at most what its job was charged, pool by pool, at most once, and nothing from a period that "
            "has ended; a job is charged once. It is refused as `refund` and `api_refund` say, and where nothing was charged.",
            "F02 F10 F24",
            _step(
                "no_more_than_was_paid",
                all_of(total(*_paid.values()) > 0, *(new(var(pool)) - var(pool) <= paid for pool, paid in _paid.items())),
                all_of(_paid["fast"] > 0, new(topup) > topup),
                "refund",
                ghosts=_PAID,
                keeps=_is_remembered,
            ),
            _once("refunded", eq(event, "refund"), var("job_is_refunded"), eq(rule_name, "refunds_api"), "refund"),
            _once("generated", _generates, negation(var("job_is_new")), cost > 1, "generate", "api_generate"),
            _past_period("daily", "day_lasts", eq(event, "daily_reset")),
            _past_period("fast", "month_lasts", any_of(eq(event, "renew"), ends)),
            _past_period("rollover", "subscription_lasts", ends),
            of_machines.refuses(
                "refund",
                ("account_must_exist", ne(status, ABSENT)),
                ("api_jobs_cannot_be_refunded", any_of(negation(by_api), eq(var("api_refund"), "to_source"))),
                ("refunds_must_be_offered", any_of(by_api, eq(var("refund"), "to_source"))),
                ("job_must_have_been_charged", parts >= 1),
                ("job_must_not_be_refunded_already", negation(var("job_is_refunded"))),
                machine=_JOB,
            ),
        ),
    )


def coming_back() -> Claim:
    """Claim 27, for any plans."""
    is_away = one_of(status, ABSENT, FREE)
    leaves = all_of(one_of(status, *SUBSCRIBED), eq(new(status), FREE))
    packs, bank = var("packs_left_with"), var("bank_left_with")
    # A job of before may be refunded while the account is free; what its packs paid is theirs again.
    with_refunds = minimum(COUNTABLE_MAX, packs + flow(Kind.REFUNDED, topup))
    packs_remembered = ghost("packs_left_with", Tokens(), 0, ite(leaves, topup, ite(is_away, with_refunds, packs)))
    bank_remembered = ghost("bank_left_with", Tokens(), 0, ite(leaves, rollover, bank))
    return claim(
        27,
        "coming_back_mints_nothing",
        "Leaving and coming back mints nothing: packs are kept through the end of a subscription and a new one, and the bank "
        "is then empty, or with `lapse_bank = frozen` what it held at the end as far as the new ceiling has room.",
        "F06 F24",
        step(
            "packs",
            all_of(eq(new(topup), packs), eq(flow(Kind.BOUGHT, topup), 0)),
            is_away,
            "subscribe",
            ghosts=(packs_remembered,),
            keeps=implies(is_away, eq(topup, packs)),
        ),
        step(
            "bank",
            eq(new(rollover), ite(bank_frozen, minimum(bank, new(ceiling)), 0)),
            is_away,
            "subscribe",
            ghosts=(bank_remembered,),
            keeps=implies(is_away, eq(rollover, ite(bank_frozen, bank, 0))),
        ),
        step(
            "both_ways",
            implies(
                any_of(leaves, eq(event, "subscribe")),
                all_of(unchanged(topup), new(rollover) <= rollover, eq(flow(Kind.GRANTED, rollover), 0)),
            ),
            all_of(leaves, topup > 0),
            "subscribe",
            "cancel",
            "renew",
            "lapse",
        ),
    )

"""Claims about the account: what must always hold, said in other words than the declaration's.

Each part has a formula and a witness: the case that makes it interesting, which has to occur. Parts about one hold are about the
machine with one entry of its memory, whichever it is; a ghost follows what happened to that hold, so that nothing rests on
what the account remembers of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from prepaid.words import (
    ABSENT,
    IN_DEBT,
    OPEN,
    PART,
    POOLS,
    amount,
    bonus,
    bonus_due,
    bought,
    credit,
    credit_due,
    debt,
    debt_limit,
    hold_is_new,
    is_open,
    quantity,
    size_of,
    status,
    weekly_bonus,
)
from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.build import (
    Term,
    Termlike,
    all_of,
    any_of,
    eq,
    implies,
    ite,
    lookup,
    maximum,
    minimum,
    ne,
    negation,
    one_of,
    total,
    var,
)
from tokenspec.machine.lang.calendars import EveryWeek, OnceAfter
from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.claims import CalendarPart, Claim, Law, StatePart, StepPart, answered, claim, flow, ghost, new, other
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.derived.entries import name_with_entry
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Tokens

WALLET = "wallet"
HOLD = name_with_entry(WALLET, "hold")
state, step, refuses = (
    partial(of_machines.state, machine=WALLET),
    partial(of_machines.step, machine=WALLET),
    partial(of_machines.refuses, machine=WALLET),
)
two_runs, pair = partial(of_machines.two_runs, machine=WALLET), partial(of_machines.pair, machine=WALLET)
of_a_hold = partial(of_machines.step, machine=HOLD)
refuses_a_hold = partial(of_machines.refuses, machine=HOLD)

event, pools = var("event"), tuple(map(var, POOLS))
VARIABLES = ("status", *POOLS, "debt", "bonus_due", "credit_due")
CLOSING = ("settle", "release")
debt_is_allowed = eq(var("charge_back"), "debt")

# Ghosts: what this hold took of each pool, and what became of it since.
TOOK = tuple(
    ghost(f"took_{pool}", Tokens(), 0, ite(eq(event, "reserve"), flow(Kind.SPENT, var(pool)), var(f"took_{pool}")))
    for pool in POOLS
)
took = {pool: var(each.name) for pool, each in zip(POOLS, TOOK, strict=True)}
is_remembered = all_of(*(eq(took[pool], PART[pool]) for pool in POOLS))


def _accounted(pool: Term) -> Term:
    """The pool changes by what the ledger of the event says, and by nothing else."""
    adds = total(*(flow(kind, pool) for kind in Kind if kind.adds))
    takes = total(*(flow(kind, pool) for kind in Kind if not kind.adds))
    return eq(new(pool), pool + adds - takes)


# Ghosts: whether what was in a pool when this hold began has expired since.
IS_OVER = {pool: var(f"{pool}_is_over") for pool in POOLS}
EXPIRED = tuple(
    ghost(f"{pool}_is_over", Bool(), True, ite(eq(event, "reserve"), False, any_of(IS_OVER[pool], eq(event, by))))
    for pool, by in (("bonus", "weekly_bonus"), ("credit", "expire_credit"))
)
known = all_of(
    is_remembered,
    *(eq(IS_OVER[pool], negation(var(lasts))) for pool, lasts in (("bonus", "week_lasts"), ("credit", "credit_lasts"))),
)


def _expired_since(pool: str) -> StepPart:
    """A hold that is closed gives nothing back to `pool` if what was there when it began has expired since."""
    return of_a_hold(
        f"{pool}_does_not_come_back",
        implies(IS_OVER[pool], eq(new(var(pool)), var(pool))),
        all_of(IS_OVER[pool], took[pool] > 0),
        *CLOSING,
        ghosts=(*EXPIRED, *TOOK),
        keeps=known,
    )


def _gives_back(part: str, by: str, rest: Mapping[str, Term]) -> StepPart:
    """A hold that is closed gives this back, as far as it has not expired since and fits."""
    after = {
        "bonus": maximum(bonus, minimum(weekly_bonus, bonus + rest["bonus"])),
        "credit": minimum(COUNTABLE_MAX, credit + rest["credit"]),
    }
    return of_a_hold(
        part,
        all_of(*(eq(new(var(pool)), ite(IS_OVER[pool], var(pool), after[pool])) for pool in POOLS)),
        new(credit) > credit,
        by,
        ghosts=(*EXPIRED, *TOOK),
        keeps=known,
    )


def _rest() -> dict[str, Term]:
    """What a cost leaves of a hold, by pool: the first in burn order pays as far as it reaches, the other one what is left."""
    of_bonus = ite(eq(var("burn_order"), "bonus_first"), minimum(took["bonus"], amount), amount - minimum(took["credit"], amount))
    left = {"bonus": took["bonus"] - of_bonus, "credit": took["credit"] - (amount - of_bonus)}
    return {pool: ite(eq(var("settled_for_less"), "returned"), left[pool], 0) for pool in POOLS}


def _by_event(values: Mapping[str, Termlike], otherwise: Termlike) -> Termlike:
    """The value that belongs to the event."""
    found = otherwise
    for name, value in values.items():
        found = ite(eq(event, name), value, found)
    return found


KINDS: dict[tuple[str, Kind], tuple[str, ...]] = {
    ("bonus", Kind.GRANTED): ("open_account", "weekly_bonus"),
    ("bonus", Kind.EXPIRED): ("weekly_bonus", *CLOSING),
    ("bonus", Kind.SPENT): ("reserve",),
    ("bonus", Kind.REFUNDED): CLOSING,
    ("credit", Kind.GRANTED): ("adjust",),
    ("credit", Kind.BOUGHT): ("buy",),
    ("credit", Kind.EXPIRED): ("adjust", "expire_credit", *CLOSING),
    ("credit", Kind.SPENT): ("reserve",),
    ("credit", Kind.REFUNDED): CLOSING,
    ("credit", Kind.MOVED_OUT): ("charge_back",),
}
"""The events whose ledger may show tokens of a pool, by kind; those that are not listed do not occur."""


def _of_kind(pool: str, kind: Kind) -> Term:
    """The ledger shows tokens of this kind in the listed events alone."""
    return implies(ne(flow(kind, var(pool)), 0), one_of(event, *KINDS.get((pool, kind), ())))


def claims(packs: Iterable[str]) -> tuple[Claim, ...]:
    """All claims, for packs of these names."""
    sizes = {name: size_of.of(name) for name in packs}
    was_closed, was_opened = var("was_closed"), var("was_opened")
    closing = ghost("was_closed", Bool(), False, any_of(was_closed, one_of(event, *CLOSING)))
    opening = ghost("was_opened", Bool(), False, any_of(was_opened, eq(event, "reserve")))
    was_there = var("was_there")
    there = ghost("was_there", Bool(), False, any_of(was_there, eq(event, "open_account")))
    given_back = total(*(new(pool) - pool for pool in pools))
    return (
        claim(
            1,
            "balances_never_negative",
            "No pool ever holds less than nothing, nor more than can be counted; no debt is less than nothing.",
            "P08",
            state("pools", all_of(*(all_of(pool >= 0, pool <= COUNTABLE_MAX) for pool in pools)), all_of(bonus > 0, credit > 0)),
            state("debt", debt >= 0, debt > 0),
        ),
        claim(
            2,
            "tokens_accounted_for",
            "A balance changes by what the ledger of the event shows, and by nothing else.",
            "P02 P13",
            step("balances", all_of(*map(_accounted, pools)), all_of(new(credit) < credit, new(bonus) < bonus)),
            pair(
                "other_account",
                all_of(*(eq(new(other(var(name))), other(var(name))) for name in VARIABLES)),
                all_of(new(credit) > credit, other(credit) > 0),
            ),
        ),
        claim(
            3,
            "bonus_is_of_this_week",
            "The bonus never exceeds one week's, and the weekly job brings just that, whatever is left.",
            "P01 P04",
            state("at_most", bonus <= weekly_bonus, eq(bonus, weekly_bonus)),
            step("no_carry_over", eq(new(bonus), weekly_bonus), bonus > 0, "weekly_bonus"),
            two_runs("once", bonus_due, ("weekly_bonus",), ("weekly_bonus", "weekly_bonus"), VARIABLES),
            CalendarPart("weeks", WALLET, "week", Law.EVEN, EveryWeek()),
        ),
        claim(
            4,
            "credit_expires_whole",
            "Credit expires 90 days after the last purchase, all of it and not before, and each purchase gives it 90 days more.",
            "P03",
            step("all_of_it", eq(new(credit), 0), credit > 0, "expire_credit"),
            step("not_before", credit_due, credit > 0, "expire_credit"),
            step("purchases_put_it_off", all_of(negation(new(credit_due)), eq(var("clock.credit"), "starts")), credit_due, "buy"),
            step(
                "by_nothing_else",
                implies(flow(Kind.EXPIRED, credit) > 0, one_of(event, "expire_credit", "adjust", *CLOSING)),
                flow(Kind.EXPIRED, credit) > 0,
            ),
            CalendarPart("ninety_days", WALLET, "credit", Law.ONCE, OnceAfter(90 * 24)),
        ),
        claim(
            5,
            "hold_is_closed_once",
            "A hold takes just what was asked, is settled or released once, and gives back at most what it took, pool by pool: "
            "all of it when it is released, and when it is settled what the cost leaves, as `burn_order` and `settled_for_less` "
            "say (but for what has expired since, and up to 2^53 - 1 tokens of credit).",
            "P05 P06",
            of_a_hold(
                "opened_once",
                negation(was_opened),
                amount > 1,
                "reserve",
                ghosts=(opening,),
                keeps=eq(was_opened, negation(hold_is_new)),
            ),
            of_a_hold(
                "closed_once",
                all_of(was_opened, negation(was_closed)),
                new(credit) > credit,
                *CLOSING,
                ghosts=(opening, closing),
                keeps=all_of(
                    eq(was_opened, negation(hold_is_new)), eq(was_closed, all_of(negation(hold_is_new), negation(is_open)))
                ),
            ),
            step(
                "takes_what_was_asked",
                eq(total(*pools) - total(*map(new, pools)), amount),
                all_of(bonus > 0, credit > 0),
                "reserve",
            ),
            of_a_hold(
                "no_more_than_it_took",
                all_of(*(new(var(pool)) - var(pool) <= took[pool] for pool in POOLS)),
                new(credit) > credit,
                *CLOSING,
                ghosts=TOOK,
                keeps=is_remembered,
            ),
            of_a_hold(
                "settles_for_the_cost",
                given_back <= total(*took.values()) - amount,
                given_back > 0,
                "settle",
                ghosts=TOOK,
                keeps=is_remembered,
            ),
            _gives_back("settling_gives_back_the_rest", "settle", _rest()),
            _gives_back("releasing_gives_back_all", "release", took),
        ),
        claim(
            6,
            "expired_tokens_stay_expired",
            "Tokens of a hold do not come back if those of their week, or of their purchase, have expired since.",
            "P07",
            _expired_since("bonus"),
            _expired_since("credit"),
        ),
        claim(
            7,
            "debt_within_limit",
            "A debt stays within the limit, arises by charge-backs alone and only as `charge_back` allows; an account is in debt "
            "iff it owes something.",
            "P09 P10",
            state("limit", debt <= debt_limit, eq(debt, debt_limit)),
            state("status", eq(eq(status, IN_DEBT), debt > 0), eq(status, IN_DEBT)),
            step(
                "cause",
                implies(new(debt) > debt, all_of(eq(event, "charge_back"), debt_is_allowed, eq(new(credit), 0))),
                new(debt) > debt,
            ),
            step(
                "whole", eq(credit - new(credit) + new(debt) - debt, amount), all_of(credit > 0, new(debt) > debt), "charge_back"
            ),
        ),
        claim(
            8,
            "debt_is_paid_first",
            "A purchase brings what the packs hold, and credit only once the debt is paid; nothing else pays it, and an account "
            "in debt starts no work.",
            "P10 P11",
            step("first", any_of(eq(new(debt), 0), eq(new(credit), credit)), all_of(new(debt) > 0, new(debt) < debt), "buy"),
            step(
                "brings_what_was_bought",
                eq(new(credit) - credit + debt - new(debt), quantity * lookup(var("pack_asked"), sizes, 0)),
                quantity > 1,
                "buy",
            ),
            step("by_purchase", implies(new(debt) < debt, eq(event, "buy")), new(debt) < debt),
            step("no_work", eq(debt, 0), bonus > 0, "reserve"),
        ),
        claim(
            9,
            "clocks_follow_the_account",
            "The weeks count from the opening, the 90 days from the last purchase; a job is due from then on until it has run, "
            "or until a purchase puts it off.",
            "P01 P03 P04",
            step(
                "weeks",
                eq(var("clock.week"), _by_event({"open_account": "starts", "weekly_bonus": "settles"}, "keeps")),
                bonus > 0,
            ),
            step("days", eq(var("clock.credit"), _by_event({"buy": "starts", "expire_credit": "stops"}, "keeps")), credit > 0),
            step(
                "bonus_due", eq(new(bonus_due), _by_event({"bonus_falls_due": True, "weekly_bonus": False}, bonus_due)), bonus_due
            ),
            step(
                "credit_due",
                eq(new(credit_due), _by_event({"credit_falls_due": True, "expire_credit": False, "buy": False}, credit_due)),
                credit_due,
            ),
        ),
        claim(
            10,
            "each_event_does_what_it_says",
            "Nothing happens, and nothing is due, before an account is opened. The ledger calls tokens what they are, and "
            "answers are true.",
            "P01 P02 P08 P12",
            step(
                "opened_first",
                any_of(eq(event, "open_account"), was_there),
                was_there,
                ghosts=(there,),
                keeps=eq(was_there, ne(status, ABSENT)),
            ),
            state(
                "nothing_is_due_before",
                implies(eq(status, ABSENT), all_of(negation(bonus_due), negation(credit_due))),
                eq(status, ABSENT),
            ),
            step("kinds", all_of(*(_of_kind(pool, kind) for pool in POOLS for kind in Kind)), flow(Kind.BOUGHT, credit) > 0),
            step("adjusts", eq(new(credit), credit + amount), amount < 0, "adjust"),
            step(
                "charges",
                all_of(*(eq(answered(f"charge_{name}"), var(name) - new(var(name))) for name in POOLS)),
                bonus > 0,
                "reserve",
            ),
            step("quotes", eq(answered("price"), var("listed_price")), var("listed_price") > 0, "quote"),
        ),
        claim(
            11,
            "refused_for_a_reason",
            "A request is refused for the first that applies of the reasons that are listed for it, and for no other; a "
            "charge-back of what is spent as `charge_back` says.",
            "P03 P04 P05 P06 P08 P09",
            refuses_a_hold(
                "reserve",
                ("account_must_exist", ne(status, ABSENT)),
                ("amount_must_be_at_least_one", amount > 0),
                ("debt_must_be_paid", eq(status, OPEN)),
                ("hold_must_be_new", hold_is_new),
                ("tokens_must_cover_amount", total(*pools) >= amount),
            ),
            refuses_a_hold(
                "settle",
                ("account_must_exist", ne(status, ABSENT)),
                ("amount_must_be_at_least_one", amount > 0),
                ("hold_must_exist", negation(hold_is_new)),
                ("hold_must_be_open", is_open),
                ("hold_must_cover_amount", amount <= total(*PART.values())),
            ),
            refuses_a_hold(
                "release",
                ("account_must_exist", ne(status, ABSENT)),
                ("hold_must_exist", negation(hold_is_new)),
                ("hold_must_be_open", is_open),
            ),
            refuses(
                "charge_back",
                ("account_must_exist", ne(status, ABSENT)),
                ("amount_must_be_at_least_one", amount > 0),
                ("credit_must_cover_charge_back", implies(amount > credit, debt_is_allowed)),
                ("debt_must_stay_within_limit", debt + amount - credit <= debt_limit),
            ),
            refuses("open_account", ("account_must_be_new", eq(status, ABSENT))),
            refuses("bonus_falls_due", ("account_must_exist", ne(status, ABSENT))),
            refuses("credit_falls_due", ("account_must_exist", ne(status, ABSENT))),
            refuses("quote", ("account_must_exist", ne(status, ABSENT)), ("price_must_be_listed", var("price_is_listed"))),
            refuses(
                "buy",
                ("account_must_exist", ne(status, ABSENT)),
                ("pack_must_exist", ne(var("pack_asked"), UNLISTED)),
                ("quantity_must_be_at_least_one", quantity > 0),
                ("balance_must_stay_countable", credit + bought <= COUNTABLE_MAX),
            ),
            refuses("weekly_bonus", ("account_must_exist", ne(status, ABSENT)), ("bonus_must_be_due", bonus_due)),
            refuses("expire_credit", ("account_must_exist", ne(status, ABSENT)), ("credit_must_be_due", credit_due)),
            refuses(
                "adjust",
                ("account_must_exist", ne(status, ABSENT)),
                ("amount_must_not_be_zero", any_of(amount > 0, amount < 0)),
                ("credit_must_cover_adjustment", credit + amount >= 0),
                ("balance_must_stay_countable", credit + amount <= COUNTABLE_MAX),
            ),
        ),
    )


def lemmas() -> tuple[StatePart, ...]:
    """Further facts of every state, without which the claims hold and cannot be proved one step at a time."""
    return (
        state("absent_is_empty", implies(eq(status, ABSENT), eq(total(*pools), 0)), True),
        of_machines.state(
            "new_hold_is_blank", implies(hold_is_new, all_of(negation(is_open), eq(total(*PART.values()), 0))), True, machine=HOLD
        ),
    )

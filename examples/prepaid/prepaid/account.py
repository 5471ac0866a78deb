"""The prepaid account as one machine. Read it event by event, as terms of service that are exact.

An `event` has fields and keys, then what it requires (the code of the refusal first, in the order in which they are checked),
then its rules: `rule(name, from, to, why, clauses, effects ...)`. A flow such as `buys` says balance and ledger in one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

# fmt: off
from tokenspec.machine.lang.build import (
    STAYS, Flows, Term, any_of, assumption, cites, eq, event, ite, ne, negation, posting, requires, rule, variable,
    var,
)
from tokenspec.machine.lang.calendars import EveryWeek, OnceAfter
from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.declaration import (
    Actor, ClockAct, Clock, Event, Field, Key, Kind, Machine, Memory, Origin, Parameter, Period, Requirement, System,
)
from tokenspec.machine.lang.ids import Ids
from tokenspec.machine.lang.phrases import (
    buys, countable, expired, gives_back, granted, grants, is_countable, keeps, loses, remembers, settles, spends, starts,
    stops, up_to,
)
from tokenspec.machine.lang.types import Bool, Enum, Tokens
from prepaid.words import (
    ABSENT, AMOUNT, DEFINED, HOLDS, IN_DEBT, OPEN, OPENED, PART, POLICIES, POOLS, STATUS, amount, bonus, bonus_due, bought,
    chosen, credit, credit_due, debt, debt_limit, held, hold_is_new, is_open, most_taken_back, pack_asked, quantity,
    rest, size_of, status, taken_back, takes, weekly_bonus,
)

DAY_MS = 86_400_000
"""Milliseconds in a day."""
CLOCKS = (
    Clock("week", falls_due="bonus_falls_due", job="weekly_bonus", calendar=EveryWeek(), of="weekly_bonus",
          says="weekly, from the opening on", overdue_ms=DAY_MS, clauses=cites("P04")),
    Clock("credit", falls_due="credit_falls_due", job="expire_credit", calendar=OnceAfter(90 * 24),
          says="once, 90 days after the last purchase", overdue_ms=DAY_MS, clauses=cites("P03")),
)
JOURNAL = Memory(
    "hold", "tokens that are set aside for work", is_new="hold_is_new",
    holds=(*(variable(f"{pool}_part", Tokens(), 0, f"what the hold took of {pool}") for pool in POOLS),
           variable("hold_is_open", Bool(), False, "it is neither settled nor released")),
    periods=(Period("week_lasts", "no weekly bonus has come since", (("week", ClockAct.SETTLES),)),
             Period("credit_lasts", "credit has not expired since", (("credit", ClockAct.STOPS),))),
)
EXISTS = requires("account_must_exist", ne(status, ABSENT), "nothing happens to an account that was never opened", "P01")
HOLD = Key("hold", "the hold's own id")
AT_LEAST_ONE = requires("amount_must_be_at_least_one", amount >= 1, "nothing is no amount")


def _how_many(says: str) -> Field:
    return Field("amount", AMOUNT, says)


def _stays_countable(after: Term) -> Requirement:
    return requires("balance_must_stay_countable", is_countable(after), "a pool holds at most 2^53 - 1 tokens")


def life() -> tuple[Event, ...]:
    """Opening, and what time brings."""
    return (
        event("open_account", "Somebody opens an account.", "P01",
              requires("account_must_be_new", eq(status, ABSENT), "an account is opened once", "P01"),
              rule("opens", ABSENT, OPEN, "the first week begins at once", "P01 P04", grants(bonus, weekly_bonus),
                   starts("week"))),
        event("bonus_falls_due", "A week is over.", "P04", Actor.CLOCK, EXISTS,
              rule("bonus_waits", OPENED, STAYS, "the old bonus stands until the job has run", "P04", bonus_due.becomes(True))),
        event("weekly_bonus", "The weekly job reaches the account.", "P04", Actor.JOB, EXISTS,
              requires("bonus_must_be_due", bonus_due, "a week's bonus comes once", "P04"),
              rule("renews_bonus", OPENED, STAYS, "nothing is carried over", "P04",
                   expired(bonus, bonus), grants(bonus, weekly_bonus), bonus_due.becomes(False), settles("week"))),
        event("credit_falls_due", "Ninety days have passed since the last purchase.", "P03", Actor.CLOCK, EXISTS,
              rule("credit_waits", OPENED, STAYS, "credit can be spent until the job has run", "P03", credit_due.becomes(True))),
        event("expire_credit", "The job that takes old credit reaches the account.", "P03", Actor.JOB, EXISTS,
              requires("credit_must_be_due", credit_due, "credit lives for 90 days", "P03"),
              rule("expires_credit", OPENED, STAYS, "old credit is gone, and nothing is due before the next purchase", "P03",
                   loses(credit), credit_due.becomes(False), stops("credit"))),
    )


def buying(packs: Enum) -> tuple[Event, ...]:
    """Packs, and purchases that are taken back."""
    restarts = starts("credit"), credit_due.becomes(False)
    owed = amount - taken_back
    takes_back = Flows([credit.becomes(credit - taken_back), debt.becomes(debt + owed)],
                       [posting(Kind.MOVED_OUT, credit, taken_back)])
    return (
        event("buy", "Somebody buys packs of credit.", "P02",
              Field("pack_asked", packs, "the pack wanted", wire="pack"), Field("quantity", AMOUNT, "how many of them"), EXISTS,
              requires("pack_must_exist", ne(pack_asked, UNLISTED), "the catalogue lists the packs", "P02"),
              requires("quantity_must_be_at_least_one", quantity >= 1, "packs are sold whole", "P02"),
              _stays_countable(credit + bought),
              rule("buys", OPEN, STAYS, "all credit lives for another 90 days", "P02 P03", buys(credit, bought), *restarts),
              rule("buys_out_of_debt", IN_DEBT, OPEN, "the debt is paid first, and never reaches the balance", "P10",
                   buys(credit, bought - debt), debt.becomes(0), *restarts, when=debt <= bought),
              rule("pays_debt_in_part", IN_DEBT, STAYS, "the debt is paid first", "P10",
                   debt.becomes(debt - bought), *restarts, when=debt > bought)),
        event("charge_back", "The bank takes a purchase back.", "P09 P10", _how_many("the tokens that were bought"), EXISTS,
              AT_LEAST_ONE,
              requires("credit_must_cover_charge_back", any_of(amount <= credit, chosen("charge_back", "debt")),
                       "what is spent cannot be taken", "P09"),
              requires("debt_must_stay_within_limit", amount <= most_taken_back, "a debt has a limit", "P10"),
              rule("takes_back", OPEN, STAYS, "the credit is still there", "P09", takes_back, when=amount <= credit),
              rule("goes_into_debt", OPEN, IN_DEBT, "what is spent already is owed", "P10", takes_back, when=amount > credit),
              rule("goes_deeper_into_debt", IN_DEBT, STAYS, "what is spent already is owed too", "P10", takes_back)),
        event("adjust", "Staff adds credit or takes it away.", "P08",
              _how_many("how many tokens; below 0 they are taken away"),
              Field("ground", Enum("Ground", ("goodwill", "correction", "campaign")), "the reason"), EXISTS,
              requires("amount_must_not_be_zero", ne(amount, 0), "nothing is no adjustment"),
              requires("credit_must_cover_adjustment", credit + amount >= 0, "no balance falls below 0", "P08"),
              _stays_countable(credit + amount),
              rule("adds_credit", OPENED, STAYS, "staff may, for a reason", "P08", credit.becomes(credit + amount),
                   granted(credit, amount), when=amount > 0),
              rule("takes_credit", OPENED, STAYS, "staff may, for a reason", "P08", keeps(credit, credit + amount),
                   when=amount < 0)),
    )


def _comes_back(lasts: Term) -> Callable[[Term, Term], Term]:
    """Credit comes back unless it has expired since, as far as it can be counted."""
    return lambda pool, part: ite(lasts, countable(pool + part), pool)


def _returns(parts: Mapping[str, Term]) -> Flows:
    return gives_back(parts, bonus=up_to(weekly_bonus, var("week_lasts")), credit=_comes_back(var("credit_lasts")))


def working() -> tuple[Event, ...]:
    """Holds: tokens are set aside before work starts, and paid or given back when it is done."""
    facts: tuple[Key | Field, ...] = (
             HOLD, Field("hold_is_new", Bool(), "nothing is set aside under this id", Origin.FACT),
             *(Field(each.name, each.type, each.says, Origin.FACT) for each in JOURNAL.holds),
             *(Field(period.lasts, Bool(), period.says, Origin.FACT) for period in JOURNAL.periods))
    known = (requires("hold_must_exist", negation(hold_is_new), "only what was set aside is paid or given back", "P05"),
             requires("hold_must_be_open", is_open, "a hold is settled or released once", "P06"))
    closes = remembers({"hold_is_open": False})
    return (
        event("reserve", "Tokens are set aside for work.", "P05", HOLD, _how_many("the most that the work may cost"),
              Field("hold_is_new", Bool(), "nothing is set aside under this id", Origin.FACT), EXISTS, AT_LEAST_ONE,
              requires("debt_must_be_paid", eq(status, OPEN), "an account in debt starts no work", "P11"),
              requires("hold_must_be_new", hold_is_new, "a hold has an id of its own", "P05"),
              requires("tokens_must_cover_amount", amount <= bonus + credit, "only what is there is set aside", "P05"),
              rule("reserves", OPEN, STAYS, "the tokens leave their pools, and the hold remembers which", "P05", spends(takes),
                   remembers({**{f"{pool}_part": part for pool, part in takes.items()}, "hold_is_open": True}))),
        event("settle", "Work is done and paid for.", "P06", *facts, _how_many("the cost of the work"), EXISTS, AT_LEAST_ONE,
              *known,
              requires("hold_must_cover_amount", amount <= held, "no more is paid than was set aside", "P06"),
              rule("settles", OPENED, STAYS, "the hold pays, the rest goes as `settled_for_less` says", "P06 P07",
                   _returns(rest), closes)),
        event("release", "Work is called off.", "P06", *facts, EXISTS, *known,
              rule("releases", OPENED, STAYS, "all of the hold goes back", "P06 P07", _returns(PART), closes)),
        event("quote", "Somebody asks for a price.", "P12", Key("action", "its key in the price list"),
              Field("price_is_listed", Bool(), "the price list knows the action", Origin.FACT),
              Field("listed_price", Tokens(), "its price", Origin.FACT), EXISTS,
              requires("price_must_be_listed", var("price_is_listed"), "only a listed action has a price", "P12"),
              rule("quotes", OPENED, STAYS, "the price is known beforehand", "P12", answer={"price": var("listed_price")})),
    )


@lru_cache(maxsize=64)
def wallet(packs: tuple[str, ...]) -> Machine:
    """The account, for packs of these names; their sizes stay open, as parameters."""
    return Machine(
        "wallet", "A prepaid account: bought credit, a weekly bonus, and perhaps a debt.", control="status", pools=POOLS,
        variables=(
            variable("status", STATUS, ABSENT, "where the account is in its lifecycle"),
            *(variable(pool, Tokens(), 0, says) for pool, says in HOLDS.items()),
            variable("debt", Tokens(), 0, "tokens that were charged back after they had been spent"),
            variable("bonus_due", Bool(), False, "whether a week is over and its bonus has not come"),
            variable("credit_due", Bool(), False, "whether credit has fallen due and is still there"),
        ),
        parameters=(Parameter("weekly_bonus", Tokens(), None, "tokens a week"),
                    Parameter("debt_limit", Tokens(), None, "the largest debt"), *map(size_of.parameter, packs)),
        policies=POLICIES,
        assumptions=(assumption(weekly_bonus >= 0, "weekly_bonus: it is not below 0"),
                     assumption(debt_limit >= 0, "debt_limit: it is not below 0"),
                     *(assumption(size_of.of(name) >= 1, f"packs.{name}: a pack holds at least one token") for name in packs)),
        definitions=DEFINED.lowered({size_of: packs}),
        clocks=CLOCKS, memory=JOURNAL,
        events=(*life(), *buying(Enum("Pack", (*packs, UNLISTED))), *working()))


IDS = Ids("id", "the request's own id: one that is sent again is carried out once", repeated="repeated_id", refused="refused_id",
          code="id_must_be_new", because="an id stands for one request", clauses=cites("P14"))


def system(packs: tuple[str, ...]) -> System:
    """The whole: one machine, and the ids of its events."""
    return System(machines=(wallet(packs),), links=(), ids=IDS)
# fmt: on

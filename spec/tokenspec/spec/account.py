"""The account as one machine: its variables, life (lifecycle.py), tokens (tokens.py), figures and two clocks."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from tokenspec.machine.lang.build import assumption, cites, each_requires, eq, variable
from tokenspec.machine.lang.calendars import EveryDay, EveryHours, EveryMonth, Hour, ShortMonth, calendar_by
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.declaration import Assumption, Clock, Machine, Parameter, Since
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Tokens
from tokenspec.spec import lifecycle, tokens
from tokenspec.spec.catalogue import DEFAULT, FREE_PLAN
from tokenspec.spec.policies import POLICIES

# fmt: off
from tokenspec.spec.words import (
    ABSENT, allowance_of, api_of, bank_months, BY_PLAN, daily_allowance, DEFINED, HOLDS, HOUR_MS, NONE, POOLS, size_of,
    STATUS, UNLISTED,
)

_MONTHLY = calendar_by(
    "month_end",
    **{answer: calendar_by("renewal_time", same_instant=EveryMonth(short), start_of_day=EveryMonth(short, Hour.START_OF_DAY))
       for answer, short in (("return_to_day", ShortMonth.RETURNS), ("stay_clamped", ShortMonth.CLAMPS))})
_DAILY = calendar_by("daily_reset_clock", utc_time_of_day=EveryDay("daily_reset_time"), every_24h_from_opening=EveryHours(24))
CLOCKS = (
    Clock("renewal", falls_due="renewal_falls_due", job="renew", calendar=_MONTHLY,
          says="monthly, on the anniversary of subscribing",
          overdue_ms=0, overdue_since=Since.END_OF_DAY, clauses=cites("F22 F23 A04 A05")),
    Clock("daily", falls_due="daily_reset_falls_due", job="daily_reset", calendar=_DAILY,
          says="daily, at the account's reset time",
          overdue_ms=48 * HOUR_MS, overdue_since=Since.LAST_RUN, clauses=cites("F21 A02 A05 A12"), of="daily_allowance"),
)


def account(catalogue: Figures = DEFAULT) -> Machine:
    """The account for the plans and packs of `catalogue`; its figures stay open, as parameters."""
    return _account(catalogue.ranking, tuple(catalogue.packs))


@lru_cache(maxsize=64)
def _account(ranking: tuple[str, ...], packs: tuple[str, ...]) -> Machine:
    plans = Enum("Plan", (*ranking, NONE, UNLISTED))
    return Machine(
        "account", "A token account: its subscription and its five pools.", control="status", pools=POOLS, clocks=CLOCKS,
        variables=(
            variable("status", STATUS, ABSENT, "where the account is in its lifecycle"),
            variable("plan", plans.only(*ranking), FREE_PLAN, "the present plan"),
            variable("scheduled_plan", plans.only(*ranking, NONE), NONE, "the lower plan from the next renewal on"),
            *(variable(pool, Tokens(), 0, says) for pool, says in HOLDS.items()),
            variable("renewals_due", Tokens(), 0, "anniversaries that no billing job has run for"),
            variable("daily_reset_due", Bool(), False, "whether a daily reset has fallen due and not been run"),
        ),
        events=(
            lifecycle.opening(), *each_requires(
                lifecycle.EXISTS, *lifecycle.subscription(plans.only(*ranking, UNLISTED)), *lifecycle.billing(),
                *tokens.day(), *tokens.buying(Enum("Pack", (*packs, UNLISTED))), *tokens.spending()),
        ),
        parameters=(
            Parameter("daily_allowance", Tokens(), None, "tokens a day"),
            Parameter("bank_months", Tokens(), None, "the months of allowance that the bank holds"),
            *(figure.parameter(name) for name in ranking for figure in BY_PLAN), *map(size_of.parameter, packs),
        ),
        policies=POLICIES,
        assumptions=admissible(ranking, packs),
        memory=tokens.JOBS,
        definitions=DEFINED.lowered({**dict.fromkeys(BY_PLAN, ranking), size_of: packs}))


def admissible(ranking: tuple[str, ...], packs: tuple[str, ...]) -> tuple[Assumption, ...]:
    """Returns the assumptions that every catalogue with these plans and packs satisfies."""
    return (
        assumption(daily_allowance >= 0, "daily: the daily allowance is not below 0"),
        *(assumption(eq(figure.of(FREE_PLAN), 0), f"plans.{FREE_PLAN}: the free plan's figures are 0")
          for figure in (allowance_of, api_of)),
        *(assumption(allowance_of.of(low) <= allowance_of.of(high), f"plans.{high}.allowance: it is below that of {low}, and "
                     "allowances do not fall along the ranking") for low, high in pairwise(ranking)),
        *(assumption(size_of.of(name) >= 1, f"packs.{name}: a pack holds at least one token") for name in packs),
        *(assumption(bank_months * allowance_of.of(name) <= COUNTABLE_MAX, f"plans.{name}: the bank's ceiling stays within "
                     "2^53 - 1") for name in ranking))
# fmt: on

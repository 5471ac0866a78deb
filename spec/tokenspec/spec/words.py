"""The words the declaration is written in: states, variables, figures, and the expressions that have a name.

`Words(ranking, packs)` binds them to the names of a catalogue's plans and packs; the figures stay parameters.
"""

from __future__ import annotations

from tokenspec.machine.lang.build import (
    Term,
    all_of,
    any_of,
    assumption,
    definition,
    eq,
    ite,
    lookup,
    maximum,
    minimum,
    one_of,
    total,
    var,
    variable,
)
from tokenspec.machine.lang.declaration import Assumption, Definition, Parameter, Variable
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Tokens
from tokenspec.spec.catalogue import FREE_PLAN, MEDIA

ABSENT, FREE, ACTIVE, CANCELLING, PAST_DUE = "absent", "free", "active", "cancelling", "past_due"
OPENED = (FREE, ACTIVE, CANCELLING, PAST_DUE)
SUBSCRIBED = (ACTIVE, CANCELLING, PAST_DUE)
STATUS = Enum("Status", (ABSENT, *OPENED))

APP_POOLS = ("daily", "fast", "rollover", "topup")
POOLS = (*APP_POOLS, "api")

NONE = "(none)"
UNLISTED = "(not listed)"
AMOUNT = Tokens(-COUNTABLE_MAX, COUNTABLE_MAX)
"""What a record may say where a number of tokens is meant; what is out of place is refused, not misread."""

status, plan, scheduled_plan = var("status"), var("plan"), var("scheduled_plan")
daily, fast, rollover, topup, api = (var(pool) for pool in POOLS)
renewals_due, daily_reset_due = var("renewals_due"), var("daily_reset_due")
daily_allowance = var("daily_allowance")
cost, media, origin, quantity, amount = var("cost"), var("media"), var("origin"), var("quantity"), var("amount")
plan_asked, pack_asked = var("plan_asked"), var("pack_asked")

spendable, subscriber_pools = var("spendable"), var("subscriber_pools")
allowance, ceiling = var("allowance"), var("ceiling")
next_plan, next_allowance, next_ceiling, next_api = (var(f"next_{what}") for what in ("plan", "allowance", "ceiling", "api"))
asked_allowance, asked_ceiling, asked_api = (var(f"asked_{what}") for what in ("allowance", "ceiling", "api"))
open_fast, open_rollover, open_topup = (var(f"open_{pool}") for pool in APP_POOLS[1:])
pays = {pool: var(f"{pool}_pays") for pool in APP_POOLS}
pack_size, qualifies = var("pack_size"), var("qualifies_for_daily")
tokens_serve, relaxed_serves = var("tokens_serve"), var("relaxed_serves")
used_up, status_relaxes, medium_relaxes, plan_relaxes = (
    var(name) for name in ("used_up", "status_relaxes", "medium_relaxes", "plan_relaxes")
)
own_model = eq(origin, "first_party")


class Words:
    """The declared variables, figures and definitions for the plans and packs of one catalogue."""

    def __init__(self, ranking: tuple[str, ...], packs: tuple[str, ...]) -> None:
        self.ranking = ranking
        self.packs = packs
        self.plan_type = Enum("Plan", (*self.ranking, NONE, UNLISTED))
        self.plan_payload = self.plan_type.only(*self.ranking, UNLISTED)
        self.pack_payload = Enum("Pack", (*self.packs, UNLISTED))

    def by_plan(self, figure: str, key: Term) -> Term:
        """The figure of the plan that `key` names."""
        return lookup(key, {name: var(f"{figure}[{name}]") for name in self.ranking}, 0)

    def relaxed(self, medium: str, key: Term) -> Term:
        """Whether the plan that `key` names has unlimited generation for `medium`."""
        return lookup(key, {name: var(f"relaxed[{name},{medium}]") for name in self.ranking}, False)

    def variables(self) -> tuple[Variable, ...]:
        """The state of an account."""
        tokens = {
            "daily": "tokens of the day",
            "fast": "monthly tokens of the plan",
            "rollover": "the bank: unused fast tokens of earlier months",
            "topup": "tokens from packs",
            "api": "tokens for the API, apart from the app",
        }
        return (
            variable("status", STATUS, ABSENT, "where the account is in its lifecycle"),
            variable("plan", self.plan_type.only(*self.ranking), FREE_PLAN, "the present plan"),
            variable("scheduled_plan", self.plan_type.only(*self.ranking, NONE), NONE, "the lower plan from the next renewal on"),
            *(variable(pool, Tokens(), 0, says) for pool, says in tokens.items()),
            variable("renewals_due", Tokens(), 0, "anniversaries that no billing job has run for"),
            variable("daily_reset_due", Bool(), False, "whether a daily reset has fallen due and not been run"),
        )

    def parameters(self) -> tuple[Parameter, ...]:
        """The catalogue's figures."""
        figures = [Parameter("daily_allowance", Tokens(), None, "tokens a day")]
        for name in self.ranking:
            figures += [
                Parameter(f"allowance[{name}]", Tokens(), None, f"fast tokens a month on {name}"),
                Parameter(f"ceiling[{name}]", Tokens(), None, f"the most the bank holds on {name}"),
                Parameter(f"api[{name}]", Tokens(), None, f"API tokens a month on {name}"),
            ]
            figures += [
                Parameter(f"relaxed[{name},{medium}]", Bool(), None, f"whether {name} has unlimited generation of {medium}")
                for medium in MEDIA
            ]
        return (*figures, *(Parameter(f"pack[{p}]", Tokens(), None, f"tokens in a {p} pack") for p in self.packs))

    def assumptions(self) -> tuple[Assumption, ...]:
        """What makes a catalogue admissible."""
        free = [
            assumption(eq(var(f"{figure}[{FREE_PLAN}]"), 0), f"plans.{FREE_PLAN}: the free plan's figures are 0")
            for figure in ("allowance", "ceiling", "api")
        ]
        rising = [
            assumption(
                var(f"{figure}[{low}]") <= var(f"{figure}[{high}]"),
                f"plans.{high}.allowance: it is below that of {low}, and allowances do not fall along the ranking",
            )
            for low, high in zip(self.ranking, self.ranking[1:], strict=False)
            for figure in ("allowance", "ceiling")
        ]
        packs = [assumption(var(f"pack[{p}]") >= 1, f"packs.{p}: a pack holds at least one token") for p in self.packs]
        return (
            assumption(daily_allowance >= 1, "daily: the daily allowance is at least one token"),
            *free,
            *rising,
            *packs,
            *(
                assumption(var(f"{figure}[{p}]") <= COUNTABLE_MAX, f"plans.{p}: allowance and ceiling stay within 2^53 - 1")
                for p in self.ranking
                for figure in ("allowance", "ceiling")
            ),
        )

    def definitions(self) -> tuple[Definition, ...]:
        """Every expression that has a name, in the order in which they build on each other."""
        pools_open = any_of(
            one_of(status, ACTIVE, CANCELLING), all_of(eq(status, PAST_DUE), eq(var("past_due_spending"), "allowed"))
        )
        held = {"fast": fast, "rollover": rollover, "topup": topup}
        daily_first = eq(var("daily_position"), "first")
        fast_first = eq(var("burn_order"), "fast_rollover_topup")
        first_daily = ite(daily_first, daily, 0)
        earlier = {
            "daily": ite(daily_first, 0, subscriber_pools),
            "fast": first_daily + ite(fast_first, 0, open_rollover),
            "rollover": first_daily + ite(fast_first, open_fast, 0),
            "topup": first_daily + open_fast + open_rollover,
        }
        opened = {"daily": daily, "fast": open_fast, "rollover": open_rollover, "topup": open_topup}
        letter = all_of(eq(rollover, 0), eq(topup, 0))
        guard_to_the_letter = eq(var("paid_daily_guard"), "bank_and_topup_empty")
        return (
            definition("allowance", self.by_plan("allowance", plan), "fast tokens a month of the present plan"),
            definition("ceiling", self.by_plan("ceiling", plan), "the most its bank holds"),
            definition("next_plan", ite(eq(scheduled_plan, NONE), plan, scheduled_plan), "the plan after the next renewal"),
            *(definition(f"next_{f}", self.by_plan(f, next_plan), f"{f} after the next renewal") for f in _FIGURES),
            *(definition(f"asked_{f}", self.by_plan(f, plan_asked), f"{f} of the plan asked for") for f in _FIGURES),
            *(
                definition(f"open_{pool}", ite(pools_open, tokens, 0), f"{pool} tokens that the status lets be spent")
                for pool, tokens in held.items()
            ),
            definition("subscriber_pools", total(open_fast, open_rollover, open_topup), "what can be spent, daily apart"),
            definition("spendable", daily + subscriber_pools, "what can be spent in all"),
            # A pool pays what the pools before it in the burn order leave of the cost, as far as it reaches.
            *(
                definition(
                    f"{pool}_pays", minimum(opened[pool], maximum(0, cost - earlier[pool])), f"what {pool} pays of the cost"
                )
                for pool in APP_POOLS
            ),
            definition("tokens_serve", cost <= spendable, "tokens cover the cost"),
            definition(
                "used_up",
                any_of(eq(spendable, 0), eq(var("stranded_remainder"), "relax")),
                "no token is left to spend, or what is left does not count",
            ),
            definition("status_relaxes", one_of(status, ACTIVE, CANCELLING), "the subscription is in force"),
            definition(
                "medium_relaxes",
                ite(eq(media, "image"), self.relaxed("image", plan), self.relaxed("video", plan)),
                "the plan has unlimited generation for this medium",
            ),
            definition("plan_relaxes", any_of(*(self.relaxed(m, plan) for m in MEDIA)), "the plan has unlimited generation"),
            definition(
                "relaxed_serves", all_of(used_up, status_relaxes, medium_relaxes, own_model), "generation goes on without tokens"
            ),
            definition("pack_size", lookup(pack_asked, {p: var(f"pack[{p}]") for p in self.packs}, 0), "tokens in one pack"),
            definition(
                "qualifies_for_daily",
                ite(guard_to_the_letter, letter, eq(subscriber_pools, 0)),
                "a subscriber is topped up to the daily allowance",
            ),
        )


_FIGURES = ("allowance", "ceiling", "api")

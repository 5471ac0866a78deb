"""Claims 1 to 7: what may never happen to a balance."""

from __future__ import annotations

from tokenspec.invariants.words import *
from tokenspec.machine.lang.build import all_of, any_of, eq, implies, ite, ne, negation, one_of, total, var
from tokenspec.machine.lang.claims import Claim, LayerPart, answered, claim, flow, new, other
from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import FREE_PLAN
from tokenspec.spec.words import *


def safety(ranking: tuple[str, ...], months: int) -> tuple[Claim, ...]:
    """Claims 1 to 7, for the plans of `ranking` and a bank of so many `months`."""
    relaxes = [
        implies(all_of(eq(plan, name), eq(media, medium)), var(f"relaxed[{name},{medium}]"))
        for name in ranking
        for medium in ("image", "video")
    ]
    worth = counted(months, "month")
    drains = eq(var("stranded_remainder"), "drain")
    is_relaxed = eq(answered("mode"), "relaxed")
    to_the_letter = eq(var("paid_daily_guard"), "bank_and_topup_empty")
    has_run_dry = any_of(
        eq(var("paid_daily_guard"), "always"),
        all_of(to_the_letter, eq(rollover + topup, 0)),
        all_of(eq(var("paid_daily_guard"), "out_of_tokens"), any_of(negation(pools_open), eq(fast + rollover + topup, 0))),
    )
    # A balance changes through events that the declared ledger has a line for. Packs and API tokens have claims of their own.
    touched_by = {
        pool: [e.name for e in account().events if any(line.pool == name for rule in e.rules for line in rule.ledger)]
        for name, pool in (("daily", daily), ("fast", fast), ("rollover", rollover))
    }
    # Events whose declared ledger has a line that adds. An effect that adds without one breaks the claim, and so does a line
    # in a rule of any other event; whether the line belongs there is what the claim of conservation lists by hand.
    gains = [e.name for e in account().events if any(line.kind.adds for rule in e.rules for line in rule.ledger)]
    return (
        claim(
            1,
            "balances_never_negative",
            "No pool ever holds less than nothing, nor more than 2^53 - 1 tokens.",
            "F04 A06",
            state("pools", all_of(*(pool >= 0 for pool in pools)), all_of(eq(status, ACTIVE), eq(daily, 0), eq(fast, 0))),
            state("countable", all_of(*(pool <= COUNTABLE_MAX for pool in pools)), all_of(topup > 0, api > 0)),
        ),
        claim(
            2,
            "bank_within_three_months",
            f"The bank holds at most {worth} of the present plan's allowance. It may hold more, and then never grows, after a "
            "downgrade (`downgrade_bank = keep`) and while the account is free (`lapse_bank = frozen`).",
            "F06",
            step(
                "ceiling",
                any_of(
                    new(rollover) <= new(ceiling),
                    all_of(
                        new(rollover) <= rollover,
                        any_of(all_of(bank_kept, ne(new(status), FREE)), all_of(bank_frozen, eq(new(status), FREE))),
                    ),
                ),
                all_of(eq(rule_name, "renews"), eq(new(rollover), new(ceiling)), new(ceiling) > 0),
            ),
            state(
                "figure",
                all_of(*(implies(eq(plan, name), eq(ceiling, bank_months * var(f"allowance[{name}]"))) for name in ranking)),
                ceiling > 0,
            ),
            step(
                "takes_what_fits",
                implies(
                    ne(status, CANCELLING),
                    all_of(
                        new(rollover) <= rollover + fast,
                        any_of(eq(new(rollover), rollover + fast), new(rollover) >= new(ceiling)),
                        implies(bank_kept, new(rollover) >= rollover),
                        any_of(eq(flow(Kind.MOVED_IN, rollover), 0), eq(flow(Kind.EXPIRED, rollover), 0)),
                    ),
                ),
                flow(Kind.EXPIRED, rollover) > 0,
                "renew",
            ),
            step(
                "comes_back",
                all_of(new(rollover) <= rollover, any_of(unchanged(rollover), eq(new(rollover), new(ceiling)))),
                new(rollover) < rollover,
                "subscribe",
            ),
            step(
                "at_the_end",
                implies(
                    all_of(one_of(status, *SUBSCRIBED), eq(new(status), FREE)), eq(new(rollover), ite(bank_frozen, rollover, 0))
                ),
                all_of(eq(new(status), FREE), rollover > 0),
                "cancel",
                "renew",
                "lapse",
            ),
        ),
        claim(
            3,
            "pools_within_allowance",
            "Fast tokens never exceed the plan's allowance, nor daily ones the day's. Each reset brings just that, the daily one "
            "to a subscriber as `paid_daily_guard`, `paid_daily_leftover` and `past_due_spending` say.",
            "F03 F05 F10 F15",
            state("fast", fast <= allowance, all_of(eq(fast, allowance), fast > 0)),
            state("daily", daily <= daily_allowance, eq(daily, daily_allowance)),
            state("figure", is_figure(ranking, allowance, "allowance", plan), allowance > 0),
            step(
                "month",
                implies(eq(new(status), ACTIVE), eq(new(fast), new(allowance))),
                all_of(eq(event, "renew"), fast < new(fast)),
                "subscribe",
                "renew",
            ),
            step(
                "day",
                eq(
                    new(daily),
                    ite(
                        any_of(one_of(status, ABSENT, FREE), has_run_dry),
                        daily_allowance,
                        ite(eq(var("paid_daily_leftover"), "expires"), 0, daily),
                    ),
                ),
                all_of(eq(event, "daily_reset"), has_run_dry, ne(status, FREE)),
                "open_account",
                "daily_reset",
            ),
        ),
        claim(
            4,
            "relaxed_only_when_empty",
            "Unlimited generation happens only when no token is left (with `stranded_remainder = relax` and "
            "`stranded_remainder = drain` when those that are left do not cover the cost), on a plan and for a medium that has "
            "it (after a failed payment only with `past_due_spending = as_active`), with one of the house's own models, and "
            "costs nothing (`stranded_remainder = drain`: all that is left).",
            "F09 F17 F18 F19 F20",
            step(
                "conditions",
                implies(
                    is_relaxed,
                    all_of(
                        any_of(eq(total(*app_pools), 0), one_of(var("stranded_remainder"), "relax", "drain")),
                        counts_as_active,
                        eq(origin, "first_party"),
                        *relaxes,
                    ),
                ),
                is_relaxed,
                "generate",
            ),
            step(
                "free_of_charge",
                implies(
                    all_of(is_relaxed, negation(drains)),
                    all_of(unchanged(*pools), *(eq(charge, 0) for charge in charged.values())),
                ),
                is_relaxed,
                "generate",
            ),
            step(
                "drained",
                implies(
                    all_of(is_relaxed, drains),
                    all_of(
                        *(eq(charged[name], pool) for name, pool in zip(APP_POOLS, app_pools, strict=True)),
                        *(eq(new(pool), 0) for pool in app_pools),
                        unchanged(api),
                    ),
                ),
                all_of(is_relaxed, drains, fast > 0),
                "generate",
            ),
            step("never_while_tokens_cover_the_cost", implies(is_relaxed, cost > total(*app_pools)), is_relaxed, "generate"),
        ),
        claim(
            5,
            "no_gifting",
            "No event of one account changes another, and inside an account tokens move from fast to the bank only.",
            "F13 A15",
            step(
                "moves",
                all_of(
                    eq(flow(Kind.MOVED_OUT, fast), flow(Kind.MOVED_IN, rollover)),
                    *(eq(flow(Kind.MOVED_IN, var(pool)), 0) for pool in POOLS if pool != "rollover"),
                    *(eq(flow(Kind.MOVED_OUT, var(pool)), 0) for pool in POOLS if pool != "fast"),
                ),
                flow(Kind.MOVED_OUT, fast) > 0,
            ),
            step(
                "gains_are_named",
                implies(total(*(new(pool) for pool in pools)) > total(*pools), one_of(event, *gains)),
                total(*(new(pool) for pool in pools)) > total(*pools),
            ),
            step(
                "touched_by",
                all_of(
                    *(implies(ne(new(pool), pool), one_of(event, *events)) for pool, events in touched_by.items()),
                    implies(all_of(eq(event, "cancel"), eq(status, ACTIVE)), unchanged(*pools)),
                ),
                all_of(eq(event, "cancel"), eq(status, ACTIVE), fast > 0),
            ),
            pair(
                "other_account",
                all_of(*(eq(new(other(var(name))), other(var(name))) for name in VARIABLES)),
                all_of(new(fast) < fast, other(fast) > 0),
            ),
            pair(
                "nothing_passes",
                negation(
                    all_of(any_of(*(new(pool) < pool for pool in pools)), any_of(*(new(other(p)) > other(p) for p in pools)))
                ),
                all_of(new(topup) < topup, other(topup) > 0),
            ),
            LayerPart("accounts_apart", "an event of one account leaves every other account as it was"),
            LayerPart("transfer_refused", "a transfer is refused in every state"),
        ),
        claim(
            6,
            "topup_by_purchase_and_spending_alone",
            "Tokens from packs change by buying, spending and refunds alone, and pay only while the subscription is in force "
            "(after a failed payment as `past_due_spending` says).",
            "F08 F24",
            step(
                "changes",
                implies(ne(new(topup), topup), one_of(event, "buy_topup", "generate", "refund")),
                all_of(one_of(rule_name, *ENDS), topup > 0),
            ),
            step(
                "frozen_without_subscription",
                implies(negation(pools_open), eq(charged["topup"], 0)),
                all_of(eq(status, FREE), topup > 0),
                "generate",
            ),
            step(
                "bought",
                all_of(eq(flow(Kind.BOUGHT, topup), pack_size * quantity), new(topup) > topup),
                quantity > 1,
                "buy_topup",
            ),
        ),
        claim(
            7,
            "free_has_no_plan_tokens",
            "A free account has no fast tokens and no bank (`lapse_bank = frozen`: none that it could use).",
            "F05 F06",
            state("fast", implies(eq(status, FREE), eq(fast, 0)), all_of(eq(status, FREE), topup > 0)),
            state(
                "plain",
                implies(one_of(status, ABSENT, FREE), all_of(eq(plan, FREE_PLAN), eq(scheduled_plan, NONE), eq(renewals_due, 0))),
                all_of(eq(status, FREE), topup > 0),
            ),
            state(
                "bank",
                implies(all_of(eq(status, FREE), negation(bank_frozen)), eq(rollover, 0)),
                all_of(eq(status, FREE), topup > 0, negation(bank_frozen)),
            ),
            step(
                "bank_unusable",
                implies(eq(status, FREE), unchanged(fast, rollover)),
                all_of(eq(status, FREE), rollover > 0),
                "generate",
            ),
        ),
    )

"""Claims 8 to 14: where tokens come from, what they cost, and what plan changes may not do."""

from __future__ import annotations

from tokenspec.invariants.words import *
from tokenspec.machine.lang.build import (
    Term,
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
from tokenspec.machine.lang.claims import Claim, LayerPart, answered, claim, flow, ghost, new
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import COUNTABLE_MAX, Tokens
from tokenspec.spec.words import *


def accounting(ranking: tuple[str, ...], payable: Term) -> tuple[Claim, ...]:
    """Claims 8 to 14, for the plans of `ranking`; a listed price can be paid where `payable` is true."""

    def gained(pool: Term) -> Term:
        return total(*(flow(kind, pool) for kind in Kind if kind.adds))

    def lost(pool: Term) -> Term:
        return total(*(flow(kind, pool) for kind in Kind if not kind.adds))

    came_in, went_out = ({name: var(f"{what}_{name}") for name in POOLS} for what in ("came_in", "went_out"))
    # They grow for ever, so no search goes through them.
    totals = [ghost(f"came_in_{name}", Tokens(), 0, came_in[name] + gained(var(name))) for name in POOLS]
    totals += [ghost(f"went_out_{name}", Tokens(), 0, went_out[name] + lost(var(name))) for name in POOLS]
    others = total(charged["fast"], charged["rollover"], charged["topup"])
    fast_first = eq(var("burn_order"), "fast_rollover_topup")
    daily_first = eq(var("daily_position"), "first")
    is_paid = eq(answered("mode"), "tokens")
    grants_again = any_of(eq(var("upgrade_grant"), "full"), all_of(at_once, eq(var("upgrade_grant"), "difference")))
    of_plan = lookup(new(plan), {name: var(f"api[{name}]") for name in ranking}, 0)
    included = ite(eq(var("api_renewal"), "adds"), of_plan, maximum(0, of_plan - api))
    new_period = one_of(rule_name, "subscribes", "renews")
    granted_so_far, highest = var("granted_this_period"), var("highest_allowance")
    ghosts = (
        ghost(
            "granted_this_period",
            Tokens(),
            0,
            ite(new_period, flow(Kind.GRANTED, fast), granted_so_far + flow(Kind.GRANTED, fast)),
            most=total(*(var(f"allowance[{name}]") for name in ranking)),
        ),
        ghost(
            "highest_allowance",
            Tokens(),
            0,
            ite(new_period, new(allowance), maximum(highest, new(allowance))),
            most=var(f"allowance[{ranking[-1]}]"),
        ),
    )
    booked_by = {
        Kind.GRANTED: ("open_account", "subscribe", "upgrade", "renew", "daily_reset"),
        Kind.BOUGHT: ("buy_topup", "buy_api"),
        Kind.REFUNDED: ("refund",),
        Kind.MOVED_IN: ("renew",),
        Kind.SPENT: ("generate", "api_generate"),
        Kind.EXPIRED: ("subscribe", "downgrade", "cancel", "renew", "lapse", "daily_reset", "refund"),
        Kind.MOVED_OUT: ("renew",),
    }
    ends = all_of(one_of(status, *SUBSCRIBED), eq(new(status), FREE))
    one_settled = ite(eq(var("missed_renewals"), "each"), renewals_due - 1, 0)
    dues_left = lookup(event, {"renewal_falls_due": minimum(COUNTABLE_MAX, renewals_due + 1), "renew": one_settled}, renewals_due)
    day_due = lookup(event, {"daily_reset_falls_due": True, "daily_reset": False, "open_account": False}, daily_reset_due)
    acts = (
        ("renewal", "stops", ends),
        ("renewal", "starts", eq(event, "subscribe")),
        ("renewal", "settles", all_of(eq(event, "renew"), negation(ends))),
        ("renewal", "keeps", negation(any_of(ends, one_of(event, "subscribe", "renew")))),
        ("daily", "starts", eq(event, "open_account")),
        ("daily", "settles", eq(event, "daily_reset")),
        ("daily", "keeps", negation(one_of(event, "open_account", "daily_reset"))),
    )
    lasts = {"daily": "day_lasts", "fast": "month_lasts", "rollover": "subscription_lasts"}
    countable = Term(Lit(COUNTABLE_MAX))
    most = {"daily": daily_allowance, "fast": allowance, "rollover": ceiling, "topup": countable, "api": countable}

    def returned(name: str) -> Term:
        """The job's part of a pool is booked as refunded. It fills the pool up to its maximum, or dies with its period."""
        pool, part, full = var(name), var(f"{name}_part"), most[name]
        fills = all_of(
            new(pool) >= pool,
            any_of(eq(new(pool), pool + part), eq(new(pool), full), all_of(unchanged(pool), pool > full)),
            any_of(unchanged(pool), new(pool) <= full),
        )
        return all_of(
            eq(flow(Kind.REFUNDED, pool), part), ite(var(lasts[name]), fills, unchanged(pool)) if name in lasts else fills
        )

    return (
        claim(
            8,
            "conservation",
            "Whatever a pool gained was granted, bought, refunded or moved in; whatever it lost was spent, expired or moved out; "
            "and it holds what it has gained since the opening less what it has lost.",
            "F10 F11",
            step(
                "each_pool",
                all_of(*(eq(new(pool), pool + gained(pool) - lost(pool)) for pool in pools)),
                all_of(flow(Kind.MOVED_IN, rollover) > 0, flow(Kind.EXPIRED, fast) > 0),
            ),
            step(
                "since_opening",
                all_of(*(eq(new(var(name)), new(came_in[name]) - new(went_out[name])) for name in POOLS)),
                all_of(came_in["rollover"] > 0, went_out["rollover"] > 0),
                ghosts=totals,
                keeps=all_of(*(eq(var(name), came_in[name] - went_out[name]) for name in POOLS)),
            ),
            step(
                "lines_not_negative",
                all_of(*(flow(kind, pool) >= 0 for kind in Kind for pool in pools)),
                flow(Kind.EXPIRED, daily) > 0,
            ),
            step(
                "spending_is_charged",
                all_of(*(eq(flow(Kind.SPENT, pool), charged[name]) for name, pool in zip(POOLS, pools, strict=True))),
                flow(Kind.SPENT, rollover) > 0,
            ),
            step(
                "kinds",
                all_of(
                    *(
                        implies(total(*(flow(kind, pool) for pool in pools)) > 0, one_of(event, *events))
                        for kind, events in booked_by.items()
                    )
                ),
                flow(Kind.REFUNDED, topup) > 0,
            ),
            step(
                "refunded",
                ite(by_api, returned("api"), all_of(*map(returned, APP_POOLS))),
                flow(Kind.REFUNDED, fast) > 0,
                "refund",
            ),
            step(
                "excess_expires", any_of(eq(flow(Kind.EXPIRED, api), 0), eq(new(api), COUNTABLE_MAX)), flow(Kind.GRANTED, api) > 0
            ),
        ),
        claim(
            9,
            "refused_changes_nothing",
            "A refused event leaves the account as it was: balances, jobs, sessions and clocks.",
            "F02",
            LayerPart("refused_changes_nothing", "state, jobs, sessions and clocks are the same before and after a refusal"),
        ),
        claim(
            10,
            "one_grant_per_due_date",
            "A second run of a job changes nothing; a run settles the renewals that are due one by one "
            "(`missed_renewals = each`) or all of them as one.",
            "F21 A03 A18",
            two_runs("daily", daily_reset_due, ("daily_reset",), ("daily_reset", "daily_reset"), VARIABLES),
            two_runs("renewal", all_of(renewals_due >= 1, ne(status, FREE)), ("renew",), ("renew", "renew"), VARIABLES),
            step(
                "settled",
                any_of(ne(event, "renew"), new(renewals_due) < renewals_due),
                all_of(eq(event, "renew"), renewals_due > 1),
            ),
            state("not_before_opening", implies(eq(status, ABSENT), negation(daily_reset_due)), daily_reset_due),
            step("day_settled", negation(new(daily_reset_due)), eq(rule_name, "resets_nothing"), "daily_reset"),
            LayerPart("due_as_the_clock_says", "a reset is due exactly when its clock shows an instant that is past", FALLS_DUE),
            step("not_before_its_time", all_of(renewals_due >= 1), eq(rule_name, "renews"), "renew"),
            step("day_not_before_its_time", daily_reset_due, eq(rule_name, "resets_free"), "daily_reset"),
            step(
                "counted",
                all_of(eq(new(renewals_due), ite(ends, 0, dues_left)), eq(new(daily_reset_due), day_due)),
                renewals_due > 1,
            ),
            step("clocks", all_of(*(implies(when, eq(var(f"clock.{clock}"), act)) for clock, act, when in acts)), ends),
        ),
        claim(
            11,
            "charge_equals_price",
            "A charge in mode tokens, or through the API, is the price; its parts add up to it, and a pool pays only when those "
            "before it in the order of `burn_order` and `daily_position` are empty (after a failed payment those that "
            "`past_due_spending` leaves open).",
            "F01 F02 F07 F08",
            step(
                "adds_up",
                implies(is_paid, eq(total(*(charged[pool] for pool in APP_POOLS)), cost)),
                all_of(charged["fast"] > 0, charged["topup"] > 0),
                "generate",
            ),
            step(
                "order",
                implies(
                    is_paid,
                    all_of(
                        implies(all_of(daily_first, others > 0), eq(new(daily), 0)),
                        implies(
                            all_of(negation(daily_first), pools_open, charged["daily"] > 0),
                            all_of(eq(new(fast), 0), eq(new(rollover), 0), eq(new(topup), 0)),
                        ),
                        implies(all_of(fast_first, charged["rollover"] > 0), eq(new(fast), 0)),
                        implies(all_of(negation(fast_first), charged["fast"] > 0), eq(new(rollover), 0)),
                        implies(charged["topup"] > 0, all_of(eq(new(fast), 0), eq(new(rollover), 0))),
                    ),
                ),
                charged["rollover"] > 0,
                "generate",
            ),
            step(
                "mode",
                all_of(
                    any_of(is_paid, eq(answered("mode"), "relaxed")),
                    implies(negation(pools_open), all_of(eq(charged["fast"], 0), eq(charged["rollover"], 0))),
                ),
                all_of(eq(status, PAST_DUE), negation(pools_open), fast > 0),
                "generate",
            ),
            step("api", eq(charged["api"], cost), cost > 1, "api_generate"),
            step("quoted", eq(answered("cost"), var("listed_price")), var("listed_price") > 0, "quote"),
            LayerPart("refunded_once", "a charged job is refunded at most once", after=("refunds", "refunds_api")),
            LayerPart(
                "quote_is_charged",
                "a generation at the price quoted for its action is charged exactly that",
                after=("quotes",),
                where=payable.expr,
            ),
        ),
        claim(
            12,
            "plan_changes_keep_the_date",
            "No change of plan moves the renewal date, be it at once or scheduled (`downgrade_timing`).",
            "F26 F22",
            step(
                "clock",
                any_of(
                    all_of(eq(var("clock.renewal"), "keeps"), unchanged(renewals_due)),
                    all_of(eq(event, "cancel"), eq(new(status), FREE)),
                ),
                eq(event, "upgrade"),
                "upgrade",
                "downgrade",
                "resume",
                "cancel",
            ),
            step(
                "asked",
                ite(
                    eq(event, "downgrade"),
                    ite(
                        at_once,
                        all_of(eq(new(plan), plan_asked), eq(new(scheduled_plan), NONE)),
                        all_of(unchanged(plan), eq(new(scheduled_plan), plan_asked)),
                    ),
                    all_of(eq(new(plan), plan_asked), eq(new(scheduled_plan), NONE)),
                ),
                ne(scheduled_plan, NONE),
                "subscribe",
                "upgrade",
                "downgrade",
            ),
            step(
                "at_renewal",
                implies(
                    eq(new(status), ACTIVE),
                    all_of(
                        eq(new(scheduled_plan), NONE),
                        any_of(eq(new(plan), scheduled_plan), all_of(eq(scheduled_plan, NONE), unchanged(plan))),
                    ),
                ),
                ne(scheduled_plan, NONE),
                "renew",
            ),
            step(
                "otherwise",
                any_of(
                    one_of(event, "subscribe", "upgrade", "downgrade", "renew"),
                    ends,
                    all_of(
                        unchanged(plan),
                        ite(one_of(event, "cancel", "resume"), eq(new(scheduled_plan), NONE), unchanged(scheduled_plan)),
                    ),
                ),
                all_of(one_of(event, "cancel", "resume"), ne(scheduled_plan, NONE)),
            ),
            LayerPart("date_stands", "the next renewal shown is the same before and after a plan change", after=("subscribes",)),
        ),
        claim(
            13,
            "plan_changes_mint_nothing",
            "Within a period no more fast tokens are granted than the highest allowance passed through (excepted are "
            "`upgrade_grant = full`, and `upgrade_grant = difference` with `downgrade_timing = at_once`, where coming back up "
            "grants the difference again), and the bank gains nothing from a plan change (cut as `downgrade_bank` says).",
            "F25 A09",
            step(
                "grants",
                any_of(grants_again, new(granted_so_far) <= new(highest), eq(new(status), FREE)),
                all_of(eq(rule_name, "upgrades"), flow(Kind.GRANTED, fast) > 0),
                ghosts=ghosts,
                keeps=any_of(
                    one_of(status, ABSENT, FREE),
                    grants_again,
                    all_of(granted_so_far <= ite(at_once, highest, allowance), allowance <= highest),
                ),
            ),
            step(
                "full",
                any_of(ne(event, "upgrade"), new(fast) <= new(allowance)),
                all_of(eq(event, "upgrade"), eq(var("upgrade_grant"), "full")),
            ),
            step(
                "difference",
                implies(eq(var("upgrade_grant"), "difference"), eq(new(fast) - fast, new(allowance) - allowance)),
                all_of(eq(var("upgrade_grant"), "difference"), new(allowance) > allowance),
                "upgrade",
            ),
            step(
                "by_policy",
                all_of(
                    implies(eq(var("upgrade_grant"), "full"), eq(new(fast), new(allowance))),
                    implies(eq(var("upgrade_grant"), "next_renewal"), unchanged(fast)),
                ),
                eq(var("upgrade_grant"), "next_renewal"),
                "upgrade",
            ),
            step(
                "cut",
                implies(
                    at_once,
                    all_of(
                        eq(new(fast), maximum(0, fast - allowance + new(allowance))),
                        eq(new(rollover), ite(bank_kept, rollover, minimum(rollover, new(ceiling)))),
                    ),
                ),
                all_of(at_once, fast > 0, new(rollover) < rollover),
                "downgrade",
            ),
            step(
                "bank",
                any_of(unchanged(rollover), all_of(eq(event, "downgrade"), at_once, new(rollover) < rollover)),
                rollover > 0,
                "upgrade",
                "downgrade",
                "resume",
            ),
            step("waits", any_of(at_once, unchanged(*pools)), rollover > 0, "downgrade"),
        ),
        claim(
            14,
            "app_and_api_apart",
            "No app event changes the API pool, apart from tokens that come with a plan (as `api_renewal` says) and the refund "
            "of an API generation (`api_refund = to_source`); no API event changes an app pool.",
            "A11 A17",
            step(
                "app",
                implies(
                    ne(new(api), api), one_of(rule_name, "subscribes", "renews", "buys_api", "generates_by_api", "refunds_api")
                ),
                all_of(eq(event, "generate"), api > 0),
            ),
            step("api", unchanged(*app_pools), charged["api"] > 0, "buy_api", "api_generate"),
            step(
                "refund",
                ite(
                    by_api,
                    all_of(
                        eq(var("api_refund"), "to_source"), unchanged(*app_pools), eq(flow(Kind.REFUNDED, api), var("api_part"))
                    ),
                    unchanged(api),
                ),
                all_of(by_api, new(api) > api),
                "refund",
            ),
            step(
                "included",
                implies(
                    new_period,
                    all_of(eq(flow(Kind.GRANTED, api), included), eq(new(api), minimum(COUNTABLE_MAX, api + included))),
                ),
                all_of(eq(rule_name, "renews"), included > 0),
            ),
            step("bought", eq(flow(Kind.BOUGHT, api), amount), amount > 1, "buy_api"),
        ),
    )

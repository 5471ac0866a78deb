"""The twenty-one claims: what must always hold of the account, its clocks and its sessions.

Each is a sentence with the clauses it rests on and the formulas that make it exact; each formula has a twin, the
case that makes it interesting. Where a formula could quote a definition of the declaration it says the thing
again in other words, so that a fault in the definition cannot hide itself.
"""

from __future__ import annotations

from functools import cache

from tokenspec.machine.lang.build import Term, all_of, any_of, eq, implies, ite, lookup, maximum, ne, negation, one_of, total, var
from tokenspec.machine.lang.claims import (
    Claim,
    LayerPart,
    LivenessPart,
    Method,
    answered,
    claim,
    flow,
    ghost,
    new,
    state,
    step,
    two_runs,
)
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.types import Tokens
from tokenspec.spec.words import *

_event, _rule = var("event"), var("rule")
_pools = (daily, fast, rollover, topup, api)
_app = _pools[:4]
_charge = {pool: answered(f"charge_{pool}") for pool in POOLS}
_ENDS = ("gives_up_unpaid", "ends_as_cancelled", "lapses")
_bank_kept = eq(var("downgrade_bank"), "keep")
_bank_frozen = eq(var("lapse_bank"), "frozen")
_pools_open = any_of(one_of(status, ACTIVE, CANCELLING), all_of(eq(status, PAST_DUE), eq(var("past_due_spending"), "allowed")))
_VARIABLES = ("status", "plan", "scheduled_plan", *POOLS, "renewals_due", "daily_reset_due")


def _same(*terms: Term) -> Term:
    return all_of(*(eq(new(term), term) for term in terms))


def _safety(ranking: tuple[str, ...]) -> tuple[Claim, ...]:
    relaxes = [
        implies(all_of(eq(plan, name), eq(media, medium)), var(f"relaxed[{name},{medium}]"))
        for name in ranking
        for medium in ("image", "video")
    ]
    is_relaxed = eq(answered("mode"), "relaxed")
    return (
        claim(
            1,
            "balances_never_negative",
            "No pool ever holds less than nothing.",
            "F04 A06",
            state("pools", all_of(*(pool >= 0 for pool in _pools)), all_of(eq(status, ACTIVE), eq(daily, 0), eq(fast, 0))),
        ),
        claim(
            2,
            "bank_within_three_months",
            "The bank holds at most three months of the present plan's allowance, and where a policy lets it keep more, "
            "it never grows.",
            "F06",
            step(
                "ceiling",
                any_of(
                    new(rollover) <= new(ceiling),
                    all_of(
                        new(rollover) <= rollover,
                        any_of(all_of(_bank_kept, ne(new(status), FREE)), all_of(_bank_frozen, eq(new(status), FREE))),
                    ),
                ),
                all_of(eq(_rule, "renews"), eq(new(rollover), new(ceiling)), new(ceiling) > 0),
            ),
        ),
        claim(
            3,
            "pools_within_allowance",
            "Fast tokens never exceed the plan's allowance, nor daily ones the day's.",
            "F03 F05 F10",
            state("fast", fast <= allowance, all_of(eq(fast, allowance), fast > 0)),
            state("daily", daily <= daily_allowance, eq(daily, daily_allowance)),
        ),
        claim(
            4,
            "relaxed_only_when_empty",
            "Unlimited generation happens only when no token is left, on a plan and for a medium that has it, "
            "with one of the house's own models, and costs nothing.",
            "F09 F17 F18 F19 F20",
            step(
                "conditions",
                implies(
                    is_relaxed,
                    all_of(
                        any_of(eq(total(*_app), 0), eq(var("stranded_remainder"), "relax")),
                        one_of(status, ACTIVE, CANCELLING),
                        eq(origin, "first_party"),
                        *relaxes,
                    ),
                ),
                is_relaxed,
                "generate",
            ),
            step(
                "free_of_charge",
                implies(is_relaxed, all_of(_same(*_pools), *(eq(charge, 0) for charge in _charge.values()))),
                is_relaxed,
                "generate",
            ),
            step(
                "never_while_tokens_cover_the_cost",
                implies(is_relaxed, cost > ite(_pools_open, total(*_app), daily)),
                is_relaxed,
                "generate",
            ),
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
                    *(eq(flow(Kind.MOVED_IN, pool), 0) for pool in (daily, fast, topup, api)),
                    *(eq(flow(Kind.MOVED_OUT, pool), 0) for pool in (daily, rollover, topup, api)),
                ),
                flow(Kind.MOVED_OUT, fast) > 0,
            ),
            step(
                "gains_are_named",
                implies(
                    total(*(new(pool) for pool in _pools)) > total(*_pools),
                    one_of(
                        _event, "open_account", "subscribe", "upgrade", "renew", "daily_reset", "buy_topup", "buy_api", "refund"
                    ),
                ),
                total(*(new(pool) for pool in _pools)) > total(*_pools),
            ),
            LayerPart("accounts_apart", "an event of one account leaves every other account as it was"),
            LayerPart("transfer_refused", "a transfer is refused in every state"),
        ),
        claim(
            6,
            "topup_by_purchase_and_spending_alone",
            "Tokens from packs change by buying, spending and refunds alone, and pay only while the subscription allows it.",
            "F08 F24",
            step(
                "changes",
                implies(ne(new(topup), topup), one_of(_event, "buy_topup", "generate", "refund")),
                all_of(one_of(_rule, *_ENDS), topup > 0),
            ),
            step(
                "frozen_without_subscription",
                implies(negation(_pools_open), eq(_charge["topup"], 0)),
                all_of(eq(status, FREE), topup > 0),
                "generate",
            ),
        ),
        claim(
            7,
            "free_has_no_plan_tokens",
            "A free account has no fast tokens and no bank it could use.",
            "F05 F06",
            state("fast", implies(eq(status, FREE), eq(fast, 0)), all_of(eq(status, FREE), topup > 0)),
            state(
                "bank",
                implies(all_of(eq(status, FREE), negation(_bank_frozen)), eq(rollover, 0)),
                all_of(eq(status, FREE), topup > 0, negation(_bank_frozen)),
            ),
            step(
                "bank_unusable",
                implies(eq(status, FREE), _same(fast, rollover)),
                all_of(eq(status, FREE), rollover > 0),
                "generate",
            ),
        ),
    )


def _accounting(ranking: tuple[str, ...]) -> tuple[Claim, ...]:
    def net(pool: Term) -> Term:
        gained = total(*(flow(kind, pool) for kind in Kind if kind.adds))
        return gained - total(*(flow(kind, pool) for kind in Kind if not kind.adds))

    others = total(_charge["fast"], _charge["rollover"], _charge["topup"])
    fast_first = eq(var("burn_order"), "fast_rollover_topup")
    daily_first = eq(var("daily_position"), "first")
    is_paid = eq(answered("mode"), "tokens")
    included = lookup(new(plan), {name: var(f"api[{name}]") for name in ranking}, 0)
    new_period = one_of(_rule, "subscribes", "renews")
    granted_so_far, highest = var("granted_this_period"), var("highest_allowance")
    ghosts = (
        ghost(
            "granted_this_period",
            Tokens(),
            0,
            ite(new_period, flow(Kind.GRANTED, fast), granted_so_far + flow(Kind.GRANTED, fast)),
        ),
        ghost("highest_allowance", Tokens(), 0, ite(new_period, new(allowance), maximum(highest, new(allowance)))),
    )
    return (
        claim(
            8,
            "conservation",
            "Whatever a pool gained was granted, bought, refunded or moved in; whatever it lost was spent, expired or moved out.",
            "F10 F11",
            step(
                "each_pool",
                all_of(*(eq(new(pool), pool + net(pool)) for pool in _pools)),
                all_of(flow(Kind.MOVED_IN, rollover) > 0, flow(Kind.EXPIRED, fast) > 0),
            ),
            step(
                "lines_not_negative",
                all_of(*(flow(kind, pool) >= 0 for kind in Kind for pool in _pools)),
                flow(Kind.EXPIRED, daily) > 0,
            ),
            step(
                "spending_is_charged",
                all_of(*(eq(flow(Kind.SPENT, pool), _charge[name]) for name, pool in zip(POOLS, _pools, strict=True))),
                flow(Kind.SPENT, rollover) > 0,
            ),
        ),
        claim(
            9,
            "refused_changes_nothing",
            "A refused event leaves everything as it was.",
            "F02",
            LayerPart("refused_changes_nothing", "state, jobs, sessions and clocks are the same before and after a refusal"),
        ),
        claim(
            10,
            "one_grant_per_due_date",
            "A second run of a job changes nothing.",
            "F21 A03 A18",
            two_runs("daily", daily_reset_due, ("daily_reset",), ("daily_reset", "daily_reset"), _VARIABLES),
            two_runs("renewal", all_of(renewals_due >= 1, ne(status, FREE)), ("renew",), ("renew", "renew"), _VARIABLES),
            step(
                "settled",
                any_of(ne(_event, "renew"), new(renewals_due) < renewals_due),
                all_of(eq(_event, "renew"), renewals_due > 1),
            ),
            step("day_settled", negation(new(daily_reset_due)), eq(_rule, "resets_nothing"), "daily_reset"),
            LayerPart("due_as_the_clock_says", "a reset is due exactly when its clock shows an instant that is past"),
            step("not_before_its_time", all_of(renewals_due >= 1), eq(_rule, "renews"), "renew"),
            step("day_not_before_its_time", daily_reset_due, eq(_rule, "resets_free"), "daily_reset"),
        ),
        claim(
            11,
            "charge_equals_price",
            "What is charged is the price; its parts add up to it, and a pool pays only when those before it are empty.",
            "F01 F02 F07 F08",
            step(
                "adds_up",
                implies(is_paid, eq(total(*(_charge[pool] for pool in APP_POOLS)), cost)),
                all_of(_charge["fast"] > 0, _charge["topup"] > 0),
                "generate",
            ),
            step(
                "order",
                implies(
                    is_paid,
                    all_of(
                        implies(all_of(daily_first, others > 0), eq(new(daily), 0)),
                        implies(
                            all_of(negation(daily_first), _pools_open, _charge["daily"] > 0),
                            all_of(eq(new(fast), 0), eq(new(rollover), 0), eq(new(topup), 0)),
                        ),
                        implies(all_of(fast_first, _charge["rollover"] > 0), eq(new(fast), 0)),
                        implies(all_of(negation(fast_first), _charge["fast"] > 0), eq(new(rollover), 0)),
                        implies(_charge["topup"] > 0, all_of(eq(new(fast), 0), eq(new(rollover), 0))),
                    ),
                ),
                _charge["rollover"] > 0,
                "generate",
            ),
            step("api", eq(_charge["api"], cost), cost > 1, "api_generate"),
            step("quoted", eq(answered("cost"), var("listed_price")), var("listed_price") > 0, "quote"),
            LayerPart("refunded_once", "a charged job is refunded at most once"),
            LayerPart("quote_is_charged", "a generation at the price quoted for its action is charged exactly that"),
        ),
        claim(
            12,
            "plan_changes_keep_the_date",
            "No change of plan moves the renewal date.",
            "F26 F22",
            step(
                "clock",
                any_of(
                    all_of(eq(var("clock.renewal"), "keeps"), _same(renewals_due)),
                    all_of(eq(_event, "cancel"), eq(new(status), FREE)),
                ),
                eq(_event, "upgrade"),
                "upgrade",
                "downgrade",
                "resume",
                "cancel",
            ),
            LayerPart("date_stands", "the next renewal shown is the same before and after a plan change"),
        ),
        claim(
            13,
            "plan_changes_mint_nothing",
            "Within a period no more fast tokens are granted than the highest allowance passed through, "
            "and the bank gains nothing from a plan change.",
            "F25 A09",
            step(
                "grants",
                any_of(eq(var("upgrade_grant"), "full"), new(granted_so_far) <= new(highest), eq(new(status), FREE)),
                all_of(eq(_rule, "upgrades"), flow(Kind.GRANTED, fast) > 0),
                ghosts=ghosts,
            ),
            step(
                "full",
                any_of(ne(_event, "upgrade"), new(fast) <= new(allowance)),
                all_of(eq(_event, "upgrade"), eq(var("upgrade_grant"), "full")),
            ),
            step(
                "difference",
                implies(eq(var("upgrade_grant"), "difference"), eq(new(fast) - fast, new(allowance) - allowance)),
                all_of(eq(var("upgrade_grant"), "difference"), new(allowance) > allowance),
                "upgrade",
            ),
            step("bank", _same(rollover), rollover > 0, "upgrade", "downgrade", "resume"),
        ),
        claim(
            14,
            "app_and_api_apart",
            "No app event changes the API pool, apart from tokens that come with a plan; no API event changes an app pool.",
            "A11 A17",
            step(
                "app",
                implies(ne(new(api), api), one_of(_rule, "subscribes", "renews", "buys_api", "generates_by_api")),
                all_of(eq(_event, "generate"), api > 0),
            ),
            step("api", _same(*_app), _charge["api"] > 0, "buy_api", "api_generate"),
            step(
                "included", implies(new_period, eq(flow(Kind.GRANTED, api), included)), all_of(eq(_rule, "renews"), included > 0)
            ),
        ),
    )


def _jobs() -> tuple[Claim, ...]:
    both_due = all_of(daily_reset_due, renewals_due >= 1, ne(status, FREE))
    supplement = any_of(
        var("qualifies_for_daily"),
        # A plan without tokens leaves its subscriber as empty after the renewal as the supplement asks for.
        all_of(eq(topup, 0), any_of(eq(next_ceiling, 0), eq(next_allowance, 0))),
    )
    ends_subscription = eq(status, CANCELLING)
    jobs, other_order = ("renew", "daily_reset"), ("daily_reset", "renew")
    return (
        claim(
            15,
            "resets_commute",
            "The order of a daily and a monthly reset that are both due makes no difference, but for a subscriber's "
            "supplement and for the free allowance where the renewal ends the subscription.",
            "A05 F15 F03",
            two_runs("all_but_daily", both_due, jobs, other_order, tuple(v for v in _VARIABLES if v != "daily")),
            two_runs("daily", both_due, jobs, other_order, ("daily",), any_of(supplement, ends_subscription)),
        ),
        claim(
            16,
            "exactly_one_outcome",
            "Every event in every state is accepted by one rule or refused with one code.",
            "F14",
            LayerPart("one_outcome", "the reference reader, which looks at every rule, finds exactly one outcome"),
        ),
        claim(
            17,
            "never_stuck",
            "From every reachable state, without buying anything or paying for a renewal, some way leads to a generation.",
            "F14 F16 F21",
            LivenessPart(
                "generation",
                "account",
                "generate",
                (("cost", 1), ("media", "image"), ("origin", "first_party"), ("job_is_new", True)),
                (
                    "open_account",
                    "daily_reset_falls_due",
                    "daily_reset",
                    "renewal_falls_due",
                    "payment_failed",
                    "renew",
                    "lapse",
                    "cancel",
                ),
                ("renews",),
            ),
            awaits=(Method.EXPLORE,),
        ),
        claim(
            18,
            "late_equals_on_time",
            "Jobs that run late, in the order they fell due and with nothing between, give what they would have given on time.",
            "A03 A04",
            two_runs(
                "renewals",
                all_of(one_of(status, *SUBSCRIBED), eq(renewals_due, 0), eq(var("missed_renewals"), "each")),
                ("renewal_falls_due", "renew", "renewal_falls_due", "renew"),
                ("renewal_falls_due", "renewal_falls_due", "renew"),
                _VARIABLES,
            ),
            two_runs(
                "days",
                all_of(ne(status, ABSENT), negation(daily_reset_due)),
                ("daily_reset_falls_due", "daily_reset", "daily_reset_falls_due", "daily_reset"),
                ("daily_reset_falls_due", "daily_reset_falls_due", "daily_reset"),
                _VARIABLES,
            ),
            LayerPart("late_equals_on_time", "jobs run at the end in due order lead to the same account as jobs run on time"),
            awaits=(Method.PROVE,),
        ),
        claim(
            19,
            "repeated_id_changes_nothing",
            "An event id that comes again gets its first answer and changes nothing.",
            "F02",
            LayerPart("repeated_id", "a repeated id is answered as before, marked, and the account is the same before and after"),
            awaits=(),
        ),
        claim(
            20,
            "fresh_view_is_true",
            "A login or refresh shows the true balance, and a view is called impossible exactly when it was never true since.",
            "A07 A10 A08",
            LayerPart("fresh_is_current", "what a session fetches is the true balance of that moment"),
            LayerPart("verdict_is_right", "the verdict on a view agrees with the whole history of balances"),
            awaits=(),
        ),
        claim(
            21,
            "periods_tile",
            "Billing periods follow each other without gap or overlap, whenever one asks.",
            "F22 A04 A12 A13",
            LayerPart("periods_tile", "each instant lies in one period, and the clock's next renewal is that period's end"),
            awaits=(),
        ),
    )


@cache
def claims(ranking: tuple[str, ...]) -> tuple[Claim, ...]:
    """All claims, in the order of their numbers, for a catalogue with the plans of `ranking`."""
    return (*_safety(ranking), *_accounting(ranking), *_jobs())

"""Claims 30 and 31: what a generation may cost, and that holding more never hurts."""

from __future__ import annotations

from tokenspec.invariants.words import *
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, implies, negation, total, var
from tokenspec.machine.lang.claims import Claim, answered, claim
from tokenspec.spec.catalogue import MEDIA
from tokenspec.spec.words import *


def generating(ranking: tuple[str, ...], payable: Term) -> tuple[Claim, ...]:
    """Claims 30 and 31, for the plans of `ranking`; a listed price can be paid where `payable` is true."""
    refuses_remainder = eq(var("stranded_remainder"), "refuse")

    # The plan has unlimited generation for the medium, told plan by plan.
    covered = any_of(
        *(all_of(eq(plan, name), eq(media, medium), var(f"relaxed[{name},{medium}]")) for name in ranking for medium in MEDIA)
    )
    is_relaxed = eq(answered("mode"), "relaxed")
    return (
        claim(
            30,
            "named_action_costs_its_price",
            "Where a generation names its action, a charge in mode tokens is the action's listed price.",
            "F01 F02",
            step(
                "price",
                implies(
                    all_of(var("action_is_named"), eq(answered("mode"), "tokens")),
                    all_of(
                        var("price_is_listed"),
                        eq(total(*(charged[pool] for pool in APP_POOLS)), var("listed_price")),
                        eq(charged["api"], 0),
                    ),
                ),
                all_of(var("action_is_named"), eq(answered("mode"), "tokens")),
                "generate",
            ),
            where=payable,
        ),
        claim(
            31,
            "more_is_never_worse",
            "With more tokens, and all else equal, no generation is refused that was accepted (excepted is "
            "`stranded_remainder = refuse`, where a remainder stands in the way of unlimited generation); after a failed payment "
            "as `past_due_spending` says.",
            "F09 F19",
            # What accepts it are two conditions, and none of them is lost with more tokens: the price is covered, or it is of a
            # kind that goes on unlimited, in which no balance stands. Claim 16 says that either of them suffices.
            step(
                "accepted_by_what_more_tokens_keep",
                any_of(
                    all_of(is_relaxed, refuses_remainder),
                    cost <= can_spend,
                    all_of(is_relaxed, counts_as_active, covered, eq(origin, "first_party")),
                ),
                all_of(is_relaxed, negation(refuses_remainder), can_spend > 0),
                "generate",
            ),
            step("accepted_by_api_tokens", cost <= api, cost > 1, "api_generate"),
        ),
    )

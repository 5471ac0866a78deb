"""The open questions: where the documents are silent or disagree, each a policy with every admissible choice.

The first choice is the default. An implementation with another one is not wrong; it conforms under that choice.
"""

from __future__ import annotations

from tokenspec.machine.lang.build import cites
from tokenspec.machine.lang.declaration import Parameter, Policy
from tokenspec.machine.lang.types import Enum


def _policy(name: str, clauses: str, why: str, **answers: str) -> Policy:
    members = tuple(answers)
    return Policy(Parameter(name, Enum(name, members), members[0], why), tuple(answers.items()), why, cites(clauses))


# fmt: off
POLICIES: tuple[Policy, ...] = (
    _policy("burn_order", "F07 F08",
            "the FAQ puts fast tokens before the bank, one stored edition of the pack article the bank before fast tokens",
            fast_rollover_topup="fast tokens, then the bank, then packs",
            rollover_fast_topup="the bank, then fast tokens, then packs"),
    _policy("daily_position", "A01",
            "no document says whether a subscriber's daily tokens pay before or after the others",
            first="daily tokens pay first",
            last="daily tokens pay when everything else is gone"),
    _policy("daily_reset_clock", "A02 F21 A12",
            "a fixed time of day and 24 hours from one's own start are both stated",
            utc_time_of_day="every day at the account's reset time, in UTC",
            every_24h_from_opening="every full 24 hours after the account was opened"),
    _policy("paid_daily_guard", "F15 A01 A17",
            "read to the letter, a subscriber with a full month of fast tokens qualifies for the daily top-up; the article "
            "calls daily tokens a supplement of paid plans",
            out_of_tokens="the top-up comes when no pool the account may spend, daily apart, holds a token",
            bank_and_topup_empty="the top-up comes when bank and packs are empty, whatever fast tokens are left",
            always="the top-up comes at every daily reset, whatever is left"),
    _policy("paid_daily_leftover", "F10",
            "the sentence on unused daily tokens speaks of free accounts only",
            expires="a subscriber's unused daily tokens are gone at the daily reset too",
            kept="a subscriber keeps them until they are spent"),
    _policy("upgrade_grant", "A09 F25",
            "a wrong balance after plan changes is reported, the right figure is not published",
            difference="the difference of the two allowances is added",
            full="fast tokens are set to the new allowance",
            next_renewal="nothing is added before the next renewal"),
    _policy("downgrade_bank", "F06",
            "what becomes of a bank above the lower plan's ceiling is unpublished",
            truncate="the bank is cut to the new ceiling",
            keep="the bank is kept, and nothing is added while it is above the ceiling"),
    _policy("lapse_bank", "F06",
            "one official sentence says the bank is cancelled, another that it cannot be used",
            destroyed="the bank is gone when the subscription ends",
            frozen="the bank is kept unusable and comes back with a new subscription, up to its ceiling"),
    _policy("month_end", "F22",
            "no document says when a subscription of the 29th, 30th or 31st renews in a short month",
            return_to_day="on the last day of a short month, on the original day again afterwards",
            stay_clamped="once moved to an earlier day, on that day for good"),
    _policy("missed_renewals", "A04",
            "no document says what a billing job owes that runs after two anniversaries",
            each="every missed anniversary is made good, oldest first",
            once="one renewal settles them all"),
    _policy("refund", "F02",
            "whether failed generations are refunded, and into which pool, is unpublished",
            to_source="each part returns to the pool it came from",
            none="nothing is refunded"),
    _policy("stranded_remainder", "F09 F19",
            "running out is not defined for a balance above 0 and below the cost",
            refuse="a generation that the remainder cannot pay is refused",
            relax="it runs unlimited, and the remainder stays",
            drain="it runs unlimited, and the remainder is charged"),
    _policy("past_due_spending", "F09 F12 F24",
            "whether a subscription with a failed payment counts as active is unpublished",
            frozen="only daily tokens can be spent until the payment arrives",
            allowed="all pools can be spent as before",
            as_active="all pools can be spent, packs bought and unlimited generation used, as before"),
    _policy("renewal_time", "A04",
            "the article names the day of the renewal, whatever the hour of subscribing, and not the hour of that day",
            same_instant="at the time of day at which the subscription began",
            start_of_day="at 00:00 UTC of the anniversary's day"),
    _policy("downgrade_timing", "A09",
            "the article speaks of downgrades within a cycle, and no document says when one takes effect",
            at_renewal="the lower plan begins at the next renewal",
            at_once="it begins at once, and the difference of the two allowances is taken from the fast tokens"),
    _policy("api_renewal", "A17",
            "whether a month adds its API tokens to what is left, or fills up to them, is unpublished",
            adds="the included API tokens are added",
            refills="the API pool is filled up to the included number, if it holds less"),
    _policy("api_refund", "A11",
            "whether failed generations through the API are refunded is unpublished",
            none="nothing is refunded",
            to_source="the whole charge returns to the API pool"),
    _policy("repeated_id", "F02",
            "what an interface answers to a retry is unpublished, and real ones do each of these",
            first_answer="a record under a used id gets the first answer again, and nothing runs",
            present_state="it gets what the first answer said of the event, with the state of now",
            refused="it is refused"),
    _policy("refused_id", "F02",
            "whether a refused attempt uses its id up is unpublished",
            kept="an id is used whatever came of its event",
            free="an id whose event was refused is as if never used"),
)
# fmt: on

DEFAULTS: dict[str, str] = {p.name: p.answers[0][0] for p in POLICIES}

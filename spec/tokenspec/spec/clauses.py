"""The clause register: what the two public documents say, one sentence a clause, in our own words.

F clauses come from the official FAQ, A clauses from a third-party article on resets that do not arrive.
Each clause is cited by a rule, a requirement, a policy, a clock or a claim; one that nothing cites fails the build.
"""

from __future__ import annotations

CLAUSES: dict[str, str] = {
    "F01": "What an action costs depends on feature, model, settings, size, and how many images and references it involves.",
    "F02": "The cost is known before the action starts, and exactly that is charged.",
    "F03": "A free account may spend 150 tokens a day.",
    "F04": "The balance is shown pool by pool, beside the name of the plan.",
    "F05": "Each paid plan grants a fixed number of fast tokens a month.",
    "F06": "Fast tokens left over go to a bank whose size is three months of the allowance.",
    "F07": "The bank pays only once the fast tokens are gone.",
    "F08": "Packs of fixed size are on sale to subscribers at any time and pay after fast tokens and bank.",
    "F09": "On a plan with unlimited generation, generating goes on at no cost once all pools are empty.",
    "F10": "Daily tokens are not saved up: what a day leaves is lost at the reset.",
    "F11": "Leftover fast tokens move to the bank when the billing cycle ends.",
    "F12": "Packs are small or large, sold in any number, and only with an active subscription.",
    "F13": "Tokens stay with their account: no gift, no transfer.",
    "F14": "A free account without tokens waits for the daily reset, whose time it can look up.",
    "F15": "A subscriber with nothing in the bank and no pack left is topped up to the daily allowance at the daily reset.",
    "F16": "A subscriber who runs out may buy packs.",
    "F17": "Unlimited generation covers images on Premium, images and video on Ultimate, and nothing elsewhere.",
    "F18": "Unlimited generation is slower and free of charge.",
    "F19": "Unlimited generation begins by itself when tokens run out; nobody can turn it on.",
    "F20": "Models of third parties always cost tokens.",
    "F21": "The daily reset is due every 24 hours; a reset missing for more than 48 hours is a case for support.",
    "F22": "The monthly reset falls on the day of the month on which the subscription began.",
    "F23": "A monthly reset that stays out for that whole day is a case for support.",
    "F24": "Tokens from packs never expire, but pay only while a subscription is active.",
    "F25": "A higher plan gives more tokens each month.",
    "F26": "Changing to a higher plan leaves the billing date alone.",
    "A01": "Daily and subscription tokens are separate pools that reset differently; subscribers get the daily one on top.",
    "A02": "The daily reset happens at a fixed UTC time of day, whenever the user signed up or was last seen.",
    "A03": "The daily reset is a batch job and may run hours late, one to four as a rule.",
    "A04": "The monthly reset follows the anniversary of subscribing, whatever the hour was.",
    "A05": "Neither reset waits for the other.",
    "A06": "Daily and subscription tokens are listed apart in the breakdown.",
    "A07": "A session keeps showing the balance it fetched; logging in again or refreshing fetches the true one.",
    "A08": "In local time the daily reset rarely falls on midnight.",
    "A09": "A plan change in mid-cycle should add the difference of the allowances, and is known to go wrong.",
    "A10": "Two devices of one account may show two different balances.",
    "A11": "API tokens are another pool, which the main breakdown leaves out.",
    "A12": "Each account can look up its own reset time.",
    "A13": "Before the anniversary no monthly tokens are due, whatever happened to the daily ones.",
    "A14": "A balance off by more than a fifth of the allowance after all checks is a real fault.",
    "A15": "An account is for one person; shared ones drain in ways that look like missed resets.",
    "A16": "Tokens can be bought beside the plan.",
    "A17": "A plan may come with API tokens as well.",
    "A18": "Whoever misses a daily reset should wait for the next mark of the account's reset time.",
}

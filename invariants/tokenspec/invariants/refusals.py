"""When each event is refused, and with which code: the table of the requirements, restated for claim 16.

Each condition is said in words of its own. Where the declaration asks for what must be, it lists what may not be, and
what the declaration looks up it spells out plan by plan, so that a wrong requirement does not agree with itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from tokenspec.invariants.words import *
from tokenspec.machine.lang import claims as of_machines
from tokenspec.machine.lang.build import Term, Termlike, all_of, any_of, eq, implies, ne, negation, one_of, var
from tokenspec.machine.lang.claims import RefusalPart
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.spec.catalogue import MEDIA
from tokenspec.spec.system import IN
from tokenspec.spec.words import *

_SUBSCRIBED = ("subscription_must_exist", negation(one_of(status, ABSENT, FREE)))
_ACTIVE = ("subscription_must_be_active", negation(one_of(status, ABSENT, FREE, CANCELLING, PAST_DUE)))
_DUE = ("renewal_must_be_due", renewals_due > 0)
_SETTLED = ("renewal_must_not_be_due", renewals_due < 1)
_PRICED = ("cost_must_be_at_least_one", cost > 0)
_NEW_JOB = ("job_must_be_new", var("job_is_new"))


def _refuses(event: str, *refusals: tuple[str, Termlike]) -> RefusalPart:
    return refuses(event, ("account_must_exist", one_of(status, *OPENED)), *refusals)


def refusals(ranking: tuple[str, ...]) -> tuple[RefusalPart, ...]:
    """A part for each event, for the plans of `ranking`."""
    paid = ranking[1:]
    listed = ("plan_must_exist", one_of(plan_asked, *ranking))
    not_free = ("plan_must_be_paid", one_of(plan_asked, *paid, UNLISTED))
    higher = any_of(*(all_of(eq(plan, low), one_of(plan_asked, *ranking[rank:])) for rank, low in enumerate(ranking, 1)))
    lower = any_of(*(all_of(eq(plan, high), one_of(plan_asked, *ranking[:rank])) for rank, high in enumerate(ranking)))
    return (
        refuses("open_account", ("account_must_be_new", negation(one_of(status, *OPENED)))),
        _refuses("subscribe", ("account_must_be_free", negation(one_of(status, *SUBSCRIBED))), listed, not_free),
        _refuses("upgrade", _ACTIVE, _SETTLED, listed, ("plan_must_be_higher", higher)),
        _refuses("downgrade", _ACTIVE, _SETTLED, listed, not_free, ("plan_must_be_lower", lower)),
        _refuses("cancel", ("subscription_must_be_active_or_past_due", negation(one_of(status, FREE, CANCELLING)))),
        _refuses("resume", ("change_must_be_scheduled", _takes_back(paid)), _SETTLED),
        _refuses("renewal_falls_due", _SUBSCRIBED),
        _refuses("renew", _SUBSCRIBED, _DUE),
        _refuses("payment_failed", _ACTIVE, _DUE),
        _refuses("lapse", ("subscription_must_be_past_due", negation(one_of(status, FREE, ACTIVE, CANCELLING)))),
        _refuses("daily_reset_falls_due"),
        _refuses("daily_reset", ("daily_reset_must_be_due", daily_reset_due)),
        _refuses(
            "buy_topup",
            ("subscription_must_be_active_or_cancelling", negation(any_of(eq(status, FREE), _unpaid()))),
            ("pack_must_exist", negation(eq(pack_asked, UNLISTED))),
            ("quantity_must_be_at_least_one", quantity > 0),
            ("balance_must_stay_countable", negation(topup + pack_size * quantity > COUNTABLE_MAX)),
        ),
        _refuses(
            "buy_api",
            ("amount_must_be_at_least_one", amount > 0),
            ("balance_must_stay_countable", negation(api + amount > COUNTABLE_MAX)),
        ),
        _refuses("transfer", ("tokens_cannot_be_transferred", False)),
        _generate(ranking),
        _refuses(
            "refund",
            ("api_jobs_cannot_be_refunded", negation(all_of(by_api, eq(var("api_refund"), "none")))),
            ("refunds_must_be_offered", negation(all_of(negation(by_api), eq(var("refund"), "none")))),
            ("job_must_have_been_charged", var("job_was_charged")),
            ("job_must_not_be_refunded_already", negation(var("job_is_refunded"))),
        ),
        _refuses("api_generate", _PRICED, _NEW_JOB, ("api_tokens_must_cover_cost", api - cost >= 0)),
        _refuses("enable_relaxed", ("relaxed_cannot_be_switched_on", False)),
        _refuses("quote", ("price_must_be_listed", var("price_is_listed"))),
        *_of_sessions(),
    )


def _of_sessions() -> Iterator[RefusalPart]:
    """Of one session, whichever it is."""
    is_in = one_of(var("session_state"), *IN)
    for name in ("login", "refresh", "logout", "view"):
        own = ("session_must_be_logged_out", negation(is_in)) if name == "login" else ("session_must_be_logged_in", is_in)
        exists = ("account_must_exist", ne(var("account_exists"), False))
        yield of_machines.refuses(name, exists, own, machine="session")


def _unpaid() -> Term:
    return all_of(eq(status, PAST_DUE), one_of(var("past_due_spending"), "frozen", "allowed"))


def _takes_back(paid: tuple[str, ...]) -> Term:
    return any_of(eq(status, CANCELLING), all_of(eq(status, ACTIVE), one_of(scheduled_plan, *paid)))


def _generate(ranking: tuple[str, ...]) -> RefusalPart:
    """Tokens serve, or unlimited generation does; else the one condition of the latter is named that fails alone."""
    unlimited = [(name, medium, var(f"relaxed[{name},{medium}]")) for name in ranking for medium in MEDIA]
    short = cost > can_spend
    empty = any_of(can_spend < 1, one_of(var("stranded_remainder"), "relax", "drain"))
    counts = negation(any_of(eq(status, FREE), _unpaid()))
    covered = any_of(*(all_of(eq(plan, name), eq(media, medium), has) for name, medium, has in unlimited))
    offered = any_of(*(all_of(eq(plan, name), has) for name, _, has in unlimited))
    own = negation(eq(origin, "third_party"))
    return _refuses(
        "generate",
        ("model_must_be_listed", negation(eq(var("model_is_known"), False))),
        ("model_must_be_on_plan", negation(all_of(var("model_is_paid_only"), eq(status, FREE)))),
        _PRICED,
        ("action_must_be_listed", negation(all_of(var("action_is_named"), negation(var("price_is_listed"))))),
        ("cost_must_be_the_listed_price", implies(var("action_is_named"), negation(ne(cost, var("listed_price"))))),
        _NEW_JOB,
        ("tokens_must_be_used_up_before_relaxed", negation(all_of(short, negation(empty), counts, covered, own))),
        ("medium_must_be_relaxed_on_plan", negation(all_of(short, empty, counts, negation(covered), offered, own))),
        ("third_party_model_must_be_paid_with_tokens", negation(all_of(short, empty, counts, covered, negation(own)))),
        ("tokens_must_cover_cost", negation(all_of(short, negation(all_of(empty, counts, covered, own))))),
    )

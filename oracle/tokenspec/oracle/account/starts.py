"""The situations in which random runs of the shipped account begin."""

from __future__ import annotations

from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.fuzz.starts import NOTHING, OPENED, Starts
from tokenspec.oracle.runtime.script import Script, Wait, move

MONTH = Wait(("renewal",))


def _script(catalogue: Figures, start: str, plan: str, time_of_day: str) -> Script:
    """Returns the events that bring an account to the start of a run; the only wait is for the renewal."""
    ranking, plans = catalogue.ranking, catalogue.plans
    everything = min(COUNTABLE_MAX, catalogue.daily + plans[plan]["allowance"])
    spent = move("generate", job="j", cost=everything, media="image", origin="first_party")
    pack = move("buy_topup", pack=next(iter(catalogue.packs), ""), quantity=1)
    lower = move("downgrade", plan=ranking[ranking.index(plan) - 1] if ranking.index(plan) > 1 else plan)
    subscribed = (move("open_account"), move("subscribe", plan=plan))
    renew, failed = move("renew"), move("payment_failed")
    return {
        NOTHING: (),
        OPENED: (move("open_account", daily_reset_time=time_of_day),),
        "with a pack": (*subscribed, pack),
        "subscribed": subscribed,
        "emptied": (*subscribed, spent),
        "cancelled": (*subscribed, pack, move("cancel")),
        "renewal due": (*subscribed, MONTH, move("login", session="s1")),
        "past due": (*subscribed, pack, MONTH, failed),
        "changed": (*subscribed, pack, lower),
        "full bank": (*subscribed, *(MONTH, renew) * 3, lower, MONTH),
        "lapsed": (*subscribed, pack, MONTH, renew, MONTH, failed, move("lapse")),
    }[start]


_NAMES = (OPENED, "subscribed", "emptied", "cancelled", "renewal due", "past due", "changed", "full bank", "lapsed", NOTHING)
STARTS = Starts(
    _NAMES, _script, lambda catalogue: catalogue.ranking[1:] or catalogue.ranking, "plan", of_other=("with a pack", OPENED)
)

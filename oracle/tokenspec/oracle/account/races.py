"""Races of the shipped account: where they begin, and what is drawn more often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tokenspec.machine.lang.catalogue import Figures
from tokenspec.oracle.account.starts import MONTH
from tokenspec.oracle.races.schedules import OTHER, Races
from tokenspec.oracle.runtime.script import Script, move
from tokenspec.spec.catalogue import DEFAULT


def _beginnings(catalogue: Figures, choose: Callable[[Sequence[Any], str], Any]) -> list[Script]:
    opened, subscribed = move("open_account"), move("subscribe", plan=choose(catalogue.ranking[1:], "plan"))
    charged = move("generate", job="j0", cost=100, media=choose(("image",), "media"), origin="first_party")
    pack = move("buy_topup", pack=choose(tuple(catalogue.packs), "pack"), quantity=1)
    return [
        (),
        (opened,),
        (opened, charged),
        (opened, subscribed),
        (opened, subscribed, charged),
        (opened, subscribed, pack, move("login", session="s1")),
        (opened, subscribed, pack, move("cancel")),
        (opened, subscribed, MONTH, move("payment_failed")),
    ]


RACES = Races(
    _beginnings,
    looks=(move("enable_relaxed"), move("quote", action="no such action"), move("transfer", to=OTHER, amount=1)),
    often={"generate": 4, "refund": 2, "buy_topup": 2},
    charges={"api_generate": ("api",)},
    values={
        "plan": DEFAULT.ranking[1:],
        "quantity": (1, 2),
        "amount": (1, 100),
        "media": ("image", "image", "video"),
        "origin": ("first_party", "first_party", "third_party"),
        "session": ("s1", "s1", "s2"),
    },
)

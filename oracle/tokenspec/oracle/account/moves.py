"""Next events of the shipped account in a search for runs: amounts at which another rule or refusal begins to apply.

A move is a record without account and instant. The amounts are derived from the current account; names of
plans, packs and actions come from the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.specification import POOLS, TOTAL_POOLS
from tokenspec.oracle.fuzz.moves import Found
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.script import UNKNOWN, Move, move
from tokenspec.oracle.wire.protocol import JOBS

_FIRST, _THIRD = "first_party", "third_party"


def moves(account: Account, at: Mapping[str, int], catalogue: Figures) -> Iterator[Found]:
    """Yields every move worth trying, the plainest first; `at` is the index of each variable in the account's row."""
    row: Any = account.row
    pools = {pool: row[at[pool]] for pool in POOLS}
    yield move("open_account"), True
    middle = catalogue.ranking[len(catalogue.ranking) // 2]
    for plan in (*catalogue.ranking[::-1], UNKNOWN):
        yield move("subscribe", plan=plan), plan == middle
        yield move("upgrade", plan=plan), True
        yield move("downgrade", plan=plan), True
    for event in ("cancel", "resume", *JOBS):
        yield move(event), True
    yield from _generations(account, pools)
    yield from _named(account, catalogue)
    yield from _purchases(pools, catalogue)
    for known in list(account.entries)[-2:]:
        yield move("refund", job=known), True
    yield move("refund", job="j0"), False
    yield move("transfer", to="b", amount=1), False
    yield move("enable_relaxed"), False
    for action in list(catalogue.prices)[:1]:
        yield move("quote", action=action), False
    yield move("quote", action=UNKNOWN), False


def _purchases(pools: Mapping[str, int], catalogue: Figures) -> Iterator[Found]:
    for pack in catalogue.packs:
        yield move("buy_topup", pack=pack, quantity=1), not pools["topup"]
    first = list(catalogue.packs.items())[:1]
    for pack, _ in first:
        yield move("buy_topup", pack=pack, quantity=2), False
    yield move("buy_topup", pack=UNKNOWN, quantity=1), False
    yield move("buy_topup", pack=UNKNOWN, quantity=0), False
    for pack, size in first:
        room = (COUNTABLE_MAX - pools["topup"]) // size
        for quantity in (0, room, min(COUNTABLE_MAX, room + 1)):
            yield move("buy_topup", pack=pack, quantity=quantity), False
    yield move("buy_api", amount=100), not pools["api"]
    room = COUNTABLE_MAX - pools["api"]
    for amount in dict.fromkeys((1, 0, room, min(COUNTABLE_MAX, room + 1))):
        yield move("buy_api", amount=amount), amount == room and not pools["api"]


def _generations(account: Account, pools: Mapping[str, int]) -> Iterator[Found]:
    job = f"j{len(account.entries) + 1}"
    app = [pools[pool] for pool in TOTAL_POOLS]
    sums = [sum(app[:n]) for n in range(1, len(app) + 1)]
    others = (app[1], app[1] + app[2], app[1] + app[3], app[2], app[3])
    goes_on = {1, app[0], app[0] + 1, sums[1], sums[1] + 1, sums[-1]}
    for cost in dict.fromkeys(n for s in (1, *sums, *others) for n in (s, s + 1)):
        yield _generation(job, cost, "image", _FIRST), cost in goes_on
    yield _generation(job, 0, "image", _FIRST), False
    for media, origin in (("video", _FIRST), ("image", _THIRD), ("video", _THIRD)):
        for cost in dict.fromkeys((1, app[0] + 1, sums[-1], sums[-1] + 1)):
            yield _generation(job, cost, media, origin), False
    for cost in dict.fromkeys((1, 0, pools["api"], min(COUNTABLE_MAX, pools["api"] + 1))):
        yield move("api_generate", job=job, cost=cost), cost == 1
    for known in list(account.entries)[:1]:
        for cost in dict.fromkeys((1, 0, sums[-1] + 1)):
            yield _generation(known, cost, "image", _FIRST), False
            yield move("api_generate", job=known, cost=min(cost, COUNTABLE_MAX)), False


def _named(account: Account, catalogue: Figures) -> Iterator[Found]:
    """Yields generations that name their model, or the action that they pay for."""
    job, image = f"j{len(account.entries) + 1}", "image"
    known = [
        next((n for n, m in catalogue.models.items() if m["paid_only"] is paid_only), UNKNOWN) for paid_only in (True, False)
    ]
    for model in dict.fromkeys((*known, UNKNOWN)):
        yield move("generate", job=job, cost=1, media=image, model=model), False
    listed = [(action, price + more) for action, price in list(catalogue.prices.items())[:1] for more in (0, 1)]
    for name, cost in (*listed, (UNKNOWN, 1)):
        yield move("generate", job=job, cost=cost, media=image, origin=_FIRST, action=name), False


def _generation(job: str, cost: int, media: str, origin: str) -> Move:
    return move("generate", job=job, cost=min(cost, COUNTABLE_MAX), media=media, origin=origin)

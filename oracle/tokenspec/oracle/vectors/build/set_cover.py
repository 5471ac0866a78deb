"""A small set of vectors that covers everything, and a lower bound on its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any


def few(goals: Sequence[Set[Any]], sizes: Sequence[int]) -> list[int]:
    """Returns indices of candidates that together cover every goal: chosen greedily, then without the dispensable ones.

    `goals[n]` are those of candidate n, and `sizes[n]` is its length; the shorter and earlier one is preferred.
    """
    bits: dict[Any, int] = {}
    for covered in goals:
        for goal in sorted(covered, key=repr):
            bits.setdefault(goal, 1 << len(bits))
    having = [sum(bits[goal] for goal in covered) for covered in goals]
    left = (1 << len(bits)) - 1
    chosen: list[int] = []
    while left:
        best = max(range(len(having)), key=lambda n: ((having[n] & left).bit_count(), -sizes[n], -n))
        chosen.append(best)
        left &= ~having[best]
    kept = list(chosen)
    for n in reversed(chosen):
        others = 0
        for other in kept:
            others |= having[other] if other != n else 0
        if not having[n] & ~others:
            kept.remove(n)
    return sorted(kept)


def at_least(goals: Sequence[Set[Any]]) -> int:
    """Returns a lower bound on the size of any choice that covers every goal: goals of which no two are in one candidate.

    Each of these goals takes a candidate of its own.
    """
    having: dict[Any, set[int]] = {}
    for n, covered in enumerate(goals):
        for goal in covered:
            having.setdefault(goal, set()).add(n)
    taken: set[int] = set()
    found = 0
    for goal in sorted(having, key=lambda g: (len(having[g]), repr(g))):
        if not having[goal] & taken:
            found += 1
            taken |= having[goal]
    return found


def only_by(finds: Mapping[str, Set[str]]) -> dict[str, list[str]]:
    """Returns, for each key, the elements that no other key has."""
    times: dict[str, int] = {}
    for found in finds.values():
        for each in found:
            times[each] = times.get(each, 0) + 1
    return {key: sorted(each for each in found if times[each] == 1) for key, found in finds.items()}

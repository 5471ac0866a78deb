"""The compared parts of answers in one form, so that most comparisons are one of two rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from msgspec import UNSET

from tokenspec.machine.interpreters.compiled import defined
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.wire.answers import BY_POOL, INSTANTS, LISTS, SAID, SUMS, TOTAL, TYPES, Answer, python_type, total

Row = tuple[Any, ...]

_NOTHING_OF_OURS = object()
"""A value that no right answer holds."""
_POOLS, _WHOLE = frozenset(POOLS), frozenset({int})


class ComparedParts:
    """The compared parts of answers: two rows are equal exactly where `differences` finds nothing.

    It holds for an implementation that names refusals as we do. Both rows are made by text written for what is observed.
    """

    def __init__(self, terms: Capabilities) -> None:
        space: dict[str, Any] = {"total": total, "UNSET": UNSET, "ODD": _NOTHING_OF_OURS, "of_pool": _of_pool}
        space |= {"by_pool": _by_pool, "as_set": _as_set, "instant": _instant, "whole": _WHOLE.issuperset}
        forms = [_forms(name) for name in terms.observes]
        ours, theirs = ("".join(f"{each}, " for each in row) for row in ([o for o, _ in forms], [t for _, t in forms]))
        self.of_ours: Callable[[Answer], Row] = defined(f"def of_ours(answer): return ({ours})", dict(space))
        """Gives the compared part of the right answer."""
        self.of_theirs: Callable[[Mapping[str, Any]], Row] = defined(f"def of_theirs(said): return ({theirs})", dict(space))
        """Gives the compared part of an answer off the wire; a field that it omits counts as null."""
        agree = " and ".join(map(_agreeing, terms.observes)) or "True"
        self.agree: Callable[[Answer, Mapping[str, Any]], bool] = defined(f"def agree(answer, said): return {agree}", space)
        """Returns whether the two rows are equal, most of which is seen without making them."""


def _forms(name: str) -> tuple[str, str]:
    """Returns the texts that give the compared form of an observed field of ours, and of theirs."""
    whole, _, pool = name.partition(".")
    said = f"said.get({whole!r})"
    if whole in BY_POOL:
        absent, nothing = ("0", "UNSET") if whole == "charge" else ("None", "{}")
        if not pool:
            return f"answer.{whole}", f"({nothing} if (v := {said}) is None else by_pool({absent}, {nothing}, v))"
        return f"(answer.{whole} or {{}}).get({pool!r}, {absent})", f"of_pool({pool!r}, {absent}, {said})"
    if whole in LISTS:
        return f"frozenset(answer.{whole} or ())", f"as_set({said})"
    if whole in INSTANTS:
        return f"answer.{whole}", f"instant({said})"
    # 1, 1.0 and true are equal in Python and three different things in an answer.
    of_type = "({absent} if (v := {said}) is None{more} else v if type(v) is {kind} else ODD)"
    # A text is equal to a text alone.
    of_text = "{said}" if whole not in SAID else "(UNSET if (v := {said}) is None else v)"
    if whole in SUMS:
        ours = "total(answer)" if whole == TOTAL else f"getattr(answer, {whole!r}, None)"
        return ours, of_type.format(absent="None", said=said, more="", kind="int")
    is_of_repeats = whole == "duplicate"
    kind = bool if is_of_repeats else python_type(whole) if whole in TYPES else str
    absent, more = "UNSET" if whole in SAID else "None", " or v is False" if is_of_repeats else ""
    form = of_text if kind is str else of_type
    return f"answer.{whole}", form.format(absent=absent, said=said, more=more, kind=kind.__name__)


def _agreeing(name: str) -> str:
    """Returns the text that compares an observed field; what is written as ours is equal, but for numbers of another type."""
    ours, theirs = _forms(name)
    if name in BY_POOL:
        return f"(((v := said.get({name!r})) == (o := {ours}) and v and whole(map(type, v.values()))) or {theirs} == o)"
    return f"(said.get({name!r}) == (o := {ours}) or {theirs} == o)" if name in INSTANTS else f"{theirs} == {ours}"


def _of_pool(pool: str, absent: Any, said: Any) -> Any:
    if said is not None and not isinstance(said, dict):
        return _NOTHING_OF_OURS
    tokens = (said or {}).get(pool)
    return absent if tokens is None else tokens if type(tokens) is int else _NOTHING_OF_OURS


def _by_pool(absent: Any, nothing: Any, said: Any) -> Any:
    # Nearly always it is whole numbers, of all pools, or of those that have some where the others count as 0.
    is_whole = type(said) is dict and said and _WHOLE.issuperset(map(type, said.values()))
    if is_whole and (said.keys() == _POOLS if absent is None else _POOLS.issuperset(said) and 0 not in said.values()):
        return said
    by_pool = {pool: _of_pool(pool, absent, said) for pool in POOLS}
    if all(tokens is None for tokens in by_pool.values()):
        return nothing
    return by_pool if absent is None else {pool: tokens for pool, tokens in by_pool.items() if tokens != 0} or nothing


def _as_set(said: Any) -> Any:
    if isinstance(said, list) and all(isinstance(each, str) for each in said):
        return frozenset(said)
    return frozenset() if said is None else _NOTHING_OF_OURS


def _instant(said: Any) -> Any:
    return said if said is None else _written(said) if type(said) is str else _as_written(said)


def _as_written(said: Any) -> Any:
    try:
        at = parse_instant(said) if isinstance(said, str) else said
        return format_instant(at) if type(at) is int else _NOTHING_OF_OURS
    except (ValueError, OverflowError):
        return _NOTHING_OF_OURS


_written = lru_cache(maxsize=4096)(_as_written)
"""The same of a text: what an account shows of its clocks is mostly what it showed before."""

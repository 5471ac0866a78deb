"""The compared part of an implementation's answer: the observed fields, in the words of the specification."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import IDS, POOLS, system
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.wire.answers import DELTA, Answer, total

Reasons = Mapping[str, frozenset[str]]
"""By an implementation's word for a refusal, the codes that are right for it."""


def reasons_from_file(path: Path) -> dict[str, frozenset[str]]:
    """Returns the words of a TOML file, each with a code or a list of codes. Raises `BadSetting`, `OSError`."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError, RecursionError) as fault:
        raise BadSetting(str(path), f"the file is not TOML: {fault}") from None
    codes = ({IDS.code} if IDS is not None else set()) | {need.code for event in system().events for need in event.requires}
    found: dict[str, frozenset[str]] = {}
    for word, meant in written.items():
        listed = meant if isinstance(meant, list) else [meant]
        for code in listed:
            if not isinstance(code, str):
                raise BadSetting(f"{path}: {word}", f"the value is a refusal code or a list of them, and {code!r} is neither")
            if code not in codes:
                rule = f"{code!r} is not one of the refusal codes{did_you_mean(code, sorted(codes))}"
                raise BadSetting(f"{path}: {word}", rule)
        if not listed:
            raise BadSetting(f"{path}: {word}", "the value is a refusal code or a list of them, and the list is empty")
        found[word] = frozenset(listed)
    # A code means itself where the file gives it no other meaning.
    return {code: frozenset({code}) for code in codes} | found


def observed(got: Mapping[str, Any], expected: Answer, terms: Capabilities, reasons: Reasons | None) -> dict[str, Any]:
    """Returns the part of `got` that counts, in the form in which a log holds it.

    A field it claims to observe but omits counts as null. With `reasons`, its word for a refusal is replaced by the code
    it maps to; of several codes, by the expected one if it is among them.
    """
    said: dict[str, Any] = {}
    for name in terms.observes:
        whole, _, pool = name.partition(".")
        pools = (pool,) if pool else POOLS if whole in ("charge", "balances") else ()
        answered = got.get(whole)
        if not pools or not (answered is None or isinstance(answered, dict)):
            said[whole] = answered
        else:
            absent = 0 if whole == "charge" else None
            given = {p: (answered or {}).get(p) for p in pools}
            said.setdefault(whole, {}).update({p: absent if tokens is None else tokens for p, tokens in given.items()})
    if reasons is not None and ("reason" in said or got.get("reason") is not None):
        said["reason"] = _translated(got.get("reason"), expected, reasons)
    return said


def asking(terms: Capabilities) -> dict[str, Any]:
    """Returns what a record needs for an answer with `delta`: the oracle computes that on demand only."""
    return {"observed": {DELTA: 0}} if DELTA in terms.observes else {}


def held(said: Mapping[str, Any], expected: Answer, terms: Capabilities) -> frozenset[str]:
    """Returns the observed fields that hold a value in the answer `said`, or in the right answer.

    Where both sides hold none, nothing was compared: null equals null whatever the implementation does.
    """
    right = {"total": total(expected)} | expected.as_dict()
    # With words for refusals the reason is compared even if it is not announced as observed.
    names = terms.observes if "reason" not in said else (*terms.observes, "reason")
    return frozenset(name for name in names if _holds(said, name) or _holds(right, name))


def _holds(answer: Mapping[str, Any], name: str) -> bool:
    """Returns true if a field holds a value other than its absence."""
    if name == "delta":
        # A refusal does nothing, whatever the implementation is.
        return answer.get(name) not in (None, 0)
    whole, _, pool = name.partition(".")
    value = answer.get(whole)
    if isinstance(value, dict):
        values = [value.get(pool)] if pool else list(value.values())
        return any(each is not None and not (whole == "charge" and each == 0) for each in values)
    return value is not None and value is not False and value != []


def _translated(word: Any, expected: Answer, reasons: Reasons) -> Any:
    if not isinstance(word, str):
        return word
    codes = reasons.get(word)
    if codes is None:
        return f"{word} (a word that --reasons does not hold)"
    return expected.reason if expected.reason in codes else min(codes, default=word)

"""Declarations that hold values of another kind than their places take: TS124; and every such value of a machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from purse.specification import PURSE

from lang.turnstile import ROOM, turnstile
from lang.wrong import RULE, Wrong, machine, unlocks
from lang.wrong_claims import RIGHT_CLAIMS
from tokenspec.machine.lang.build import requires
from tokenspec.machine.lang.derived.validate_specification import validate_specification
from tokenspec.machine.lang.validate_claims import validate_claims

_ANY: Any = 5
_NOTHING: Any = None

OF_NO_KIND: tuple[Any, ...] = (None, 5, [], lambda: None)
"""What is put in the place of each value."""

WRONG_KINDS: dict[str, Wrong] = {
    "a name that is a number": Wrong(
        "TS124", "machine 'turnstile', parameter 5", "name is int 5", machine(parameters=(replace(ROOM, name=_ANY),))
    ),
    "nothing for a sentence": Wrong("TS124", "machine 'turnstile'", "says is None", machine(says=_NOTHING)),
    "a reason that is a list": Wrong("TS124", f"machine 'turnstile', {RULE}", "why is list []", unlocks(why=[])),
    "a literal that is nothing": Wrong(
        "TS124",
        "machine 'turnstile', event 'pay', requirement 'coin_must_shine'",
        "value is None",
        machine(needs=(requires("coin_must_shine", _NOTHING, ""),)),
    ),
    "a rule that is a name": Wrong(
        "TS124", "machine 'turnstile', event 'pay'", "rules is str 'unlocks'", machine(rules=("unlocks",))
    ),
    "a claim with a sentence that is a number": Wrong(
        "TS124",
        f"claim {RIGHT_CLAIMS[0].id!r}",
        "sentence is int 5",
        lambda: validate_claims([replace(RIGHT_CLAIMS[0], sentence=_ANY)], [turnstile()]),
    ),
    "a hint that is no text": Wrong(
        "TS124",
        "specification 'purse'",
        "hints['bugs'] is int 5",
        lambda: validate_specification(replace(PURSE, hints={"bugs": _ANY})),
    ),
}


def with_one_wrong(part: Any) -> Iterator[tuple[str, Any]]:
    """`part` with each value in it replaced, one at a time, by each of `OF_NO_KIND`, with the place."""
    if is_dataclass(part) and not isinstance(part, type):
        for field in fields(part):
            for place, each in with_one_wrong(getattr(part, field.name)):
                yield f"{type(part).__name__}.{field.name}{place}", replace(part, **{field.name: each})
    elif isinstance(part, tuple):
        for number, inner in enumerate(part):
            for place, each in with_one_wrong(inner):
                yield f"[{number}] {place}", (*part[:number], each, *part[number + 1 :])
    for wrong in OF_NO_KIND:
        yield f" = {type(wrong).__name__}", wrong

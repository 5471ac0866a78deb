"""JSON in which no name stands twice in one object: of two values for one name, none is the right one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, TypeVar, overload

import msgspec

_T = TypeVar("_T")


def repeated_name(content: bytes, value: Any) -> tuple[str, ...] | None:
    """The way to the first name that stands twice in one object of `content`, of which `value` is the decoded form.

    None where there is none.
    """
    try:
        # Each name is followed by a colon, and so may be a quotation mark within a text: as many of them as names are proof
        # enough, at a tenth of the cost. White space before a colon is left to the slow way.
        if content.count(b'":') == _names(value) and not any(gap in content for gap in (b" :", b"\t:", b"\r:", b"\n:")):
            return None
        return _first_twice(json.loads(content, object_pairs_hook=_Object, parse_int=str, parse_float=str))
    except RecursionError:
        # It is nested deeper than anything that is read here.
        return ()


@overload
def decode(content: bytes) -> Any: ...
@overload
def decode(content: bytes, kind: type[_T]) -> _T: ...
def decode(content: bytes, kind: Any = Any) -> Any:
    """The JSON `content` as a value of the type `kind`. Raises `msgspec.DecodeError` as the library does, and for a name that
    stands twice."""
    value = msgspec.json.decode(content, type=kind)
    twice = repeated_name(content, value if kind is Any else msgspec.json.decode(content))
    if twice is not None:
        raise msgspec.ValidationError(f"the name {'.'.join(twice)} stands twice in one object")
    return value


def _names(value: Any) -> int:
    """How many names are left in all objects of `value`."""
    if type(value) is dict:
        found = len(value)
        for inner in value.values():
            kind = type(inner)
            if kind is dict or kind is list:
                found += _names(inner)
        return found
    return sum(map(_names, value)) if type(value) is list else 0


class _Object(dict[str, Any]):
    """An object with the first name that stands twice in it."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counted = Counter(name for name, _ in pairs)
        self.twice = next((name for name, times in counted.items() if times > 1), None)


def _first_twice(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, _Object) and value.twice is not None:
        return (value.twice,)
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        found = _first_twice(each)
        if found is not None:
            return (str(name), *found)
    return None

"""JSON in which no name occurs twice in one object: of two values for one name, neither is known to be the right one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, TypeVar, overload

import msgspec

_T = TypeVar("_T")


def repeated_name(content: bytes, value: Any) -> tuple[str, ...] | None:
    """Returns the path to the first name that occurs twice in one object of `content`, of which `value` is the decoded form.

    None where there is none.
    """
    try:
        # A colon follows each name, and may follow a quotation mark within a text: where the value has as many when it is
        # written again, no name is repeated (a tenth of the cost). What could be written otherwise takes the slow way.
        if content.count(b'":') == msgspec.json.encode(value).count(b'":') and not _is_odd(content):
            return None
        return _first_twice(json.loads(content, object_pairs_hook=_Object, parse_int=str, parse_float=str))
    except RecursionError:
        # The content is nested deeper than anything that is read here.
        return ()


@overload
def decode(content: bytes) -> Any: ...
@overload
def decode(content: bytes, kind: type[_T]) -> _T: ...
def decode(content: bytes, kind: Any = Any) -> Any:
    """Returns the JSON `content` as a value of type `kind`. Raises `msgspec.DecodeError` as the library does, and for a name
    that occurs twice."""
    value = msgspec.json.decode(content, type=kind)
    twice = repeated_name(content, value if kind is Any else msgspec.json.decode(content))
    if twice is not None:
        raise msgspec.ValidationError(f"the name {'.'.join(twice)} occurs twice in one object")
    return value


def _is_odd(content: bytes) -> bool:
    """Returns whether there is white space before a colon, or a character of a text is written as msgspec does not write it."""
    return b" :" in content or b"\\u00" in content or b"\t:" in content or b"\r:" in content or b"\n:" in content


class _Object(dict[str, Any]):
    """An object with the first name that occurs twice in it."""

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

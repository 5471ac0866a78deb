"""Faults of a declaration that show before an expression is read: in the kinds of its parts, in names, and in values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from keyword import iskeyword
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from tokenspec.machine.lang import declaration as d
from tokenspec.machine.lang.errors import DeclarationError
from tokenspec.machine.lang.types import Enum, Tokens, Type

LIVE_NAMES = ("rule", "refusal", "answer", "ledger", "machine", "state_values")
"""Attributes of a live object itself. Its variables and events are attributes too, so they cannot be called that."""
_IN_WORDS = {str: "a text", int: "a whole number", bool: "a truth value", type(None): "None"}
_NAMED_BY = ("name", "id", "code", "event", "key")
"""The fields by which a part is named in a message, the first of them that it has."""
_SOUND: dict[int, object] = {}
"""Parts in which every value is of the kind that its place takes, by identity. Parts are not changed once they are made."""
_MOST_SOUND = 1 << 18


def twice(names: Iterable[str], place: str, what: str) -> Iterator[DeclarationError]:
    """A fault for each name that stands among `names` more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            yield DeclarationError("TS102", place, f"{what} {name!r} is declared {count} times", "Rename one of them")


def unknown(names: Iterable[str], known: Collection[str], code: str, place: str, what: str) -> Iterator[DeclarationError]:
    """A fault for each of `names` that is not one of `known`, which are each `what`."""
    for name in names:
        if name not in known:
            yield DeclarationError(code, place, f"{name!r} is not {what}", f"Known here: {', '.join(known) or 'nothing'}")


def check_names(m: d.Machine) -> Iterator[DeclarationError]:
    """Every fault of the names of `m`, of its types, and of the values declared with them."""
    yield from _repeated(m)
    yield from _in_python(m)
    yield from _types(m)
    yield from _values(m)


def types_of_fields(m: d.Machine) -> dict[str, dict[Type, str]]:
    """For each field's name its types, which should be one, each with the first event that has it so."""
    found: dict[str, dict[Type, str]] = {}
    for event in m.events:
        for field in event.fields:
            found.setdefault(field.name, {}).setdefault(field.type, event.name)
    return found


def _repeated(m: d.Machine) -> Iterator[DeclarationError]:
    place = f"machine {m.name!r}"
    shared = [v.name for v in m.variables] + [p.name for p in m.all_parameters] + [x.name for x in m.definitions]
    told: set[str] = set()
    for event in m.events:
        names = [*dict.fromkeys(shared), *(f.name for f in event.fields)]
        yield from twice((n for n in names if n not in told), f"{place}, event {event.name!r}", "name")
        told |= {f.name for f in event.fields} & set(shared)
    yield from twice(shared, place, "name")
    yield from twice((e.name for e in m.events), place, "event")
    yield from twice((r.name for e in m.events for r in e.rules), place, "rule")
    yield from twice((c.name for c in m.clocks), place, "clock")
    yield from twice(m.pools, place, "pool")


def _in_python(m: d.Machine) -> Iterator[DeclarationError]:
    variables = [v.name for v in m.variables]
    named = [("variable", name) for name in variables] + [("event", e.name) for e in m.events]
    named += [("rule", r.name) for e in m.events for r in e.rules]
    for what, name in dict.fromkeys(named):
        place = f"{what} {name!r}"
        if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
            fix = "Write it with letters, digits and underscores, beginning with a letter"
            yield DeclarationError("TS115", place, f"{name!r} is not a public name that Python can spell", fix)
        elif what != "rule" and name in LIVE_NAMES:
            yield DeclarationError("TS115", place, f"a live object calls something else {name!r}", "Choose another name")
        elif what == "event" and name in variables:
            yield DeclarationError("TS115", place, f"a variable is called {name!r} too", "Rename one of them")


def _types(m: d.Machine) -> Iterator[DeclarationError]:
    typed = [(f"variable {v.name!r}", v.type) for v in m.variables]
    typed += [(f"parameter {p.name!r}", p.type) for p in m.all_parameters]
    typed += [(f"event {e.name!r}, field {f.name!r}", f.type) for e in m.events for f in e.fields]
    families: dict[tuple[str, ...], str] = {}
    for place, kind in typed:
        if (isinstance(kind, Enum) and not kind.members) or (isinstance(kind, Tokens) and kind.lo > kind.hi):
            yield DeclarationError("TS205", place, f"{kind} has no values", "Give it one")
        if isinstance(kind, Enum):
            families.setdefault(kind.order, place)
    for members, place in families.items():
        yield from twice(members, place, "member")
    for name, kinds in types_of_fields(m).items():
        if len(kinds) > 1:
            message = f"it has {len(kinds)} types: " + ", ".join(f"{kind} in {event!r}" for kind, event in kinds.items())
            yield DeclarationError("TS114", f"machine {m.name!r}, field {name!r}", message, "Rename the field in one of them")


def _values(m: d.Machine) -> Iterator[DeclarationError]:
    for p in m.all_parameters:
        if p.default is not None and not p.type.admits(p.default):
            yield DeclarationError("TS204", f"parameter {p.name!r}", f"{p.default!r} is not a {p.type}", "Mend the default")
    for policy in m.policies:
        place, kind, default = f"policy {policy.name!r}", policy.parameter.type, policy.parameter.default
        answers = [answer for answer, _ in policy.answers]
        for answer in answers:
            if not kind.admits(answer):
                yield DeclarationError("TS204", place, f"the answer {answer!r} is not a {kind}", "Mend the answer or the type")
        if answers[:1] != [default] and (default is None or kind.admits(default)):
            yield DeclarationError("TS204", place, f"the default {default!r} is not the first answer", "Put it first")
    kinds = {v.name: v.type for v in m.variables}
    parts: list[tuple[str, str, type[Type]]] = [("control", m.control, Enum), *(("pool", pool, Tokens) for pool in m.pools)]
    for what, name, wanted in parts:
        if name not in kinds:
            yield DeclarationError("TS101", f"machine {m.name!r}", f"{what} {name!r} is not declared", "Name a variable")
        elif not isinstance(kinds[name], wanted):
            fix = f"Name a variable of type {wanted.__name__}"
            yield DeclarationError("TS203", f"machine {m.name!r}", f"{what} {name!r} is {kinds[name]}", fix)


def check_kinds(part: object) -> list[DeclarationError]:
    """Returns a fault for each value in `part` that is of another kind than its field says, such as a number for a name.

    Nothing else can be read where there is such a fault.
    """
    seen: dict[int, object] = {}
    faults = list(_within(part, _place("", part), seen))
    if not faults:
        if len(_SOUND) > _MOST_SOUND:
            _SOUND.clear()
        _SOUND.update(seen)
    return faults


def _within(part: Any, place: str, seen: dict[int, object]) -> Iterator[DeclarationError]:
    # Expressions share their parts, and a machine with a seeded fault nearly all of them with the right one.
    if id(part) in seen or id(part) in _SOUND:
        return
    seen[id(part)] = part
    for name, kind in _kinds(part.__class__).items():
        yield from _faults(getattr(part, name), kind, place, name, seen)


def _faults(value: object, kind: Any, place: str, name: str, seen: dict[int, object]) -> Iterator[DeclarationError]:
    if not _is_of(value, kind):
        message = f"{name} is {_shown(value)}"
        yield DeclarationError("TS124", place, message, f"Give {_in_words(kind)}")
    elif is_dataclass(value):
        yield from _within(value, _place(place, value), seen)
    elif isinstance(value, tuple) and get_origin(kind) is tuple:
        inside = get_args(kind)
        for number, each in enumerate(value):
            yield from _faults(each, inside[0 if inside[-1] is Ellipsis else number], place, name, seen)
    elif isinstance(value, Mapping) and get_origin(kind) is Mapping:
        inside = get_args(kind)
        for key, each in value.items():
            yield from _faults(key, inside[0], place, name, seen)
            # Lists of values have types of their own to fit.
            if not isinstance(each, tuple):
                yield from _faults(each, inside[1], place, f"{name}[{key!r}]", seen)


def _is_of(value: object, kind: Any) -> bool:
    origin, inside = get_origin(kind), get_args(kind)
    if kind is Any or getattr(kind, "_is_protocol", False):
        return True
    if origin in (Union, UnionType):
        return any(_is_of(value, each) for each in inside)
    if origin is tuple:
        return isinstance(value, tuple) and (inside[-1] is Ellipsis or len(inside) == len(value))
    # Where a number has to be whole, its range is looked at too.
    found: bool = isinstance(value, int | float if kind is int else origin or kind)
    return found


@lru_cache(maxsize=256)
def _kinds(part: type) -> dict[str, Any]:
    hints = get_type_hints(part)
    return {field.name: hints[field.name] for field in fields(part)} if is_dataclass(part) else {}


def _place(place: str, part: Any) -> str:
    """Returns the place of `part` within `place`, by the kind and the name of it, if it has a name."""
    named = next((name for name in _NAMED_BY if name in _kinds(part.__class__)), None)
    own = "" if named is None else f"{type(part).__name__.lower()} {getattr(part, named)!r}"
    return ", ".join(filter(None, (place, own)))


def _shown(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:60] + '...'}" if value is not None else "None"


def _in_words(kind: Any) -> str:
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_in_words, inside)))
    if origin is tuple:
        each = [_in_words(part) for part in inside if part is not Ellipsis]
        return f"a tuple, each of which is {each[0]}" if inside[-1] is Ellipsis else f"a tuple of {' and '.join(each)}"
    return _IN_WORDS.get(kind) or f"a {(origin or kind).__name__}"

"""The oracle's answer to an event, and its comparison with an observed answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from tokenspec.machine.lang.claims import answer_types
from tokenspec.machine.lang.types import Bool, Tokens, Type
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.specification import POOLS, SPEC, TOTAL_POOLS, account, machines

_EVENTS = [event for machine in machines() for event in machine.events]
_SAID_BY_RULES = dict.fromkeys("charge" if name.startswith("charge_") else name for e in _EVENTS for name in e.answers)
SAID_BY_RULES = SPEC.answer.said or tuple(_SAID_BY_RULES)
"""The names of what rules answer."""
SHOWN = tuple(shown.variable for shown in SPEC.answer.state)
"""The variables of the account that an answer shows."""
NULLS = {shown.variable: shown.null for shown in SPEC.answer.state}
"""The values of variables that an answer shows as null."""
TYPES: dict[str, Type] = {v.name: v.type for v in account().variables if v.name in SHOWN}
for _machine in machines():
    TYPES |= answer_types(_machine)
"""The types of what an answer shows of variables, and of what rules answer."""
INSTANTS = tuple(SPEC.answer.clocks.values())
"""The names of due instants."""
LISTS = {shown.name: shown for shown in SPEC.answer.lists}


class AnswerBase(msgspec.Struct, frozen=True, gc=False):
    """The answer to one event. Fields that do not apply are left out; without an account the state fields are None.

    Balances and charges are tokens by pool; instants are RFC 3339 in UTC. The fields are those that the specification declares.
    """

    def as_dict(self) -> dict[str, Any]:
        """Returns the answer as a record holds it."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


def python_type(name: str, number: Any = int) -> Any:
    """Returns the type of a value in an answer; `number` is that of a number."""
    kind = TYPES[name]
    return number if isinstance(kind, Tokens) else bool if isinstance(kind, Bool) else str


def _fields() -> Iterator[tuple[Any, ...]]:
    yield "outcome", str
    yield "reason", str | UnsetType, UNSET
    for name in SAID_BY_RULES:
        yield name, (dict[str, int] if name == "charge" else python_type(name)) | UnsetType, UNSET
    for name in SHOWN:
        yield name, python_type(name) | None, None
    yield "balances", dict[str, int], {}
    for name in LISTS:
        yield name, list[str] | None, None
    for name in INSTANTS:
        yield name, str | None, None
    yield "duplicate", bool | UnsetType, UNSET


if TYPE_CHECKING:

    class Answer(AnswerBase, frozen=True, gc=False):
        """The answer to one event, as the specification declares it."""

        outcome: str
        reason: str | UnsetType = UNSET
        charge: dict[str, int] | UnsetType = UNSET
        balances: dict[str, int] = {}
        duplicate: bool | UnsetType = UNSET

        def __getattr__(self, name: str) -> Any: ...

else:
    Answer = msgspec.defstruct("Answer", list(_fields()), bases=(AnswerBase,), module=__name__, frozen=True, gc=False)


class AnswerAndDelta(Answer, frozen=True, gc=False, kw_only=True):
    """An answer with the change of the sum of the counted pools by the event itself, for callers that ask for it."""

    delta: int


def with_delta(answer: Answer, delta: int) -> AnswerAndDelta:
    """Returns the answer with the change of the sum of the counted pools by the event."""
    return AnswerAndDelta(*msgspec.structs.astuple(answer), delta=delta)


def without_delta(answer: Answer) -> Answer:
    """The answer, without what only those get who ask for it."""
    return Answer(*msgspec.structs.astuple(answer)[: len(FIELDS)])


FIELDS = Answer.__struct_fields__
"""Every field of an answer, in the order in which differences are reported."""
_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Answer)}
STATE = tuple(name for name in FIELDS if _DEFAULTS[name] is None)
"""The fields of the account's state, balances apart."""
SAID = tuple(name for name in FIELDS if _DEFAULTS[name] is UNSET)
"""The fields that are left out where they do not apply."""
BY_POOL = tuple(name for name in ("charge", "balances") if name in FIELDS)
TOTAL, DELTA = SUMS = ("total", "delta")
"""Names that may be observed beside the fields: the sum of the counted pools after the event, and its change by the event."""
_COMPARED = {name: position for position, name in enumerate((*FIELDS, *SUMS))}
_WHOLE = {int}

Difference = tuple[str, Any, Any]


def differences(expected: Answer, got: Mapping[str, Any], nulls: bool = True) -> list[Difference]:
    """Returns every field written in `got` that differs from `expected`, in the order of `FIELDS`.

    Absent and null are the same, and so are `duplicate: false`, an empty charge, and their absence; without `nulls` a null
    says nothing. Of balances and charge only the pools written count, but an empty charge says that nothing was charged.
    """
    found: list[Difference] = []
    for field, theirs in got.items():
        ours: Any = getattr(expected, field, None)
        if (ours == theirs and type(theirs) is str) or field not in _COMPARED or (theirs is None and not nulls):
            continue
        if ours is UNSET:
            ours = None
        elif field == "total":
            ours = total(expected)
        if field in BY_POOL:
            # The form of logs has been checked; a value off the wire may be true, or 1.0, where 1 is meant.
            if ours != theirs or (nulls and theirs and set(map(type, theirs.values())) != _WHOLE):
                found += _by_pool(field, ours or {}, theirs, nulls)
        elif field in INSTANTS:
            if ours != theirs and _instant(ours) != _instant(theirs):
                found.append((field, ours, theirs))
        elif field in LISTS:
            if _media(ours) != _media(theirs):
                found.append((field, ours, theirs))
        elif not _same(ours, theirs) and not (field == "duplicate" and not ours and theirs is False):
            found.append((field, ours, theirs))
    if len(found) > 1:
        found.sort(key=lambda difference: _COMPARED[difference[0].partition(".")[0]])
    return found


def can_be_compared(observed: Mapping[str, Any], answers: Iterable[Answer], nulls: bool = True) -> bool:
    """Returns true if a field written in `observed` holds a value, there or in one of the right `answers`.

    What equals its own absence (`duplicate: false`, a 0 in charge, an empty charge) says nothing where the right answer has
    nothing there either; without `nulls` a null never says anything. Where there are no answers, the observation decides.
    """
    right = tuple(answers) or (Answer(""),)
    for field, said in observed.items():
        # Most fields hold a text or a number, and that decides.
        is_said = field in _COMPARED and (said is not None or nulls)
        if is_said and (type(said) in (str, int) or any(_is_held(answer, field, said, nulls) for answer in right)):
            return True
    return False


def _is_held(answer: Answer, field: str, said: Any, nulls: bool) -> bool:
    ours: Any = total(answer) if field == "total" else getattr(answer, field, None)
    if field not in BY_POOL or not isinstance(said, dict):
        is_absent = said is None or said == [] or (field == "duplicate" and said is False)
        return not is_absent or (ours is not None and ours is not UNSET and (field not in BY_POOL or any(ours.values())))
    right: Mapping[str, Any] = ours or {}
    absent = (None, 0) if field == "charge" else (None,)
    pools = said if said or field != "charge" else right
    return any(
        (said.get(pool) is not None or nulls or not said) and (said.get(pool) not in absent or right.get(pool) not in absent)
        for pool in POOLS
        if pool in pools
    )


def total(answer: Answer) -> int | None:
    """Returns the sum of the counted pools after the event, spendable or not; None without an account."""
    return sum(answer.balances[pool] for pool in TOTAL_POOLS) if answer.balances else None


def _by_pool(field: str, ours: Mapping[str, int], theirs: Any, nulls: bool) -> list[Difference]:
    if theirs is None or (theirs == {} and field == "charge"):
        return [(field, dict(ours), theirs)] if any(ours.values()) else []
    if not isinstance(theirs, dict):
        return [(field, dict(ours), theirs)]
    zero = 0 if field == "charge" else None
    return [
        (f"{field}.{pool}", ours.get(pool, zero), theirs[pool])
        for pool in POOLS
        if pool in theirs
        and (nulls or theirs[pool] is not None)
        and not _same(ours.get(pool, zero), zero if theirs[pool] is None else theirs[pool])
    ]


def _media(written: Any) -> Any:
    """Returns a list of media as a set; a null is the empty set."""
    is_list = isinstance(written, list) and all(isinstance(medium, str) for medium in written)
    return frozenset(written) if is_list else frozenset() if written is None else written


def _same(ours: Any, theirs: Any) -> bool:
    # 1, 1.0 and true are equal in Python and three different things in an answer.
    return type(ours) is type(theirs) and bool(ours == theirs)


def _instant(written: Any) -> Any:
    if isinstance(written, str):
        try:
            return parse_instant(written)
        except ValueError:
            return written
    # A number with a fraction, or a truth value, is not an instant, whatever it is equal to.
    return written if type(written) is int else (written,)

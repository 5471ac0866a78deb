"""Names and values in the sentences of the checkers."""

from __future__ import annotations

from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.outcome import Happened, Refused, Values
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import Value


def listed(values: Values) -> str:
    """Values by name, on one line."""
    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def given(event: str, fields: Values) -> str:
    """An event with its fields, on one line."""
    return f"{event} ({listed(fields)})" if fields else event


def told(happened: Happened, fields: Values | None = None) -> str:
    """An event with what it changes, on one line; `fields` are those that are shown in place of its own."""
    what = given(happened.event, happened.fields if fields is None else fields)
    match happened.outcome:
        case Refused(code):
            return f"{what}: refused, {code}"
        case None:
            return f"{what}: no outcome"
    changes = [f"{name} {shown(old)} -> {shown(new)}" for name, (old, new) in happened.changed.items()]
    return f"{what}: {', '.join(changes) or 'nothing changes'}"


def shown(value: Value) -> str:
    """Returns a value as the language writes it."""
    return show(Lit(value))

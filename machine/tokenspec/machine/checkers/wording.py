"""Names and values in the sentences of the checkers."""

from __future__ import annotations

from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import Value


def listed(values: Values) -> str:
    """Values by name, on one line."""
    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def given(event: str, fields: Values) -> str:
    """An event with its fields, on one line."""
    return f"{event} ({listed(fields)})" if fields else event


def shown(value: Value) -> str:
    """Returns a value as the language writes it."""
    return show(Lit(value))

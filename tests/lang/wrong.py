"""What wrong declarations are made with: the right turnstile, one part of which is put out of place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lang.turnstile import FITS, NOT_AHEAD, NOT_COPPER, UNLOCKS, turnstile
from tokenspec.machine.lang.build import Termlike, definition, requires, var
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.errors import DeclarationError, DeclarationErrors
from tokenspec.machine.lang.validate import check_clauses, citations, validate

NAME = "turnstile"
RULE = "event 'pay', rule 'unlocks'"
MISSING = var("pursee")
"""A name that nothing declares."""


@dataclass(frozen=True)
class Wrong:
    """What `check` must be refused with: the code, the place, and what the message shows of the culprit."""

    code: str
    place: str
    shows: str
    check: Callable[[], None]


def refused(check: Callable[[], None]) -> tuple[DeclarationError, ...]:
    with pytest.raises(DeclarationErrors) as refusal:
        check()
    return refusal.value.errors


def machine(**parts: Any) -> Callable[[], None]:
    """Validates the turnstile with `parts` put in place of its own."""
    return lambda: validate(turnstile(**parts))


def need(holds: Termlike, code: str = "coin_must_shine") -> Callable[[], None]:
    """Validates the turnstile with one more requirement of `pay`."""
    return machine(needs=(NOT_COPPER, NOT_AHEAD, FITS, requires(code, holds, "", "T1")))


def unlocks(**parts: Any) -> Callable[[], None]:
    """Validates the turnstile with parts of the rule `unlocks` replaced."""
    return machine(rules=(replace(UNLOCKS, **parts),))


def defined(name: str, value: Termlike) -> Callable[[], None]:
    """Validates the turnstile with one definition before its own."""
    return lambda: validate(turnstile(definitions=(definition(name, value, ""), *turnstile().definitions)))


def clauses(register: dict[str, str], machine: Machine) -> Callable[[], None]:
    return lambda: check_clauses(register, citations(machine))

"""The words for event ids, as data: what is remembered of each, and what comes of a record under one that has been used."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Repeat(enum.Enum):
    """The treatment of a record whose id has been used. It is no second event under any of them."""

    FIRST_ANSWER = "first_answer"
    """The first answer, before any other check; nothing runs."""
    PRESENT_STATE = "present_state"
    """All that the first answer said of the event, with the state of now. The repeat is an event in time."""
    REFUSED = "refused"
    """A refusal with a code of its own. The repeat is an event in time."""


class OfRefused(enum.Enum):
    """The fate of an id whose event was refused."""

    KEPT = "kept"
    """It is used."""
    FREE = "free"
    """It is as if never used."""


@dataclass(frozen=True, slots=True)
class Ids:
    """Event ids: of each that is used the first answer is remembered, and a record that comes under it is a repeat.

    `repeated` and `refused` name the policies that choose between the members of `Repeat` and of `OfRefused`, whose answers
    these are. `code` is the refusal of a repeat, which goes before every other one.
    """

    key: str
    """The key of a record that holds the id."""
    says: str
    repeated: str
    refused: str
    code: str
    because: str
    clauses: tuple[str, ...] = ()

"""The result of a call of the oracle: answer, deciding rule or refusal, and steps of the account's machine."""

from __future__ import annotations

import msgspec

from tokenspec.machine.interpreters.compiled import Fields, Outcome, Row
from tokenspec.machine.lang.errors import Gap
from tokenspec.oracle.wire.answers import Answer


class MachineStep(msgspec.Struct, frozen=True, gc=False):
    """One event of an account's machine: the row it met, and the outcome, refusals included."""

    event: str
    fields: Fields
    before: Row
    outcome: Outcome
    at: int
    """The instant of the event, in UTC milliseconds; days that pass without a job are one event at the last instant."""
    is_further_run: bool = False
    """True for one more run of the same job, which repeats for as long as it is accepted."""


class RanByItself(msgspec.Struct, frozen=True, gc=False):
    """A job that ran automatically when it fell due, and changed the account."""

    event: str
    rule: str
    at: int
    """The instant at which the job fell due, in UTC milliseconds."""
    before: Row
    after: Row


class Stepped(msgspec.Struct, frozen=True, gc=False):
    """The result of a record."""

    answer: Answer
    decided_by: str | None
    """The rule that accepted the record, or the code that refused it; None for a repeated id."""
    steps: list[MachineStep]
    """In order, those of the time before the record first. An event of a session is not a step."""


class Stuck(Gap):
    """A step without an outcome, or a job without an end; `steps` are those taken until then."""

    def __init__(self, gap: Gap, steps: list[MachineStep]) -> None:
        super().__init__(*gap.args)
        self.steps = steps

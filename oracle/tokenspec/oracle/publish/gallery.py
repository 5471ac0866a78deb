"""The pictures of the declared account by name (its lifecycle, its pools, the whole, each machine, every event), and of logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tokenspec.diagrams.decision import decision
from tokenspec.diagrams.graph import Graph
from tokenspec.diagrams.lifecycle import lifecycle
from tokenspec.diagrams.pools import pools
from tokenspec.diagrams.sequence import sequence
from tokenspec.diagrams.statechart import statechart
from tokenspec.machine.lang.declaration import Actor
from tokenspec.machine.lang.outcome import Values
from tokenspec.oracle.base import provenance
from tokenspec.oracle.base.errors import BadRecord, BadSetting
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import DEFAULT, DEFAULTS, AnyCatalogue, system
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.logs.narrative import told
from tokenspec.oracle.logs.reading import read
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.oracle.wire.records import differing


@dataclass(frozen=True)
class Picture:
    """A picture that has not been drawn yet. The argument of `drawn` is true to include the refusals."""

    says: str
    drawn: Callable[[bool], Graph]

    def draw(self, refusals: bool) -> Graph:
        """Returns the picture, with a note of the declaration that it is drawn from."""
        return replace(self.drawn(refusals), origin=provenance.line())


def pictures(catalogue: AnyCatalogue = DEFAULT, policy: Mapping[str, str] = DEFAULTS) -> dict[str, Picture]:
    """Returns every picture by name. An event of a smaller machine gets its machine's name before it where names collide."""
    whole = system(catalogue)
    account, *others = whole.machines
    parameters = {**catalogue.parameters(), **policy}
    found = {
        "lifecycle": Picture(
            "the states of the account, and what leads from one to another",
            lambda refusals: lifecycle(account, name="lifecycle", refusals=refusals),
        ),
        "pools": Picture(
            "what fills each pool, what drains it, and in which order they pay", lambda _: pools(account, parameters)
        ),
        "account": Picture("the whole as a statechart: all machines at once", lambda _: statechart(whole, "account")),
    }
    for machine in others:
        found[machine.name] = Picture(
            machine.says[:1].lower() + machine.says[1:].rstrip("."),
            lambda refusals, machine=machine: lifecycle(machine, refusals=refusals),  # type: ignore[misc]
        )
    for machine in whole.machines:
        for event in machine.events:
            if machine is not account and event.actor is Actor.CLOCK:
                continue
            name = event.name if event.name not in found else f"{machine.name}_{event.name}"
            of: Values = parameters if machine is account else {}
            found[name] = Picture(
                f"how it is decided: {event.says.rstrip('.')}",
                lambda _, machine=machine, event=event, of=of: decision(machine, event, of),  # type: ignore[misc]
            )
    return found


RECORDS_MAX = 100
"""The largest number of records that one picture shows; more could not be read."""


def sequence_of(path: str, account: str | None, oracle: Oracle) -> Graph:
    """Returns a picture of the records of the log at `path`, or of one account's. Raises `BadSetting`, `OSError`.

    Answers are the oracle's; the picture marks observations that differ.
    """
    records, wrong, accounts = [], [], dict[str, None]()
    for line, record, fault, _ in read(Logs([path]), oracle.reader):
        try:
            if record is None or fault is not None:
                raise fault or BadRecord("line", "it holds no record")
            answer = oracle.answer(record)
        except BadRecord as bad:
            raise BadSetting(f"{line.file}:{line.number}", f"{bad.field}: {bad.rule}") from None
        accounts[record.account] = None
        if account in (None, record.account):
            records.append(oracle.reader.as_written(line.content) | {"observed": answer.as_dict()})
            found = differing(record, answer)
            wrong.append(tuple(f"{name} expected {as_text(want)}, observed {as_text(got)}" for name, want, got in found))
    if not records:
        whose = "" if account is None else f" of account {one_line(account)!r}{did_you_mean(account, accounts)}"
        raise BadSetting(path, f"it holds no record{whose}")
    if len(records) > RECORDS_MAX:
        raise BadSetting(
            path, f"{len(records)} records are too many for a picture, of {RECORDS_MAX} at most: narrow it by --account"
        )
    happenings = [replace(it, wrong=differs) for it, differs in zip(told(records), wrong, strict=True)]
    return replace(sequence(happenings, f"What happened in {one_line(path)}"), origin=provenance.line())

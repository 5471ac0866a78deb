"""The pictures of the declared account by name: its lifecycle, its pools, the whole, each smaller machine, and every event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tokenspec.diagrams.decision import decision
from tokenspec.diagrams.graph import Graph
from tokenspec.diagrams.lifecycle import lifecycle
from tokenspec.diagrams.pools import pools
from tokenspec.diagrams.statechart import statechart
from tokenspec.machine.lang.declaration import Actor
from tokenspec.machine.lang.outcome import Values
from tokenspec.oracle.base.provenance import line
from tokenspec.oracle.base.specification import DEFAULT, DEFAULTS, AnyCatalogue, system


@dataclass(frozen=True)
class Picture:
    """A picture that has not been drawn yet. The argument of `drawn` is true to include the refusals."""

    says: str
    drawn: Callable[[bool], Graph]

    def draw(self, refusals: bool) -> Graph:
        """Returns the picture, with a note of the declaration that it is drawn from."""
        return replace(self.drawn(refusals), origin=line())


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
            machine.says.rstrip("."),
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

"""The implementations that a suite is built for: all of them, with one kind of resets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.declaration import Event, Origin
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.base.specification import DEFAULT, AnyCatalogue
from tokenspec.oracle.fuzz.paths import PathSearch
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, NAME, Record, Script, records_of
from tokenspec.oracle.vectors.build.executed import ExecutedRun, ExecutedWorld, play, world_of
from tokenspec.oracle.vectors.build.goals import Candidate
from tokenspec.oracle.vectors.build.layer_faults import LayerFault, layer_faults
from tokenspec.oracle.vectors.build.scenarios import SCENARIOS, STARTING_POINTS, Scenario, StartingPoint


class BuildTarget:
    """Every implementation with one kind of resets: it takes every record, and all of an answer is compared."""

    catalogue: AnyCatalogue = DEFAULT
    """The catalogue of whose account the faults are."""
    points: Sequence[StartingPoint] = STARTING_POINTS
    aims_last = False
    """True where faults of the layers are looked for once the vectors are chosen, since only some of them can be shown."""

    def __init__(self, resets: str) -> None:
        self.resets = resets

    def world(self, policy: Mapping[str, str], catalogue: AnyCatalogue) -> ExecutedWorld | None:
        """Returns the world with these settings; None where it cannot be run."""
        return world_of(policy, catalogue, self.resets)

    def concerns(self, changed: Collection[Event]) -> bool:
        """Returns true if one of the events that a fault changes can happen."""
        return True

    def layer_faults(self) -> list[LayerFault]:
        """Returns the faults of what is kept beside balances of which answers may show something."""
        return layer_faults()

    def search(self, world: ExecutedWorld, by_rules: bool = False) -> PathSearch:
        """Returns a search among the records that are taken."""
        return PathSearch(world.oracle.fork({}), by_rules)

    def begun(self, script: Script) -> Script:
        """Returns the script, with what every run begins with."""
        return script

    def sent(self, world: ExecutedWorld, records: Sequence[Record]) -> list[Record]:
        """Returns the records that are taken, among some that are not the search's own."""
        return list(records)

    def admitted(self, world: ExecutedWorld, oracle: Oracle, record: Record, used: Sequence[Record]) -> Record | None:
        """Returns a record as it can be sent after those `used`, which `oracle` has run; None where it cannot."""
        return record

    def instant(self, at: int) -> int:
        """Returns the first instant from `at` on that can be sent."""
        return at

    def play(self, world: ExecutedWorld, records: Sequence[Record]) -> ExecutedRun:
        """Runs records in an empty world."""
        return play(world, records)

    def takes(self, run: ExecutedRun) -> bool:
        """Returns true if the run can be sent, and something of it is compared."""
        return True

    def scenarios(self) -> Iterator[Candidate]:
        """Yields the runs of the scenarios."""
        for scenario in SCENARIOS:
            if self.resets in scenario.resets:
                yield candidate_of(scenario, self.resets)

    def further(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Returns runs that the suite holds beside those chosen among the candidates."""
        return []

    def about(self) -> dict[str, Any]:
        """Returns what the index says of the target."""
        return {}


def listed_names(event: Event) -> Iterator[tuple[str, list[str]]]:
    """Yields the fields of an event that hold a declared name, with the names that are listed."""
    for field in event.fields:
        if field.origin is Origin.PAYLOAD and isinstance(field.type, Enum) and UNLISTED in field.type.members:
            yield field.key, [member for member in field.type.members if member != UNLISTED]


def outcome_name(event: str, what: str) -> str:
    """Returns the name under which the index holds a rule or a refusal of an event."""
    return what.replace("refused: ", f"{event} refused, ")


def candidate_of(scenario: Scenario, resets: str) -> Candidate:
    """Returns the run of a scenario."""
    oracle = Oracle(scenario.policy, scenario.catalogue, resets)
    records = with_a_look(list(records_of(scenario.script, oracle, scenario.start)), oracle)
    played = play(world_of(scenario.policy, scenario.catalogue, resets), records)
    name = scenario.id if resets == "explicit" else f"implied-{scenario.id}"
    return Candidate(name, scenario.title, tuple(scenario.clauses.split()), played, wanted=True)


def with_a_look(records: list[Record], oracle: Oracle) -> list[Record]:
    """Returns the records of a script that `oracle` has run; one more shows the time that passed after the last one."""
    latest = oracle.accounts[NAME].last_at or 0
    return [*records, {"account": NAME, "at": latest, **LOOK}] if latest > records[-1]["at"] else records

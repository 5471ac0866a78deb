"""A suite for one implementation: what it takes and observes, under its own settings and figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from tokenspec.machine.lang.declaration import Actor, Event
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.specification import DEFAULT, SPEC, AnyCatalogue, account, system
from tokenspec.oracle.fuzz.closed import closed_by
from tokenspec.oracle.fuzz.fitting import fit
from tokenspec.oracle.fuzz.pairs import TakenSearch
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import NAME, Record, Script, move
from tokenspec.oracle.sut.capabilities import BATCH, NO_REPEATS, SAME_REQUEST, SECONDS, payload_keys
from tokenspec.oracle.sut.observed import held
from tokenspec.oracle.sut.world import CannotOpen, Openings, SutSettings
from tokenspec.oracle.vectors.build.executed import ExecutedRun, ExecutedWorld, play, world_of
from tokenspec.oracle.vectors.build.goals import Candidate, candidate
from tokenspec.oracle.vectors.build.layer_faults import LayerFault, layer_faults
from tokenspec.oracle.vectors.build.repeats import with_repeats
from tokenspec.oracle.vectors.build.scenarios import SCENARIOS, STARTING_POINTS, Scenario
from tokenspec.oracle.vectors.build.target import BuildTarget, candidate_of, listed_names, outcome_name, with_a_look
from tokenspec.oracle.vectors.run import fitted
from tokenspec.oracle.vectors.suite import Case, Entry, Vector
from tokenspec.oracle.wire.resets import clock_jobs, resets_on_the_wire
from tokenspec.oracle.wire.settings import RESETS


class OneImplementation(BuildTarget):
    """An implementation under test, under the settings that were asked for and those that it has fixed.

    Raises as `Openings.open` does.
    """

    aims_last = True

    def __init__(self, openings: Openings, setting: SutSettings) -> None:
        self.terms = setting.opened_at(openings)
        super().__init__(self.terms.resets)
        self._openings, self._setting = openings, setting
        self.policy = {**setting.policy, **self.terms.policy}
        self.catalogue = self.terms.catalogue_over(setting.catalogue)
        agreeing = (p for p in STARTING_POINTS if all(self.policy[name] == choice for name, choice in p.policy.items()))
        # Under its own settings all points count alike, and some differ in nothing else.
        alike = {(p.after, p.run, p.figures): msgspec.structs.replace(p, policy={}) for p in agreeing}
        self.points = list(alike.values())
        self._keys = {e.name: payload_keys(e) for m in system(self.catalogue).machines for e in m.events}
        self._worlds: dict[str, ExecutedWorld | None] = {}

    def world(self, policy: Mapping[str, str], catalogue: AnyCatalogue) -> ExecutedWorld | None:
        """Returns the world with its own settings, and with other figures where it takes them."""
        sent = self._setting.catalogue if self._setting.has_own_catalogue else catalogue
        key = repr(sent)
        if key not in self._worlds:
            self._worlds[key] = self._opened(sent)
        return self._worlds[key]

    def _opened(self, sent: AnyCatalogue) -> ExecutedWorld | None:
        try:
            terms = replace(self._setting, catalogue=sent).opened_at(self._openings)
            return world_of(self.policy, terms.catalogue_over(sent), self.resets, self.terms)
        except (CannotOpen, BadSetting):
            return None

    def concerns(self, changed: Collection[Event]) -> bool:
        """Returns true if one of the events that a fault changes can happen."""
        happens = {*self.terms.events, SPEC.opening.name, *self.terms.unwritten}
        return not changed or any(event.name in happens or event.actor is Actor.CLOCK for event in changed)

    def layer_faults(self) -> list[LayerFault]:
        """Returns the faults beside the balances of which its answers may show something."""
        return [each for each in layer_faults() if self.terms.repeats != NO_REPEATS or not each.id.startswith("ids.")]

    def admitted(self, world: ExecutedWorld, oracle: Oracle, record: Record, used: Sequence[Record]) -> Record | None:
        """Returns the record as it is sent, under an id only where it takes that."""
        terms, event = self.terms, record["event"]
        bare = {key: value for key, value in record.items() if key != "id"}
        is_of_all = terms.jobs == BATCH and event in clock_jobs()
        if is_of_all and (record["account"] != NAME or oracle.fork(_copied(oracle)).apply(bare).outcome == "refused"):
            return None
        if terms.repeats == NO_REPEATS or is_of_all or (event == SPEC.opening.name and not terms.opens_accounts):
            record = bare
        elif terms.repeats == SAME_REQUEST:
            same = (each for each in used if all(each.get(key) == record.get(key) for key in ("account", "id")))
            record = record if next(same, record) | {"at": record["at"]} == record else bare
        return self.search(world).taken(record, oracle)

    def instant(self, at: int) -> int:
        """Returns the first instant from `at` on that can be sent."""
        return at + -at % 1_000 if self.terms.instants == SECONDS else at

    def search(self, world: ExecutedWorld, by_rules: bool = False) -> TakenSearch:
        """Returns a search among the records that it takes; names of our catalogue become names of its own."""
        rename = partial(renamed, catalogue=world.catalogue)
        return TakenSearch(world.oracle.fork({}), self.terms, self._keys, by_rules, rename)

    def begun(self, script: Script) -> Script:
        """Returns the script; where accounts begin by themselves, it opens one all the same."""
        is_open = self.terms.opens_accounts or (script and script[0] == move(SPEC.opening.name))
        return script if is_open else (move(SPEC.opening.name), *script)

    def sent(self, world: ExecutedWorld, records: Sequence[Record]) -> list[Record]:
        """Returns the records that it takes, those that open accounts included."""
        found = []
        for record in records:
            event, oracle = record["event"], world.oracle
            if event == SPEC.opening.name:
                found.append(record)
            elif event in self.terms.events:
                taken = fit(record, self.terms, self._keys[event], world.catalogue, oracle.reader, 0)
                found += [] if taken is None else [taken]
        return found

    def play(self, world: ExecutedWorld, records: Sequence[Record]) -> ExecutedRun:
        """Runs records in an empty world. An account that begins by itself is opened at the instant of its first event."""
        return play(world, records if self.terms.opens_accounts else _opened_when_used(records))

    def takes(self, run: ExecutedRun) -> bool:
        """Returns true if all of the run can be sent, and something of it is compared."""
        if not run.records:
            return False
        vector = msgspec.convert(run.as_vector("run", "", ()), Vector)
        steps, why = fitted(Case(Entry("run", "", [], vector.resets, {}, [], ""), vector), self.terms, self.policy)
        return not why and any(held({}, step.expect, self.terms) for _, step in steps)

    def scenarios(self) -> Iterator[Candidate]:
        """Yields the runs of the scenarios, as far as they can be sent; one that comes to something else is titled by its end."""
        for scenario in SCENARIOS:
            if self.resets in scenario.resets or set(scenario.resets) == set(RESETS):
                found = self._scenario(scenario)
                if found is not None and self.takes(found.played):
                    yield found

    def _scenario(self, scenario: Scenario) -> Candidate | None:
        world = self.world({}, scenario.catalogue)
        if world is None:
            return None
        oracle = world.oracle.fork({})
        records = list(self.search(world).of_script(self.begun(scenario.script), oracle, scenario.start))
        if not records or NAME not in oracle.accounts:
            return None
        played = self.play(world, self.sent(world, with_a_look(records, oracle)))
        usual = candidate_of(scenario, self.resets)
        is_as_told = (usual.played.records, usual.played.answers) == (played.records, played.answers)
        if is_as_told:
            return replace(usual, played=played)
        # With all of its records it still has its point, and the figures in its title may be others.
        is_whole = len(records) >= len(usual.played.records)
        return replace(candidate(f"scenario {scenario.id}", played), wanted=is_whole)

    def further(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Returns runs about what it remembers: scenarios are written for our names and refusals alone."""
        return with_repeats(self, self.terms, candidates)

    def about(self) -> dict[str, Any]:
        """Returns the implementation's name, its fixed settings and figures, and what nothing that it takes can meet."""
        closed = closed_by(self.terms, self._setting.under(self.terms))
        return {
            "built_for": {
                "name": self.terms.title,
                "resets": resets_on_the_wire(self.resets),
                "policy": dict(self.terms.policy),
                "catalogue": sorted(self.terms.catalogue),
            },
            "cannot_be_met": sorted({outcome_name(*met) for met in closed}),
        }


def _copied(oracle: Oracle) -> dict[str, Account]:
    return {name: account.copy() for name, account in oracle.accounts.items()}


def _opened_when_used(records: Sequence[Record]) -> list[Record]:
    """Returns the records with each account opened at the instant of its next one."""
    used = {record["account"]: record["at"] for record in reversed(records) if record["event"] != SPEC.opening.name}
    opened = ({**r, "at": used.get(r["account"], r["at"])} if r["event"] == SPEC.opening.name else r for r in records)
    return sorted(opened, key=lambda record: record["at"])


def renamed(record: Record, catalogue: AnyCatalogue) -> Record:
    """Returns the record with names of the default catalogue replaced by those at the same places of `catalogue`."""
    ours, theirs = DEFAULT.written(), catalogue.written()
    pairs = {key: (list(ours[table]), list(theirs[table])) for key, table in SPEC.names.items()}
    one, other = (dict(each for event in account(of).events for each in listed_names(event)) for of in (DEFAULT, catalogue))
    pairs |= {key: (names, other[key]) for key, names in one.items()}
    changed = {}
    for key, (default, own) in pairs.items():
        name = record.get(key, "")
        if name in default and name not in own and own:
            changed[key] = own[min(default.index(name), len(own) - 1)]
    return {**record, **changed}

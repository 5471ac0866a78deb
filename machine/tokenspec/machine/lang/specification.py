"""A specification: a declared system with all that belongs to it, so that every reader can be had of it by one name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tokenspec.machine.lang.catalogue import (
    NONE,
    AnyCatalogue,
    CatalogueForm,
    Fact,
    Listed,
    LookedUp,
    Named,
    OfVariant,
    figure_places,
)
from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.declaration import Event, Machine, Policy, System
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import Type, Value


@dataclass(frozen=True, eq=False)
class Scope:
    """A small world in which every state can be visited: a catalogue, the values that fields take, and where it is cut off."""

    name: str
    catalogue: Any
    values: Mapping[str, tuple[Value, ...]]
    most: Mapping[str, int]
    """For every variable that holds a number, the most that it holds before a state is left unvisited."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A variable that an answer shows, under its own name; the value `null` is shown as null."""

    variable: str
    null: Value = NONE


@dataclass(frozen=True, slots=True)
class ShownList:
    """A list that an answer shows: the members for which the figure of a variable's value is true, as `relaxed[plan,image]`."""

    name: str
    variable: str
    members: tuple[str, ...]

    def of(self, value: Value, parameters: Mapping[str, Value]) -> list[str]:
        """Returns the members that are listed while the variable has this value."""
        return [member for member in self.members if parameters.get(f"{self.name}[{value},{member}]")]


@dataclass(frozen=True)
class AnswerForm:
    """The state that an answer shows, beside what the rules answer and the balances of all pools."""

    state: tuple[Shown, ...]
    clocks: Mapping[str, str]
    """The name of the earliest instant that no job has run for, by clock."""
    lists: tuple[ShownList, ...] = ()
    total: tuple[str, ...] = ()
    """The pools that the observable `total` sums up; all of them where it is empty."""
    said: tuple[str, ...] = ()
    """The names of what rules answer, in the order in which differences are told; as declared where it is empty."""


HINTS: dict[str, str] = {
    "bugs": "faults of other systems, put into the declaration by `mutants`",
    "diagnoses": "the causes that `explain` finds for what was shown, and that `check` tries",
    "figures": "the catalogues of random worlds",
    "figures_in_words": "the figures of a counterexample as one sentence",
    "from_every_state": "what `check` tries from every state of the smallest scope",
    "known_ways": "ways of real systems by which `replay` knows a difference",
    "layer_checks": "what is checked around every record of a random run",
    "map_words": "words of foreign columns that `map` guesses by",
    "moves": "how a random run brings an event about",
    "opening_state": "how a balance of a foreign log becomes a state",
    "races": "what clients do at once",
    "scenarios": "vectors that are written by hand",
    "situation": "what else tells two states apart in a search for pairs of rules",
    "standing": "the standing of an account as one sentence of `explain`",
    "starts": "the states in which random runs begin",
    "tables": "further tables for documents",
}
"""The kinds of hints, with what each is for."""


@dataclass(frozen=True)
class Specification:
    """An account as it is declared. The first machine of the system is the account's; `session` names that of its sessions.

    Machines are the same objects for catalogues with the same names: only names may decide what is declared.
    """

    name: str
    says: str
    system: Callable[[Any], System]
    """The machines with their links, for a catalogue."""
    form: CatalogueForm
    catalogue: AnyCatalogue
    """The one that holds where users give none."""
    catalogue_of: Callable[[Mapping[str, Any]], Any]
    """The catalogue of values that have been read by the form."""
    answer: AnswerForm
    clauses: Mapping[str, str] = field(default_factory=dict)
    claims: Callable[[Any], tuple[Claim, ...]] = lambda catalogue: ()
    lemmas: tuple[StatePart, ...] = ()
    scopes: tuple[Scope, ...] = ()
    """From the smallest one, which is searched under every policy, to the largest."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """The facts of an event that are looked up in the catalogue, and the fields that a record may have another key for."""
    names: Mapping[str, str] = field(default_factory=dict)
    """By key of a record, the table of the catalogue whose entries it names."""
    prices: Mapping[str, str] = field(default_factory=dict)
    """By field that holds a number, the key whose table lists it."""
    other_account: str = ""
    """The key of a record that names another account."""
    session: str = ""
    in_place_of_jobs: Mapping[str, str] = field(default_factory=dict)
    """By clock, an event that at the instant at which it falls due comes in place of its job."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """By kind, `module:name` of what is peculiar to this account: what is missing is worked out in general."""

    def main(self, catalogue: AnyCatalogue | None = None) -> Machine:
        """The account's machine."""
        return self.system(catalogue or self.catalogue).machines[0]

    def unnamed(self, catalogue: AnyCatalogue, keys: Collection[str] | None = None) -> dict[str, Value]:
        """The facts that are the same for every record; of the optional keys that name entries, records have only `keys`."""
        given = {f.name for event in self.main(catalogue).events for f in event.fields if f.instead}
        written, found = catalogue.written(), dict[str, Value]()
        for name, fact in self.facts.items():
            match fact:
                case _ if name in given:
                    continue
                case Listed(table) if not written[table]:
                    found[name] = False
                case Named(key) if keys is not None and key not in keys:
                    found[name] = False
                case OfVariant(table, key, cell, default, usual):
                    is_named = keys is None or key in keys
                    others = (entry[cell] if cell else True for entry in written[table].values())
                    if {usual} >= ({default, *others} if is_named else set()):
                        found[name] = usual
        return found

    def out_of_range(self, catalogue: AnyCatalogue) -> Iterator[tuple[str, Value, Type]]:
        """Yields the figures of a catalogue that are no values of their parameters' types, or of the fact that is looked up."""
        machine, figures, written = self.main(catalogue), catalogue.parameters(), catalogue.written()
        keys = {place.parameter: place.key for places in figure_places(self.form).values() for place in places}
        found = [(_place(keys, p.name), figures[p.name], p.type) for p in machine.parameters if p.name in figures]
        types = {f.name: f.type for event in machine.events for f in event.fields}
        for name in types.keys() & self.facts.keys():
            match self.facts[name]:
                case LookedUp(table):
                    found += [(f"{table}.{entry}", value, types[name]) for entry, value in written[table].items()]
                case OfVariant(table, _, cell) if cell:
                    found += [(f"{table}.{entry}", value[cell], types[name]) for entry, value in written[table].items()]
        yield from (each for each in found if not each[2].admits(each[1]))

    def sessions(self, system: System) -> Machine | None:
        """The machine of an account's sessions in `system`; None where it has none."""
        return next((m for m in system.machines if m.name == self.session), None)

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """The open questions."""
        return self.main().policies

    @cached_property
    def defaults(self) -> dict[str, str]:
        """The default choice of each policy."""
        return {policy.name: policy.answers[0][0] for policy in self.policies}

    @cached_property
    def pools(self) -> tuple[str, ...]:
        """The names of the pools."""
        return self.main().pools

    @cached_property
    def counted_pools(self) -> tuple[str, ...]:
        """The pools that the observable total sums up."""
        return self.answer.total or self.pools

    @cached_property
    def absent(self) -> Value:
        """The state in which there is no account yet: the first one."""
        initial = self.main().control_variable.initial
        assert isinstance(initial, Lit), "an account begins in one state"
        return initial.value

    @cached_property
    def opening(self) -> Event:
        """The event that opens an account: the first that leads out of the first state."""
        return next(
            e for e in self.main().events if any(self.absent in r.source and r.target not in (None, self.absent) for r in e.rules)
        )


def _place(keys: Mapping[str, str], parameter: str) -> str:
    """The place in a catalogue of the figure that a parameter is, in words."""
    name, _, member = parameter.partition("[")
    return f"{keys.get(name, name)}.{member.removesuffix(']')}" if member else keys.get(name, name)

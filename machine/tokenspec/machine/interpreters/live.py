"""An account (or any declared machine) as a live object: a `transitions` machine built from the declaration.

    account = live_account(SPECIFICATION)
    account.open_account()                    # True: accepted
    account.subscribe(plan="premium")
    account.status, account.fast              # 'active', 25000
    account.may_upgrade(plan="essential")     # False
    account.trigger("upgrade", plan="essential")  # False: refused
    account.refusal                           # 'plan_must_be_higher'

States and triggers have the declared names; a trigger takes the event's fields and keys under the names that a record gives
them. However it is fired or asked, it decides on the fields that come with it and on the state of the model it is fired at.
What comes of an event is worked out by the compiled reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import transitions
from transitions.core import listify

from tokenspec.machine.interpreters.compiled import Compiled, Row, blank, recalled
from tokenspec.machine.lang.catalogue import AnyCatalogue
from tokenspec.machine.lang.declaration import ClockAct, Event, Kind, Machine, Memory, Origin, Rule
from tokenspec.machine.lang.outcome import Accepted, Refused, Step, Values
from tokenspec.machine.lang.specification import Specification
from tokenspec.machine.lang.types import Value
from tokenspec.machine.lang.validate_memory import memory_scope

Env: TypeAlias = dict[str, Any]
"""Values by name."""
LookUps: TypeAlias = Mapping[str, Callable[[Any], Value]]
"""By name of a fact, the function that looks it up for a record."""
_FIRES = "fire_"
"""Begins the older name of a trigger, which is understood as well."""


class _Occasion:
    """An event with its rules by name, and what it may be given."""

    def __init__(self, machine: Machine, event: Event) -> None:
        self.event, self.rules = event, {rule.name: rule for rule in event.rules}
        self.entry_key = machine.memory.key if machine.memory is not None and machine.memory.reads(event) else ""
        instead = [f.instead for f in event.fields if f.instead]
        self.keys = tuple(dict.fromkeys([*(f.key for f in event.fields), *(k.name for k in event.keys), *instead]))
        self._known = {*self.keys, *(f.name for f in event.fields)}

    def check(self, args: Iterable[object], fields: Mapping[str, object]) -> None:
        """Raises `TypeError` for a value without a name, a name that the event does not have, and one value under two names."""
        if args:
            raise TypeError(f"{self.event.name}() takes its fields by name; it takes {sorted(self.keys)}")
        if unknown := fields.keys() - self._known:
            raise TypeError(f"{self.event.name}() got an unexpected field {min(unknown)!r}; it takes {sorted(self.keys)}")
        for f in self.event.fields:
            if f.instead and fields.get(f.key) is not None and fields.get(f.instead) is not None:
                raise TypeError(f"{self.event.name}() takes {f.key!r} or {f.instead!r}, not both")


@dataclass(frozen=True)
class _Decision:
    """The outcome of an event with these fields in this state; `entry` is the key under which the memory is read."""

    state: Env
    fields: Env
    entry: str | None
    step: Step

    @property
    def told(self) -> Env:
        """The attributes of a model that tell it."""
        if isinstance(self.step, Refused):
            return {**_untold(), "refusal": self.step.code}
        step = self.step
        return {"refusal": None, "rule": step.rule, "answer": dict(step.answer), "ledger": list(step.ledger)}


class _Entries:
    """The memory of one model: entries by key, each with the periods that had ended when it was first written."""

    def __init__(self, memory: Memory) -> None:
        self._memory, self._names, self._blank = memory, tuple(memory_scope(memory)), blank(memory)
        self._recall = recalled(memory, self._names)
        self._ended = [0] * len(memory.periods)
        self._entries: dict[str, tuple[Row, list[int]]] = {}

    def facts(self, key: str) -> Env:
        """Returns every fact about the entry under `key`."""
        held, since = self._entries.get(key, (self._blank, [-1] * len(self._ended)))
        lasts = [a == b for a, b in zip(since, self._ended, strict=True)]
        return dict(zip(self._names, self._recall(held, lasts, key not in self._entries), strict=True))

    def end(self, acts: Sequence[tuple[str, ClockAct]]) -> None:
        """Ends the periods that one of `acts` ends."""
        for position, period in enumerate(self._memory.periods):
            self._ended[position] += sum(act in period.ended_by for act in acts)

    def note(self, key: str, written: Callable[[Row], Row]) -> None:
        """Writes into the entry under `key` what `written` gives of what it held."""
        held, since = self._entries.get(key, (self._blank, self._ended.copy()))
        self._entries[key] = written(held), since


class _Trigger(transitions.Event):
    """A trigger that is refused as its event declares, from whatever state."""

    machine: _LiveMachine

    def trigger(self, model: Any, /, *args: Any, **kwargs: Any) -> bool:  # type: ignore[override]
        """Fires the event at `model`; a field may be called as the library calls its own arguments."""
        data = transitions.EventData(None, self, self.machine, model, args=args, kwargs=kwargs)
        return self.machine._process(partial(self._trigger, data))

    def _trigger(self, event_data: transitions.EventData) -> bool:
        machine, model = self.machine, event_data.model
        if self.name not in machine.occasions:
            # Somebody has added it to the machine.
            return bool(super()._trigger(event_data))
        decision = machine.decision(event_data)
        if id(model) in machine.between:
            raise RuntimeError(f"{self.name}() is fired by a callback that runs before the event under way has taken effect")
        if isinstance(decision.step, Refused):
            _give(model, decision.told)
            machine.callbacks([*machine.prepare_event, *machine.finalize_event], event_data)
            return False
        machine.between.add(id(model))
        try:
            accepted = bool(super()._trigger(event_data))
        finally:
            machine.between.discard(id(model))
        # Another event may have been fired by a callback since: what is told is the outcome of this one. A condition that
        # somebody has added may have kept it from happening.
        _give(model, decision.told if accepted else _untold())
        return accepted


def _untold() -> Env:
    return {"refusal": None, "rule": None, "answer": {}, "ledger": []}


def _give(model: Any, values: Env) -> None:
    for name, value in values.items():
        setattr(model, name, value)


def _applies(rule: str, data: transitions.EventData) -> bool:
    machine: _LiveMachine = data.machine  # type: ignore[assignment]
    step = machine.decision(data).step
    return isinstance(step, Accepted) and step.rule == rule


def _take_effect(data: transitions.EventData) -> None:
    machine: _LiveMachine = data.machine  # type: ignore[assignment]
    if data.event.name in machine.occasions:
        machine.take_effect(data)


class _LiveMachine(transitions.Machine):
    """The machine of `transitions` that decides as a declaration says. Its models share parameters and nothing else."""

    event_cls = _Trigger

    def __init__(self, declared: Machine, parameters: Values, look_ups: LookUps, **drawn: Any) -> None:
        self.declared, self.compiled, self._look_ups = declared, Compiled(declared, dict(parameters)), look_ups
        self.occasions = {e.name: _Occasion(declared, e) for e in declared.events}
        self.initials = self.compiled.state(self.compiled.initial)
        self._remembered = set(memory_scope(declared.memory)) if declared.memory is not None else set()
        self.between: set[int] = set()
        """The models whose present event is decided and has not taken effect."""
        super().__init__(
            model=None,
            # The first that happens in a new state is the effect, so that no callback finds half of it.
            states=[{"name": name, "on_enter": [_take_effect]} for name in declared.states],
            initial=str(self.initials[declared.control]),
            transitions=[t for e in declared.events for rule in e.rules for t in self._transitions(e, rule)],
            model_attribute=declared.control,
            send_event=True,
            auto_transitions=False,
            **drawn,
        )
        # An event that is always refused leads nowhere, and is a trigger all the same.
        self.events.update({name: self._create_event(name, self) for name in self.occasions if name not in self.events})

    @staticmethod
    def _transitions(event: Event, rule: Rule) -> list[dict[str, Any]]:
        # A rule without a target leaves the state alone: an internal transition, or a loop where one is drawn.
        stays = {} if rule.target else {"before": [_take_effect]}
        common = {"trigger": event.name, "dest": rule.target, "conditions": [partial(_applies, rule.name)], **stays}
        return [{"source": source, **common} for source in rule.source]

    def add_model(self, model: Any, initial: Any = None) -> None:
        """Adds models, each in the first state; what is declared goes before what `transitions` would call alike."""
        for each in [m for m in listify(model) if m not in self.models]:
            _give(each, {**self.initials, **_untold()})
            if self.declared.memory is not None:
                each._entries = _Entries(self.declared.memory)
            super().add_model(each, initial)
            for name, occasion in self.occasions.items():
                trigger = partial(self.events[name].trigger, each)
                vars(trigger)["__name__"], vars(trigger)["__doc__"] = name, occasion.event.says
                setattr(each, name, trigger)
                may = partial(self._can_trigger, each, name)
                for older, what in ((f"{_FIRES}{name}", trigger), (f"may_{_FIRES}{name}", may)):
                    if older not in self.initials and older not in self.occasions:
                        setattr(each, older, what)

    def decision(self, data: transitions.EventData) -> _Decision:
        """The decision on the event that is under way, or asked about; it is worked out once."""
        if (known := vars(data).get("decision")) is None:
            known = vars(data)["decision"] = self._decide(data.model, self.occasions[data.event.name], data.args, data.kwargs)
        return known

    def dispatch(self, trigger: str, /, *args: Any, **kwargs: Any) -> bool:  # type: ignore[override]
        """Fires the event at every model, and returns whether all of them accepted it."""
        answers = [self._get_trigger(model, trigger, *args, **kwargs) for model in self.models]
        return all(answers)

    def _get_trigger(self, model: Any, trigger_name: str, /, *args: Any, **kwargs: Any) -> bool:  # type: ignore[override]
        return self._event(trigger_name).trigger(model, *args, **kwargs)

    def _can_trigger(self, model: Any, trigger: str, /, *args: Any, **kwargs: Any) -> bool:
        state, event = self.get_model_state(model), self._event(trigger)
        data = transitions.EventData(state, event, self, model, args=args, kwargs=kwargs)
        if event.name in self.occasions and isinstance(self.decision(data).step, Refused):
            return False
        for data.transition in event.transitions.get(state.name, ()):
            self.callbacks([*self.prepare_event, *data.transition.prepare], data)
            if all(condition.check(data) for condition in data.transition.conditions):
                return True
        return False

    def _event(self, name: str) -> transitions.Event:
        event = self.events.get(name) or self.events.get(name.removeprefix(_FIRES))
        if event is None:
            raise AttributeError(f"there is no event {name!r}; there are {', '.join(self.events)}")
        return event

    def _decide(self, model: Any, occasion: _Occasion, args: Iterable[object], given: Mapping[str, Any]) -> _Decision:
        state = {name: getattr(model, name) for name in self.initials}
        entry = given.get(occasion.entry_key) if occasion.entry_key else None
        if not isinstance(entry, str | None):
            raise TypeError(f"{occasion.event.name}() takes as {occasion.entry_key!r} a text, not {entry!r}")
        fields = self._fields(model, occasion, args, given, entry)
        return _Decision(state, fields, entry, self.compiled.step(state, occasion.event.name, fields))

    def _fields(
        self, model: Any, occasion: _Occasion, args: Iterable[object], given: Mapping[str, Any], entry: str | None
    ) -> Env:
        """Returns the values of the event's fields: as given, remembered, or looked up; nothing else is taken for one."""
        event = occasion.event
        occasion.check(args, given)
        env: Env = {f.name: given.get(f.key, given.get(f.name)) for f in event.fields}
        absent = [f for f in event.fields if env[f.name] is None]
        missing = []
        if absent:
            remembered = model._entries.facts(entry) if entry is not None else {}
            record = SimpleNamespace(**{**dict.fromkeys(occasion.keys), **given})
            for f in absent:
                if f.origin is Origin.FACT and f.name in remembered:
                    env[f.name] = remembered[f.name]
                elif f.name in self._look_ups and (f.origin is Origin.FACT or given.get(f.instead) is not None):
                    env[f.name] = self._look_ups[f.name](record)
                else:
                    is_remembered = occasion.entry_key and f.origin is Origin.FACT and f.name in self._remembered
                    missing.append(occasion.entry_key if is_remembered else f.key)
        if missing:
            by_catalogue = {f.key for f in event.fields if f.origin is Origin.FACT} - self._remembered
            told = "; an object that live_account() makes looks facts up" if by_catalogue.intersection(missing) else ""
            raise TypeError(f"{event.name}() misses {', '.join(map(repr, dict.fromkeys(missing)))}{told}")
        for f in event.fields:
            if not f.type.admits(env[f.name]):
                raise TypeError(f"{event.name}() takes as {f.key!r} a {f.type}, not {env[f.name]!r}")
        return env

    def take_effect(self, data: transitions.EventData) -> None:
        """Gives the model its new values, all of them worked out of the old ones."""
        decision, model, occasion = self.decision(data), cast(Any, data.model), self.occasions[data.event.name]
        step = decision.step
        assert isinstance(step, Accepted), "what takes effect was accepted"
        rule = occasion.rules[step.rule]
        changed = {self.declared.control, *(each.name for each in rule.effect)}
        _give(model, {**{name: step.state[name] for name in changed}, **decision.told})
        if self.declared.memory is not None:
            model._entries.end(rule.clocks)
            if rule.notes and decision.entry is not None:
                row, fields = tuple(decision.state.values()), tuple(decision.fields[f.name] for f in occasion.event.fields)
                said = [step.answer.get(name) for name in occasion.event.answers]
                model._entries.note(decision.entry, lambda held: self.compiled.notes[rule.name](row, fields, held, said))
        self.between.discard(id(model))


class Live:
    """One running instance. Variables are attributes; the control variable is the `transitions` state."""

    refusal: str | None
    """The code of the last refusal, None after an accepted event."""
    rule: str | None
    """The rule that accepted the last event, None after a refusal."""
    answer: dict[str, Value]
    ledger: list[tuple[Kind, str, int]]
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Variables, events and what `transitions` adds are known by the declaration alone."""

    def __init__(self, machine: Machine, parameters: Values, look_ups: LookUps, *, graph: bool) -> None:
        self.machine = _drawn(machine, parameters, look_ups) if graph else _LiveMachine(machine, parameters, look_ups)
        self.machine.add_model(self)

    @property
    def state_values(self) -> dict[str, Value]:
        """Every variable with its value."""
        return {name: getattr(self, name) for name in self.machine.initials}

    def __copy__(self) -> Live:
        """Returns an account of its own: its triggers move no other one."""
        return deepcopy(self)


def _drawn(machine: Machine, parameters: Values, look_ups: LookUps) -> _LiveMachine:
    from transitions.extensions import GraphMachine

    class Drawn(_LiveMachine, GraphMachine):
        """One that draws itself."""

    return Drawn(machine, parameters, look_ups, title=machine.name, graph_engine="graphviz")


def live(machine: Machine, parameters: Values, *, look_ups: LookUps | None = None, graph: bool = False) -> Live:
    """A new instance of `machine` in its initial state. Refuses, by `AssertionError`, names that Python cannot spell.

    `look_ups` find facts that an event is not given. `graph`: it has the `get_graph()` of `transitions`, and is slower to make.
    Raises `KeyError` for a parameter that is missing, and `TypeError` for one that is no value of its type.
    """
    names = [e.name for e in machine.events] + [v.name for v in machine.variables]
    assert all(name.isidentifier() for name in names), "events and variables must be Python names to become attributes"
    for parameter in machine.all_parameters:
        if not parameter.type.admits(parameters[parameter.name]):
            raise TypeError(f"the parameter {parameter.name!r} is a {parameter.type}, not {parameters[parameter.name]!r}")
    return Live(machine, parameters, look_ups or {}, graph=graph)


def live_account(specification: Specification, policy: Values | None = None, *, catalogue: AnyCatalogue | None = None) -> Live:
    """A new account of `specification`, under the default answers but for those of `policy`, and the figures of `catalogue`.

    It finds facts by itself: those of the catalogue, and those of what it remembers, where the key of an entry is given.
    """
    figures, chosen = catalogue or specification.catalogue, policy or {}
    if unknown := chosen.keys() - specification.defaults.keys():
        raise TypeError(f"there is no policy {min(unknown)!r}; there are {', '.join(specification.defaults) or 'none'}")
    look_ups = {name: fact(figures) for name, fact in specification.facts.items()}
    parameters = {**figures.parameters(), **specification.defaults, **chosen}
    return live(specification.main(figures), parameters, look_ups=look_ups)

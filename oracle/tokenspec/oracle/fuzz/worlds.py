"""Stateful fuzzing of the whole oracle: records of every declared event, time of every length, random settings.

`WorldFuzz` is an ordinary Hypothesis state machine; `world_fuzz()` builds it from the declaration, with a rule for
each event. Subclass the class it returns and override `answered` to compare an implementation of your own:

    class MyFuzz(world_fuzz()):
        def answered(self, record, answer):
            assert my_wallet.handle(record)["balances"] == answer.balances

    TestMyWallet = MyFuzz.TestCase
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from tokenspec.machine.checkers.monitor import Tally, Watch, one_outcome
from tokenspec.machine.fuzzing.boundary_values import Amounts, answers_of
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.fuzzing.stateful import agreed, event_rule, names_by_weight
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Fields, Row
from tokenspec.machine.interpreters.live_reader import LiveReader
from tokenspec.machine.lang.catalogue import UNLISTED, AnyCatalogue
from tokenspec.machine.lang.declaration import Actor, Event, Field, Key, Machine, Origin, Shape
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.types import Tokens, Value
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import DEFAULT, DEFAULTS, SPEC, claims, machines
from tokenspec.oracle.base.specification import account as the_account
from tokenspec.oracle.fuzz.figures import OTHERS
from tokenspec.oracle.fuzz.layer_checks import layer_checks
from tokenspec.oracle.fuzz.names import UsedNames, alike, fresh, joined_alike, unlisted
from tokenspec.oracle.fuzz.scenes import DICE, FAR, LATE, LENGTHS, WHOLE, Scene, scene_of
from tokenspec.oracle.fuzz.starts import NOTHING, STARTS
from tokenspec.oracle.runtime.memory import KEY, begins
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import Script, Wait
from tokenspec.oracle.runtime.steps import MachineStep
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.records import asked


@dataclass(frozen=True)
class FuzzWorld:
    """The settings of one run."""

    policy: Mapping[str, str]
    catalogue: AnyCatalogue
    resets: str


@dataclass(frozen=True)
class Failure:
    """The end of a failing run: its records with the answers given, its settings, and the error."""

    records: list[dict[str, Any]]
    world: FuzzWorld
    error: Exception
    expected: list[Answer | None] = field(default_factory=list)
    """The right answers, where the answers given are an implementation's."""

    @property
    def kind(self) -> tuple[str, ...]:
        """Returns the identity of a failure: the error's own kind, the claim, or the class of the error."""
        kind: tuple[str, ...] | None = getattr(self.error, "kind", None)
        return kind or (type(self.error).__name__, getattr(self.error, "claim", ""))


@dataclass
class Count:
    """The numbers of examples, of steps, and of compared answers of an implementation."""

    examples: int = 0
    steps: int = 0
    compared: int = 0


class WorldFuzz(RuleBasedStateMachine):
    """One run of a world with two accounts. Made by `world_fuzz`; the class attributes collect over all runs."""

    events: tuple[Event, ...]
    said: Mapping[str, list[Field]]
    dice: Mapping[str, int]
    """By event, the fields of a record that are no keys, and the number of random choices that a record takes."""
    machine: Machine
    watch_for: Watch
    coverage: Coverage
    tally: Tally
    count: Count
    _now: int
    failure: Failure | None
    only: frozenset[str] | None = None
    """The claims to be checked; all of them where None."""
    fixed_policy: Mapping[str, str] = {}
    """Policies that are not drawn."""
    fixed_catalogue: AnyCatalogue | None = None
    figures: tuple[AnyCatalogue, ...] = (DEFAULT,)
    """The catalogues that random walks take in turn."""
    begun_with: tuple[str, ...] = STARTS.with_what(DEFAULT)
    """The names of what accounts begin with."""
    on_example: Callable[[], None] | None = None
    check_readers_every: int = 5
    oracle_kind: type[Oracle] = Oracle
    _scene = Scene()

    def start(
        self, policy: Mapping[str, str], catalogue: AnyCatalogue, resets: str, start: str, plan: str, scene: Scene | None = None
    ) -> None:
        """Opens a world, and brings an account to the start of the run; another one has tokens by then."""
        self._scene = scene or Scene()
        self.open_world(policy, catalogue, resets)
        first, other, _ = self._scene.accounts
        if start != NOTHING:
            self._play_script(other, self._prelude(STARTS.of_other[not self._scene.naming % 4], plan))
        self._play_script(first, self._prelude(start, plan))

    def _play_script(self, who: str, script: Script) -> None:
        for each in script:
            if isinstance(each, Wait):
                self._now = self._time(who, each)
            else:
                self._play({"account": who, "at": format_instant(self._now), **each})

    def open_world(self, policy: Mapping[str, str], catalogue: AnyCatalogue, resets: str) -> None:
        """Opens an empty world under the given settings."""
        type(self).count.examples += 1
        settings = {**policy, **self.fixed_policy}
        self.oracle = self.oracle_kind(settings, self.fixed_catalogue or catalogue, resets, machine=self.machine)
        self._amounts = Amounts(self.machine, self.oracle.parameters)
        self._live = _live_reader(self.machine).bound_to(self.oracle.parameters)
        self._monitor = self.watch_for.monitor(self.oracle.compiled, self.tally)
        self._ghosts: dict[str, Row] = {}
        self._listed = listed(self.oracle.catalogue)
        self._layers = layer_checks()(self.oracle, self.tally, self.only, self._observe)
        self.records: list[dict[str, Any]] = []
        self._names = UsedNames(self.records)
        self._now = self._scene.start
        self._steps = 0

    def _prelude(self, start: str, plan: str) -> Script:
        """Returns the events that bring an account to the start of a run."""
        return STARTS.script(self.oracle.catalogue, start, plan, self._opening)

    @property
    def _opening(self) -> str:
        """The time of day at which the run begins: an account that is opened at its own reset time waits a whole day."""
        return format_instant(self._scene.start)[11:16]

    def act(self, event: Event, dice: bytes) -> None:
        """Runs `event` for one of the accounts; the dice choose account, instant, id and fields."""
        whose, wait, again, *rest = dice
        first, *others = self._scene.accounts
        who = others[whose // 8 % 4 == 3] if whose % 8 == 7 else first
        # In half of the cases no time passes, so that several events share an instant.
        self._now = self._now if wait % 2 else max(self._now, self._time(who, LENGTHS[wait // 2 % len(LENGTHS)]))
        record: dict[str, Any] = {"account": who, "at": format_instant(self._now), "event": event.name}
        thrown = iter(rest)
        for said in self.said[event.name]:
            record[said.key] = self._value(who, said.type, next(thrown))
        for key in event.keys:
            if (written := self._key(who, event, key, next(thrown))) is not None:
                record[key.name] = written
        self._fit_to_the_lists(record, whose)
        if again >= 240 and (used := [r for r in self.records if "id" in r and r["account"] == who]):
            # A retry is mostly the same request, soon or long after; one in four is another under an id that is used.
            back = whose // 8 * len(used) // 32 if again % 4 == 1 else whose // 8
            earlier = asked(used[-1 - back % len(used)])
            record = record | {"id": earlier["id"]} if again % 4 == 3 else earlier | {"at": record["at"]}
        elif again >= 180:
            # An id belongs to its account, so one in four is one that another account has used.
            record["id"] = self._of_another(who, "id") if again % 4 == 3 else self._unused_name(who, "id", whose)
        self._play(record)

    def _unused_name(self, who: str, key: str, die: int, known: Sequence[str] = ()) -> str:
        """Returns a name that has not been used as `key`; often one that is nearly the same as one that has, best a known one."""
        near, by_account = "", self._names.of(key)
        used = by_account.get(who, {}) if die % 4 != 2 else {}
        if die % 2:
            others = [(other, name) for other, names in by_account.items() if other != who for name in names]
            near = min(joined_alike(who, others) - used.keys(), default="")
        elif used and die % 4 == 0:
            near = alike((known or list(used))[-1 - die // 64 % len(known or used)], die // 4 + len(self.records))
        if near and near not in used:
            return near
        return fresh("e" if key == "id" else key[0], len(self.records), self._scene.naming)

    def _fit_to_the_lists(self, record: dict[str, Any], die: int) -> None:
        """Fits a record to the lists: what one key tells is not said by another; a number that is listed is mostly that one."""
        for said in self.said[record["event"]]:
            if said.instead and said.instead in record:
                record.pop(said.key, None)
        for number, key in SPEC.prices.items():
            if number in record and key in record and die % 4:
                record[number] = self._listed[SPEC.names[key]].get(record[key], record[number])

    def answered(self, record: dict[str, Any], answer: Answer) -> None:
        """Called with each record and the right answer to it; override it to compare an implementation."""

    def teardown(self) -> None:
        """Ends the run."""
        if (hook := type(self).on_example) is not None:
            hook()

    def _play(self, record: dict[str, Any]) -> None:
        type(self).count.steps += 1
        kept = dict(record)
        self.records.append(kept)
        try:
            try:
                answer = self._layers.play(record).answer
            except Gap as gap:
                raise one_outcome(gap) from gap
            kept["observed"] = answer.as_dict()
            self.answered(record, answer)
        except Exception as error:
            type(self).failure = self._failure(error)
            raise

    def _failure(self, error: Exception) -> Failure:
        """Returns the failure that ended this run."""
        return Failure(list(self.records), FuzzWorld(dict(self.oracle.policy), self.oracle.catalogue, self.oracle.resets), error)

    def replay(self, records: list[dict[str, Any]], world: FuzzWorld) -> None:
        """Runs given records in a world of its own; raises as a run does."""
        self.open_world(world.policy, world.catalogue, world.resets)
        for record in records:
            self._play(asked(record))

    def _observe(self, name: str, step: MachineStep) -> None:
        event, fields, before, outcome = step.event, step.fields, step.before, step.outcome
        self.coverage.note(self.oracle.compiled, event, outcome)
        ghosts = self._ghosts.get(name, self._monitor.initial_ghosts)
        self._ghosts[name] = self._monitor.observe(event, fields, before, outcome, ghosts)
        self._steps += 1
        if self._steps % self.check_readers_every == 0:
            self._readers_agree(event, fields, before)

    def _readers_agree(self, event: str, fields: Fields, before: Row) -> None:
        state: Mapping[str, Value] = dict(zip((v.name for v in self.machine.variables), before, strict=True))
        given = {f.name: v for f, v in zip(self.machine.event_named[event].fields, fields, strict=True)}
        steps = {
            "reference": reference.step(self.machine, self.oracle.parameters, state, event, given),
            "compiled": self.oracle.compiled.step(state, event, given),
            "live": self._live.step(state, event, given),
        }
        agreed(event, steps)
        self._layers.met("exactly_one_outcome", "one_outcome")

    def _time(self, who: str, wait: Wait) -> int:
        return wait.end(self.oracle.accounts.get(who), self._now)

    def _row(self, who: str) -> Row:
        account = self.oracle.accounts.get(who)
        return account.row if account is not None else self.oracle.compiled.initial

    def _value(self, who: str, kind: Any, die: int) -> Any:
        # One amount in eight is the last quote: a generation costs the price that was shown.
        if isinstance(kind, Tokens) and die % 8 == 7 and self._layers.quoted:
            return kind.nearest(self._layers.quoted)
        # One in eight is the whole balance, so that pools become empty however large a catalogue's figures are.
        if isinstance(kind, Tokens) and die % 8 == WHOLE and (held := sum(self.oracle.app_balances(self._row(who)))):
            return kind.nearest(held)
        value = self._amounts.value(self._row(who), kind, die)
        if isinstance(kind, Tokens) and isinstance(value, int) and value > FAR and len(self.records) < LATE and die % 16:
            # A pool that is as good as full leaves little to be seen of what comes after: such amounts are rare, or come last.
            value = self._amounts.value(self._row(who), kind, die // 16)
        return unlisted(kind.members, die) if value == UNLISTED else value

    def _key(self, who: str, event: Event, key: Key, die: int) -> Any:
        if key.shape is Shape.TIME_OF_DAY:
            return (None if key.optional else "12:30", "00:00", self._opening, "23:59")[die % 4]
        if key.shape is Shape.POOLS:
            return self._layers.shown(who, die)
        if key.name == KEY:
            return self._job(who, event, die)
        # One record in eight has a key that may be left out.
        if key.optional:
            if die % 8:
                return None
            die //= 8
        if key.name in SPEC.names:
            entries = self._listed[SPEC.names[key.name]]
            names = (*entries, unlisted([*entries], die // 4))
            # Entries that are more than a number have variants.
            has_variants = any(isinstance(entry, dict) for entry in entries.values())
            return names[die % len(names)] + (("", " Fast", "-lite", "x")[die % 4] if has_variants else "")
        if key.name == SPEC.other_account:
            return (*self._scene.accounts, "t1")[die % 4]
        begun = self._sessions_of(who, event)
        if begun and die % 8 > 1:
            return begun[die // 8 % len(begun)]
        name = f"{key.name[0]}{die % 2 + 1}"
        return alike(name, die // 8) if die % 8 == 7 else name

    def _sessions_of(self, who: str, event: Event) -> list[str]:
        """Returns the sessions that an event can be about: those that are logged in, unless it is what logs in."""
        is_of_one = event.name in self.oracle.session_machine.event_named and not self._logs_in(event)
        return list(self.oracle.accounts[who].sessions) if is_of_one and who in self.oracle.accounts else []

    def _logs_in(self, event: Event) -> bool:
        return any(self.oracle.session_out in rule.source for rule in event.rules)

    def _job(self, who: str, event: Event, die: int) -> str:
        """Returns the name of an entry: mostly a new one for an event that begins entries, mostly an accepted one for any other.

        A new one has often been refused before: a refusal does not use it up.
        """
        account = self.oracle.accounts.get(who)
        known = list(account.entries) if account is not None else []
        wants_new = begins(event.name)
        if known and (die % 8 == 7) == wants_new:
            # The last ones, and in a long run as many that are as old as they can be.
            return known[-1 - die // 8 % len(known)] if die // 8 % 2 else known[die // 8 % len(known)]
        if die % 8 == 5:
            return self._of_another(who, KEY)
        if die % 4 == 2:
            tried = (r[KEY] for r in reversed(self.records) if r["account"] == who and KEY in r and r[KEY] not in known)
            if refused := next(tried, ""):
                return str(refused)
        return self._unused_name(who, KEY, die, known)

    def _of_another(self, who: str, key: str) -> str:
        """Returns the last id or job that another account has named, and this one has not; a new one where there is none."""
        own = self._names.of(key).get(who, ())
        others = (r[key] for r in reversed(self.records) if key in r and r["account"] != who and r[key] not in own)
        return next(others, f"{key[0]}{len(self.records)}")


def listed(catalogue: AnyCatalogue) -> dict[str, dict[str, Any]]:
    """Returns the entries of each table that keys of records name."""
    written = catalogue.written()
    return {table: written[table] for table in SPEC.names.values()}


@lru_cache(maxsize=8)
def _live_reader(machine: Machine) -> LiveReader:
    # The figures are placeholders; the reader is bound to the real ones for each run.
    figures: dict[str, Value] = {p.name: p.type.lo if isinstance(p.type, Tokens) else False for p in machine.parameters}
    return LiveReader(machine, {**figures, **DEFAULTS})


def world_fuzz(
    machine: Machine | None = None, watch: Watch | None = None, catalogue: AnyCatalogue | None = None
) -> type[WorldFuzz]:
    """Returns a Hypothesis state machine with a rule for each event that a log can hold.

    `machine` replaces the account; runs use `catalogue` alone, in place of the default and others of its plans.
    """
    account = machine or the_account(catalogue or DEFAULT)
    plans = STARTS.with_what(catalogue or DEFAULT)
    events = [e for m in (account, *machines(catalogue or DEFAULT)[1:]) for e in m.events if e.actor is not Actor.CLOCK]
    said = {e.name: [f for f in e.fields if f.origin is Origin.PAYLOAD] for e in events}
    dice = {e.name: 3 + len(said[e.name]) + len(e.keys) for e in events}
    rules = {
        name: event_rule(e, dice[e.name], lambda run, event, dice: run.act(event, dice))
        for e in events
        for name in names_by_weight(e)
    }
    own: dict[str, Any] = {
        "begin": _beginning(account, catalogue, plans),
        "events": tuple(events),
        "said": said,
        "dice": dice,
        "machine": account,
        "watch_for": watch or Watch(account, claims(catalogue or DEFAULT)),
        "coverage": Coverage((account,)),
        "tally": Tally(),
        "count": Count(),
        "failure": None,
        "fixed_catalogue": catalogue,
        "figures": (catalogue,) if catalogue is not None else (DEFAULT, DEFAULT, OTHERS.small),
        "begun_with": plans,
    }
    return type("WorldFuzz", (WorldFuzz,), {**rules, **own})


def _beginning(account: Machine, catalogue: AnyCatalogue | None, plans: tuple[str, ...]) -> Any:
    """Returns the rule that draws the settings with which a run begins."""

    def begin(
        self: WorldFuzz, policy: dict[str, str], catalogue: AnyCatalogue, resets: str, start: str, plan: str, scene: bytes
    ) -> None:
        """Draws the settings, and begins the run."""
        self.start(policy, catalogue, resets, start, plan, scene_of(scene))

    return initialize(
        policy=answers_of(account),
        catalogue=OTHERS.drawn() if catalogue is None else st.just(catalogue),
        resets=st.sampled_from(("explicit", "explicit", "implied")),
        start=st.sampled_from(STARTS.names),
        plan=st.sampled_from(plans),
        scene=st.binary(min_size=DICE, max_size=DICE),
    )(begin)

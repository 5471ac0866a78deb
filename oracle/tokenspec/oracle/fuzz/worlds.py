"""Stateful fuzzing of the whole oracle: records of every declared event, time of every length, random settings.

`WorldFuzz` is an ordinary Hypothesis state machine; `world_fuzz()` builds it from the declaration, with a rule for
each event. Subclass the class it returns and override `answered` to compare an implementation of your own:

    class MyFuzz(world_fuzz()):
        def answered(self, record, answer):
            assert my_wallet.handle(record)["balances"] == answer.balances

    TestMyWallet = MyFuzz.TestCase
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.monitor import Tally, Watch, one_outcome
from tokenspec.machine.fuzzing.boundary_values import Amounts, answers_of
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.fuzzing.stateful import agreed, event_rule, names_by_weight
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Fields, Row
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.interpreters.live import LiveReader
from tokenspec.machine.lang.declaration import Actor, Event, Field, Key, Machine, Origin, Shape
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.types import Tokens, Value
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.fuzz.layer_claims import LayerChecks
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import MINUTE_MS, MONTH, UNKNOWN, Script, Wait, move
from tokenspec.oracle.runtime.steps import MachineStep
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.records import asked
from tokenspec.spec.catalogue import DEFAULT, Catalogue, Model, Plan
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system
from tokenspec.spec.words import UNLISTED

START = parse_instant("2027-01-31T22:30:00Z")
"""Late on the last day of a long month: the next anniversaries and the next midnight are awkward at once."""

_OPENING = "22:30"
"""The time of day at which runs begin: an account that is opened at its own reset time waits a whole day."""

_HOUR, _ANY = 3_600_000, ("daily", "renewal")
_LENGTHS = (
    Wait(),
    Wait(ms=MINUTE_MS),
    Wait(_ANY),
    Wait(ms=_HOUR),
    Wait(ms=DAY_MS),
    Wait(_ANY, -1),
    Wait(_ANY, 1),
    MONTH,
    Wait(ms=1),
    Wait(ms=5 * _HOUR),
    Wait(("renewal",), -1),
    Wait(ms=49 * _HOUR),
    Wait(ms=31 * DAY_MS),
    Wait(ms=92 * DAY_MS),
)
"""The lengths of time between two records, as dice choose them."""
STARTS = ("opened", "subscribed", "emptied", "cancelled", "renewal due", "past due", "changed", "full bank", "lapsed", "nothing")


@dataclass(frozen=True)
class FuzzWorld:
    """The settings of one run."""

    policy: Mapping[str, str]
    catalogue: Catalogue
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


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Draws the default catalogue, or one of the same plans with other figures."""
    if draw(st.booleans()):
        return DEFAULT
    allowances = sorted(draw(st.lists(st.sampled_from((0, 1, 4, 100, 8_500)), min_size=3, max_size=3)))
    names = DEFAULT.ranking[1:]
    plans = {
        name: Plan(allowance, draw(st.sampled_from((0, 7))), DEFAULT.plans[name].relaxed)
        for name, allowance in zip(names, allowances, strict=True)
    }
    return Catalogue(
        DEFAULT.ranking,
        draw(st.sampled_from((150, 1, 5))),
        draw(st.sampled_from((3, 1, 0))),
        {DEFAULT.ranking[0]: Plan(0), **plans},
        {"small": draw(st.sampled_from((1, 10, 1_000))), "large": 50},
        DEFAULT.prices,
        models={"own": Model("first_party"), "own 2": Model("first_party", paid_only=True), "other": Model("third_party")},
    )


class WorldFuzz(RuleBasedStateMachine):
    """One run of a world with two accounts. Made by `world_fuzz`; the class attributes collect over all runs."""

    events: tuple[Event, ...]
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
    fixed_catalogue: Catalogue | None = None
    plans: tuple[str, ...] = DEFAULT.ranking[1:]
    """The plans to begin with: the paid ones, where there are any."""
    on_example: Callable[[], None] | None = None
    check_readers_every: int = 5

    def start(self, policy: Mapping[str, str], catalogue: Catalogue, resets: str, start: str, plan: str) -> None:
        """Opens a world, and brings an account to the start of the run."""
        self.open_world(policy, catalogue, resets)
        if start != "nothing":
            self._play({"account": "b", "at": format_instant(self._now), "event": "open_account"})
        for each in self._prelude(start, plan):
            if isinstance(each, Wait):
                self._now = self._time("a", each)
            else:
                self._play({"account": "a", "at": format_instant(self._now), **each})

    def open_world(self, policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
        """Opens an empty world under the given settings."""
        type(self).count.examples += 1
        settings = {**policy, **self.fixed_policy}
        self.oracle = Oracle(settings, self.fixed_catalogue or catalogue, resets, machine=self.machine)
        self._amounts = Amounts(self.machine, self.oracle.parameters)
        self._live = _live_reader(self.machine).bound_to(self.oracle.parameters)
        self._monitor = self.watch_for.monitor(self.oracle.compiled, self.tally)
        self._ghosts: dict[str, Row] = {}
        self._layers = LayerChecks(self.oracle, self.tally, self.only, self._observe)
        self.records: list[dict[str, Any]] = []
        self._now = START
        self._steps = 0

    def _prelude(self, start: str, plan: str) -> Script:
        """Returns the events that bring an account to the start of a run; the only wait is for the renewal."""
        ranking, plans = self.oracle.catalogue.ranking, self.oracle.catalogue.plans
        everything = self.oracle.catalogue.daily + plans[plan].allowance
        spent = move("generate", job="j", cost=everything, media="image", origin="first_party")
        pack = move("buy_topup", pack=next(iter(self.oracle.catalogue.packs), ""), quantity=1)
        lower = move("downgrade", plan=ranking[ranking.index(plan) - 1] if ranking.index(plan) > 1 else plan)
        subscribed = (move("open_account"), move("subscribe", plan=plan))
        renew, failed = move("renew"), move("payment_failed")
        starts: dict[str, Script] = {
            "nothing": (),
            "opened": (move("open_account", daily_reset_time=_OPENING),),
            "subscribed": subscribed,
            "emptied": (*subscribed, spent),
            "cancelled": (*subscribed, pack, move("cancel")),
            "renewal due": (*subscribed, MONTH, move("login", session="s1")),
            "past due": (*subscribed, pack, MONTH, failed),
            "changed": (*subscribed, pack, lower),
            "full bank": (*subscribed, *(MONTH, renew) * 3, lower, MONTH),
            "lapsed": (*subscribed, pack, MONTH, renew, MONTH, failed, move("lapse")),
        }
        return starts[start]

    def act(self, event: Event, dice: bytes) -> None:
        """Runs `event` for one of the accounts; the dice choose account, instant, id and fields."""
        whose, wait, again, *rest = dice
        who = "b" if whose % 8 == 7 else "a"
        # In half of the cases no time passes, so that several events share an instant.
        self._now = max(self._now, self._time(who, Wait() if wait % 2 else _LENGTHS[wait // 2 % len(_LENGTHS)]))
        record: dict[str, Any] = {"account": who, "at": format_instant(self._now), "event": event.name}
        thrown = iter(rest)
        for said in _payload(event):
            record[said.key] = self._value(who, said.type, next(thrown))
        for key in event.keys:
            if (written := self._key(who, event, key, next(thrown))) is not None:
                record[key.name] = written
        self._fit_to_the_lists(record, whose)
        if again >= 240 and (used := [r for r in self.records if "id" in r and r["account"] == who]):
            # A retry is mostly the same request, soon or long after; one in four is another under an id that is used.
            first = asked(used[-1 - whose // 8 % len(used)])
            record = record | {"id": first["id"]} if again % 4 == 3 else first | {"at": record["at"]}
        elif again >= 180:
            # An id belongs to its account, so one in four is one that another account has used.
            record["id"] = self._of_another(who, "id") if again % 4 == 3 else f"e{len(self.records)}"
        self._play(record)

    def _fit_to_the_lists(self, record: dict[str, Any], die: int) -> None:
        """Fits a generation to the lists: with a model it has no origin; with an action it mostly costs the listed price."""
        if "model" in record:
            record.pop("origin", None)
        price = self.oracle.catalogue.prices.get(record.get("action", ""))
        if "cost" in record and price is not None and die % 4:
            record["cost"] = price

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
            return self._layers.quoted
        # One in eight is the whole balance, so that pools become empty however large a catalogue's figures are.
        if isinstance(kind, Tokens) and die % 8 == 6 and (held := sum(self.oracle.app_balances(self._row(who)))):
            return min(held, kind.hi)
        value = self._amounts.value(self._row(who), kind, die)
        return UNKNOWN if value == UNLISTED else value

    def _key(self, who: str, event: Event, key: Key, die: int) -> Any:
        if key.shape is Shape.TIME_OF_DAY:
            return (None, "00:00", _OPENING, "23:59")[die % 4]
        if key.shape is Shape.POOLS:
            return self._layers.shown(who, die)
        if key.name == "job":
            return self._job(who, event, die)
        # One generation in eight names its action, one in eight its model.
        if key.optional:
            if die % 8:
                return None
            die //= 8
        if key.name == "action":
            actions = (*self.oracle.catalogue.prices, "no such action")
            return actions[die % len(actions)]
        if key.name == "model":
            models = (*self.oracle.catalogue.models, "no such model")
            return models[die % len(models)] + ("", " Fast", "-lite", "x")[die % 4]
        return f"{key.name[0]}{die % 2 + 1}"

    def _job(self, who: str, event: Event, die: int) -> str:
        """Returns a job: mostly a new one for an event that starts jobs, mostly an accepted one for any other.

        A new one has often been refused before: a refusal does not use it up.
        """
        account = self.oracle.accounts.get(who)
        known = list(account.entries) if account is not None else []
        wants_new = any(f.name == "job_is_new" for f in event.fields)
        if known and (die % 8 == 7) == wants_new:
            return known[-1 - die // 8 % len(known)]
        tried = [r["job"] for r in self.records if r["account"] == who and "job" in r and r["job"] not in known]
        if die % 8 == 5:
            return self._of_another(who, "job")
        return tried[-1] if tried and die % 2 == 0 else f"j{len(self.records)}"

    def _of_another(self, who: str, key: str) -> str:
        """Returns the last id or job that another account has named; a new one where there is none."""
        others = [r[key] for r in self.records if key in r and r["account"] != who]
        return others[-1] if others else f"{key[0]}{len(self.records)}"


@lru_cache(maxsize=8)
def _live_reader(machine: Machine) -> LiveReader:
    # The figures are placeholders; the reader is bound to the real ones for each run.
    figures: dict[str, Value] = {p.name: p.type.lo if isinstance(p.type, Tokens) else False for p in machine.parameters}
    return LiveReader(machine, {**figures, **DEFAULTS})


def _payload(event: Event) -> list[Field]:
    return [f for f in event.fields if f.origin is Origin.PAYLOAD]


def dice_of(event: Event) -> int:
    """Returns the number of random choices that a record of `event` takes."""
    return 3 + len(_payload(event)) + len(event.keys)


def world_fuzz(machine: Machine | None = None, watch: Watch | None = None, catalogue: Catalogue | None = None) -> type[WorldFuzz]:
    """Returns a Hypothesis state machine with a rule for each event that a log can hold.

    `machine` replaces the account; runs use `catalogue` alone, in place of the default and others of its plans.
    """
    account, _, session = system(catalogue or DEFAULT).machines
    account = machine or account
    ranking = (catalogue or DEFAULT).ranking
    plans = ranking[1:] or ranking
    events = [e for m in (account, session) for e in m.events if e.actor is not Actor.CLOCK]
    rules = {
        name: event_rule(e, dice_of(e), lambda run, event, dice: run.act(event, dice))
        for e in events
        for name in names_by_weight(e)
    }
    own: dict[str, Any] = {
        "begin": _beginning(account, catalogue, plans),
        "events": tuple(events),
        "machine": account,
        "watch_for": watch or Watch(account, claims(ranking)),
        "coverage": Coverage((account,)),
        "tally": Tally(),
        "count": Count(),
        "failure": None,
        "fixed_catalogue": catalogue,
        "plans": plans,
    }
    return type("WorldFuzz", (WorldFuzz,), {**rules, **own})


def _beginning(account: Machine, catalogue: Catalogue | None, plans: tuple[str, ...]) -> Any:
    """Returns the rule that draws the settings with which a run begins."""

    def begin(self: WorldFuzz, policy: dict[str, str], catalogue: Catalogue, resets: str, start: str, plan: str) -> None:
        """Draws the settings, and begins the run."""
        self.start(policy, catalogue, resets, start, plan)

    return initialize(
        policy=answers_of(account),
        catalogue=catalogues() if catalogue is None else st.just(catalogue),
        resets=st.sampled_from(("explicit", "explicit", "implied")),
        start=st.sampled_from(STARTS),
        plan=st.sampled_from(plans),
    )(begin)

"""The code around the machine, from every state of a small world: what is answered, what is saved, and what a session may show.

An account is put into each state that the tiny scope reaches, with clocks that are late where something is due, an entry that
it remembers, a used id and a session. Its records are then judged like those of random runs, and it is saved and read. What a
view is called is judged in every history of some events, the balances of which this keeps itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.graph.graph import StateGraph
from tokenspec.machine.checkers.monitor import Tally, Violation
from tokenspec.machine.interpreters.compiled import Row
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.types import Tokens
from tokenspec.oracle.account.layer_checks import AccountChecks, verdict
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.check.from_every_state import FromStates, StateChecks
from tokenspec.oracle.runtime import journal
from tokenspec.oracle.runtime.clocks import Dial
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account, Vector
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import load, save
from tokenspec.oracle.wire.answers import Answer
from tokenspec.spec.system import CURRENT
from tokenspec.spec.words import ABSENT, APP_POOLS, SUBSCRIBED

ANSWER, SAVED = ("answer_is_the_state", "answer_is_the_state"), ("going_on_is_going_on", "going_on")
REFUSED = ("refused_changes_nothing", "refused_changes_nothing")
REPEATED = ("repeated_id_changes_nothing", "repeated_id")
ALONE = ("accounts_stand_alone", "answered_alone")
FRESH, VERDICT = ("fresh_view_is_true", "fresh_is_current"), ("fresh_view_is_true", "verdict_is_right")
PARTS = (REFUSED, REPEATED, FRESH, VERDICT, ANSWER, ALONE, SAVED)
"""The parts of claims, each with its claim, that are checked here."""
_AT = "2027-03-31T12:00:00Z"
_REFUSED = Answer("refused", reason="account_must_be_free")
_EVENTS = 5


def from_every_state(policy: Mapping[str, str], tick: Callable[[], None], kind: type[Oracle] = Oracle) -> FromStates:
    """Checks `PARTS` under one choice of policies, of an oracle of this kind. `tick` is called between states, and may raise."""
    found, all_of_them = FromStates(), Tally()
    oracle = kind(policy, TINY.catalogue)
    rows = StateGraph(oracle.compiled, instances(oracle.machine, TINY.values), TINY.most).rows
    world = {f"a{number}": _account(oracle, row) for number, row in enumerate(rows)}
    try:
        _save(oracle, world, all_of_them)
        for number, (name, account) in enumerate(world.items()):
            tick()
            # Beside it stands an account in another state, which has used an id of the same name.
            other = world[f"a{max(0, number - 1)}"].copy()
            other.answers["e1"] = _REFUSED
            checks = AccountChecks(oracle.fork({"b": other, name: account}), all_of_them)
            for record in _records(oracle, account, number):
                checks.play({"account": name, "at": _AT, **record})
        _Histories(oracle, all_of_them, tick).go_through()
    except Violation as violation:
        found.broken = violation
    for part in PARTS:
        found.tally.checked[part] = all_of_them.checked[part]
        found.tally.witnesses[part] = all_of_them.witnesses[part]
    return found


def _account(oracle: Oracle, row: Row) -> Account:
    """Returns an account that is in the state `row`."""
    state, at = oracle.compiled.state(row), parse_instant(_AT)
    account = oracle.memory.begun(row)
    account.last_at = at
    if state["status"] == ABSENT:
        return account
    account.ran[CLOCK_AT["daily"]] = at
    account.dials[CLOCK_AT["daily"]] = _dial(oracle, "daily", at, bool(state["daily_reset_due"]))
    if state["status"] in SUBSCRIBED:
        account.dials[CLOCK_AT["renewal"]] = _dial(oracle, "renewal", at, bool(state["renewals_due"]))
    held = tuple(1 if isinstance(each.type, Tokens) else True for each in oracle.memory.memory.holds)
    oracle.memory.write(account, "j0", held)
    account.answers["e0"] = _REFUSED
    journal.fetch(account, "s0", CURRENT, oracle.app_balances(row))
    return account


def _dial(oracle: Oracle, clock: str, at: int, is_late: bool) -> Dial:
    """Returns the dial of a clock that was started two months and a half before `at`."""
    dial = oracle.clocks[clock].start(at - 75 * DAY_MS)
    oracle.clocks[clock].pass_until(dial, at)
    if not is_late:
        dial.settle()
    return dial


def _records(oracle: Oracle, account: Account, number: int) -> Iterator[dict[str, Any]]:
    """Yields a login, one more under its id, a view of what is true, and a record that is refused, in turn of several kinds."""
    yield from ({"event": "login", "session": "s1", "id": "e1"},) * 2
    shown = dict(zip(APP_POOLS, oracle.app_balances(account.row), strict=True))
    yield {"event": "view", "session": "s1", "shown": shown}
    refused = (
        {"event": "transfer", "to": "b", "amount": 1},
        {"event": "enable_relaxed"},
        {"event": "quote", "action": "(no such action)"},
        {"event": "login", "session": "s0"},
        {"event": "open_account"},
        {"event": "refund", "job": "(no such job)"},
    )
    yield refused[number % len(refused)] if account.sessions else refused[0]


def _demand(tally: Tally, part: tuple[str, str], holds: bool, detail: str, interesting: bool = True) -> None:
    tally.checked[part] += 1
    tally.witnesses[part] += interesting
    if not holds:
        raise Violation(*part, next(c.sentence for c in claims(TINY.catalogue.ranking) if c.id == part[0]), detail)


def _save(oracle: Oracle, world: Mapping[str, Account], tally: Tally) -> None:
    """Saves all accounts together and reads them again, as a replay does that goes on tomorrow."""
    try:
        again = load(save(oracle.fork(world))).accounts
    except BadSetting as fault:
        raise Violation(*SAVED, "A state that is saved can be read.", str(fault)) from fault
    for name, account in world.items():
        same = again.get(name) == account
        _demand(tally, SAVED, same, f"{account} was saved, and {again.get(name)} was read.", bool(account.sessions))


class _Histories:
    """Every history of `_EVENTS` events of one account, in which tokens are spent and given back and two sessions come and go."""

    def __init__(self, oracle: Oracle, tally: Tally, tick: Callable[[], None]) -> None:
        self._oracle, self._tally, self._tick = oracle, tally, tick
        first = oracle.fork({})
        for record in ({"event": "open_account"}, {"event": "subscribe", "plan": TINY.catalogue.ranking[-1]}):
            first.apply({"account": "a", "at": _AT, **record})
        self._first = first.accounts["a"]

    def go_through(self) -> None:
        """Judges all views in each of them."""
        self._go_on(self._first, (self._oracle.app_balances(self._first.row),), {}, ())

    def _go_on(self, account: Account, history: tuple[Vector, ...], synced: Mapping[str, int], jobs: tuple[str, ...]) -> None:
        self._tick()
        for session, since in synced.items():
            for shown in _views(self._first, self._oracle):
                self._judge(account, session, shown, history[since:])
        if len(history) > _EVENTS:
            return
        spends = {"event": "generate", "job": f"j{len(history)}", "cost": 1, "media": "image", "origin": "first_party"}
        records: list[dict[str, Any]] = [spends, *({"event": "refund", "job": job} for job in jobs[-1:])]
        for session in ("s1", "s2"):
            records += [{"event": what, "session": session} for what in ("login", "refresh", "logout")]
        for record in records:
            after = self._oracle.fork({"a": account.copy()})
            if after.apply({"account": "a", "at": _AT, **record}).outcome == "refused":
                continue
            told = dict(synced)
            if record["event"] in ("login", "refresh"):
                told[record["session"]] = len(history)
            elif record["event"] == "logout":
                del told[record["session"]]
            more = (*jobs, record["job"]) if record["event"] == "generate" else jobs
            came = after.accounts["a"]
            self._go_on(came, (*history, self._oracle.app_balances(came.row)), told, more)

    def _judge(self, account: Account, session: str, shown: dict[str, int], since: tuple[Vector, ...]) -> None:
        due = verdict(shown, since)
        view = {"account": "a", "at": _AT, "event": "view", "session": session, "shown": shown}
        got = self._oracle.fork({"a": account}).apply(view).shown_is
        _demand(self._tally, VERDICT, got == due, f"{shown} was called {got}; the history {since} says {due}.", due == "stale")


def _views(account: Account, oracle: Oracle) -> list[dict[str, int]]:
    """Returns what a screen may show: each pool with each number of tokens up to what there is at first, and all of them."""
    most = dict(zip(APP_POOLS, oracle.app_balances(account.row), strict=True))
    return [{pool: tokens} for pool, least in most.items() if least for tokens in range(least + 1)] + [most]


FROM_EVERY_STATE = StateChecks(PARTS, from_every_state)

"""A link, a timer or a rule of a small machine is wrong in one place: a claim about the machines together falls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from proofs.worked_out_once import obligations
from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.machines import IN_TIME, WHOLE, WITH_ID
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.checkers.native.search import Budget
from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.lang.build import event, rule, var
from tokenspec.machine.lang.calendars import EveryHours, EveryMonth
from tokenspec.machine.lang.declaration import Actor, Field, Link, Machine, System
from tokenspec.machine.lang.derived.composition import composed
from tokenspec.machine.lang.types import Bool
from tokenspec.machine.mutation.edits import with_effect, with_rule
from tokenspec.oracle.base.specification import about_account, claimed_machines
from tokenspec.oracle.check.evidence import CheckSettings, Evidence, search_together
from tokenspec.oracle.command.verbs.check import saved
from tokenspec.oracle.fuzz.campaign import CampaignResult
from tokenspec.oracle.report.check import breaches
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import CURRENT, DUE, LOGGED_OUT, STALE, WAITING, system
from tokenspec.spec.words import APP_POOLS, HOUR_MS, topup

Seed = Callable[[System], System]


def linked(*links: Link) -> Seed:
    """Other links."""
    return lambda whole: replace(whole, links=links)


def unlinked(when: str) -> Seed:
    """The links of one event are missing."""
    return lambda whole: replace(whole, links=tuple(link for link in whole.links if link.when != when))


def edited(machine: str, edit: Callable[[Machine], Machine]) -> Seed:
    """One machine is another one."""
    return lambda whole: replace(whole, machines=tuple(edit(m) if m.name == machine else m for m in whole.machines))


def target(machine: str, name: str, to: str | None) -> Seed:
    """A rule leads elsewhere."""
    return edited(machine, lambda m: with_rule(m, name, lambda r: replace(r, target=to)))


def timed(name: str, **changed: object) -> Seed:
    """A timer of the daily job is another one."""
    return edited(
        "daily_job",
        lambda m: replace(m, timers=tuple(replace(t, **changed) if t.event == name else t for t in m.timers)),  # type: ignore[arg-type]
    )


def unproved(whole: System, name: str) -> set[tuple[str, str]]:
    machine = next(m for m in claimed_machines(whole) if m.name == name)
    return {(o.claim, o.part) for o in obligations(machine, claims(DEFAULT.ranking), lemmas()) if o.verdict != PROVED}


@pytest.mark.parametrize("name", [WHOLE, IN_TIME])
def test_as_declared_everything_is_proved(name: str) -> None:
    assert unproved(system(), name) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "part"),
    [
        (unlinked("account.daily_reset"), "job"),
        (unlinked("account.daily_reset_falls_due"), "job"),
        (target("daily_job", "is_done", DUE), "job"),
        (target("daily_job", "becomes_due", WAITING), "job"),
        (target("daily_job", "becomes_overdue", WAITING), "job"),
        (unlinked("account.*"), "session"),
        (target("session", "goes_stale", CURRENT), "session"),
        (target("session", "refreshes", STALE), "session"),
        (target("session", "logs_out", CURRENT), "session"),
        (target("session", "looks", CURRENT), "session"),
        (target("session", "stays_out", STALE), "nothing_else_makes_it_old"),
    ],
)
def test_machines_that_do_not_agree_are_found(seed: Seed, part: str) -> None:
    assert ("machines_agree", part) in unproved(seed(system()), WHOLE)


@pytest.mark.parametrize(
    "seed",
    [
        timed("two_days_pass", after_ms=49 * HOUR_MS),
        timed("four_hours_pass", after_ms=25 * HOUR_MS),
        edited("account", lambda m: replace(m, clocks=tuple(replace(c, calendar=EveryHours(48)) for c in m.clocks))),
    ],
)
def test_a_reset_that_is_neither_run_nor_overdue_in_two_days_is_found(seed: Seed) -> None:
    found = unproved(seed(system()), IN_TIME)
    assert {claim for claim, _ in found} & {"run_or_overdue_in_two_days", LEMMA}


@pytest.mark.parametrize("rule_name", ["logs_in", "refreshes"])
def test_a_session_that_fetches_something_old_is_found(rule_name: str) -> None:
    assert ("fresh_view_is_true", "fetched") in unproved(target("session", rule_name, STALE)(system()), WHOLE)


@pytest.mark.slow
def test_an_account_that_reaches_another_one_is_found() -> None:
    reaches = edited("account", lambda m: with_effect(m, "buys_packs", {"topup": topup, "other.topup": var("other.topup") + 1}))
    assert ("accounts_stand_alone", "others_stay") in unproved(reaches(system()), "account")


def test_a_search_of_all_machines_together_tells_how_they_come_to_disagree(tmp_path: Path) -> None:
    evidence = Evidence(CheckSettings(TINY, 0), CampaignResult(Coverage(system().machines), Tally()))
    wrong = target("daily_job", "is_done", DUE)(system(TINY.catalogue))
    evidence.searches.append(search_together(wrong, DEFAULTS, Budget()))
    (found,) = breaches(evidence, None)
    assert (found.claim, found.part) == ("machines_agree", "job")
    assert found.trace[-1] == "daily_reset: daily_reset_due true -> false"
    trace, log = saved(str(tmp_path / "found"), evidence, [found])
    assert "the trace that breaks machines_agree (job), 3 events" in trace
    assert log == "no log: it is a run of all machines together, and a log is one of an account"


def told(names: Iterable[str], seen: tuple[str, ...]) -> set[str]:
    """The events of the whole, among `names`, that may change the state of the session."""
    whole = composed(system(), seen)
    return {e.name for e in whole.events if e.name in names for r in e.rules if any(a.name == "session_state" for a in r.effect)}


def test_a_link_from_any_event_tells_of_changes_of_what_is_seen() -> None:
    names = ("quote", "buy_api", "generate")
    assert told(names, APP_POOLS) == {"generate"}
    assert told(names, (*APP_POOLS, "api")) == {"buy_api", "generate"}
    assert told(names, ()) == set(names)


def test_what_a_link_fires_happens_in_no_other_way() -> None:
    names = {e.name for e in composed(system(), APP_POOLS).events}
    assert names.isdisjoint({"falls_due", "runs", "balance_changes"})
    assert names >= {"daily_reset", "two_days_pass", "login", "view"}


def test_what_is_made_of_the_account_is_told() -> None:
    assert [m.name for m in about_account(system())] == ["account", "account_with_job", WITH_ID, WHOLE]


def _with_field(machine: Machine) -> Machine:
    heard = replace(machine.event_named["runs"], fields=(Field("loud", Bool(), ""),))
    return replace(machine, events=tuple(heard if e.name == "runs" else e for e in machine.events))


def _named_twice(machine: Machine) -> Machine:
    again = event("view", "", "", Actor.USER, rule("views", WAITING, None, ""))
    return replace(machine, events=(*machine.events, again))


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        (edited("daily_job", _with_field), "daily_job.runs has fields"),
        (edited("daily_job", _named_twice), "view is a name in two machines"),
        (
            linked(Link("account.daily_reset", "daily_job.runs"), Link("account.daily_reset", "daily_job.falls_due")),
            "changes job by two links at once",
        ),
        (
            edited("account", lambda m: replace(m, clocks=tuple(replace(c, calendar=EveryMonth()) for c in m.clocks))),
            "the clock daily is not even",
        ),
    ],
)
def test_machines_that_cannot_be_one_are_refused(seed: Seed, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        claimed_machines(seed(system()))


def test_a_session_is_logged_out_at_first() -> None:
    machine = next(m for m in claimed_machines(system()) if m.name == WHOLE)
    assert [v.initial.value for v in machine.variables if v.name == "session_state"] == [LOGGED_OUT]  # type: ignore[union-attr]

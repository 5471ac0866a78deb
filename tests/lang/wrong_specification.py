"""What belongs to a specification beside its machines and does not fit them: TS122, and the codes of names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from purse.specification import PURSE

from lang.turnstile import turnstile
from lang.wrong import Wrong
from tokenspec.machine.lang.build import requires, var, variable
from tokenspec.machine.lang.catalogue import Figures, Listed
from tokenspec.machine.lang.claims import state
from tokenspec.machine.lang.declaration import (
    Actor,
    ClockAct,
    Event,
    Field,
    Key,
    Link,
    Machine,
    Memory,
    Origin,
    Parameter,
    Period,
    Policy,
)
from tokenspec.machine.lang.derived.validate_specification import validate_specification
from tokenspec.machine.lang.derived.validate_worlds import link_faults
from tokenspec.machine.lang.errors import DeclarationError, DeclarationErrors
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.specification import Shown, ShownList
from tokenspec.machine.lang.types import Bool, Enum, Tokens

SPECIFICATION = "specification 'purse'"
MACHINE = PURSE.main()


def purse(**parts: Any) -> Callable[[], None]:
    """Validates the purse with parts of its specification replaced."""
    return lambda: validate_specification(replace(PURSE, **parts))


def answer(**parts: Any) -> Callable[[], None]:
    return purse(answer=replace(PURSE.answer, **parts))


def scope(**parts: Any) -> Callable[[], None]:
    return purse(scopes=(replace(PURSE.scopes[0], **parts),))


def figures(daily: Any, **more: Any) -> Callable[[], None]:
    """Validates the purse with other figures in its catalogue."""
    return purse(catalogue=Figures(PURSE.form, {"daily": daily, **more}))


def account(of_specification: Mapping[str, Any] | None = None, **parts: Any) -> Callable[[], None]:
    """Validates the purse with parts of its machine replaced, and parts of the specification."""
    system = replace(PURSE.system(PURSE.catalogue), machines=(replace(MACHINE, **parts),))
    return purse(system=lambda _: system, **(of_specification or {}))


def changed(event: str, change: Callable[[Event], Event]) -> Callable[[], None]:
    """Validates the purse with one of its events changed."""
    return account(events=tuple(change(each) if each.name == event else each for each in MACHINE.events))


def linked(then: str, *more: Machine) -> Callable[[], None]:
    """Validates the purse with a link."""
    whole = replace(PURSE.system(PURSE.catalogue), links=(Link("purse.buy", then),))
    return lambda: refuse(link_faults(replace(whole, machines=(*whole.machines, *more))))


def refuse(faults: Iterable[DeclarationError]) -> None:
    raise DeclarationErrors(faults)


def rules(event: Event, **parts: Any) -> Event:
    """The event with parts of all of its rules replaced."""
    return replace(event, rules=tuple(replace(rule, **parts) for rule in event.rules))


CATALOGUE, TINY = f"{SPECIFICATION}, catalogue", f"{SPECIFICATION}, scope 'tiny'"
ODD = Policy(Parameter("odd", Enum("odd", ("a", "b")), "a", "x"), (("a", ""), ("b", "")), "x", ())
LEVEL = variable("level", Bool(), False, "how high it stands")
NEGATIVE = tuple(replace(v, type=Tokens(-5)) if v.name == "bought" else v for v in MACHINE.variables)
OPEN_AT_FIRST = tuple(replace(v, initial=Lit("open")) if v.name == "status" else v for v in MACHINE.variables)
WEEKLY = Parameter("weekly", Tokens(), 5, "tokens a week")
SNAPSHOT = Event("x", Actor.USER, "", (), (requires("x_must_be", False, ""),), ())
MOST = {"given": 2, "bought": 2}
ONE = PURSE.scopes[:1]
NEVER_ENDED = Memory("of", "x", "is_new", (), (Period("lasts", "x", (("day", ClockAct.STOPS),)),))


def brings(name: str) -> Callable[[], None]:
    """Validates the purse where who opens it brings one key more."""
    return changed("open_account", lambda event: replace(event, keys=(Key(name, "x"),)))


WRONG_SPECIFICATIONS: dict[str, Wrong] = {
    "hint of an unknown kind": Wrong(
        "TS122", f"{SPECIFICATION}, hint 'monsters'", "'monsters' is not a kind of hint", purse(hints={"monsters": "a.b:C"})
    ),
    "hint without a name": Wrong("TS122", f"{SPECIFICATION}, hint 'starts'", "'a.b'", purse(hints={"starts": "a.b"})),
    "hint that is no name": Wrong("TS122", f"{SPECIFICATION}, hint 'starts'", "'a b:C'", purse(hints={"starts": "a b:C"})),
    "unknown session": Wrong("TS101", f"{SPECIFICATION}, session", "'visit'", purse(session="visit")),
    "the account as a session": Wrong("TS101", f"{SPECIFICATION}, session", "'purse'", purse(session="purse")),
    "fact of no event": Wrong(
        "TS101", f"{SPECIFICATION}, facts", "'is_rich'", purse(facts={"is_rich": Listed("daily", "amount")})
    ),
    "name of an unknown key": Wrong("TS101", f"{SPECIFICATION}, names", "'brand'", purse(names={"brand": "daily"})),
    "name in an unknown table": Wrong("TS101", f"{SPECIFICATION}, names", "'brands'", purse(names={"amount": "brands"})),
    "price of an unknown field": Wrong(
        "TS101", f"{SPECIFICATION}, prices", "'cost'", purse(prices={"cost": "amount"}, names={"amount": "daily"})
    ),
    "unknown other account": Wrong("TS101", f"{SPECIFICATION}, other_account", "'to'", purse(other_account="to")),
    "in place of the job of an unknown clock": Wrong(
        "TS111", f"{SPECIFICATION}, in_place_of_jobs", "'week'", purse(in_place_of_jobs={"week": "spend"})
    ),
    "an unknown event in place of a job": Wrong(
        "TS111", f"{SPECIFICATION}, in_place_of_jobs", "'strike'", purse(in_place_of_jobs={"day": "strike"})
    ),
    "unknown variable shown": Wrong("TS101", f"{SPECIFICATION}, answer", "'plan'", answer(state=(Shown("plan"),))),
    "list of an unknown variable": Wrong(
        "TS101", f"{SPECIFICATION}, answer", "'plan'", answer(lists=(ShownList("relaxed", "plan", ("image",)),))
    ),
    "unknown clock shown": Wrong("TS111", f"{SPECIFICATION}, answer", "'week'", answer(clocks={"week": "next_week_at"})),
    "total of what is no pool": Wrong("TS101", f"{SPECIFICATION}, answer", "'status'", answer(total=("given", "status"))),
    "answer that no rule gives": Wrong("TS101", f"{SPECIFICATION}, answer", "'mode'", answer(said=("mode",))),
    "values of an unknown field": Wrong("TS101", f"{SPECIFICATION}, scope 'tiny'", "'cost'", scope(values={"cost": (1,)})),
    "bound of an unknown variable": Wrong("TS101", f"{SPECIFICATION}, scope 'tiny'", "'fast'", scope(most={"fast": 1})),
    "two scopes of one name": Wrong("TS102", SPECIFICATION, "'tiny'", purse(scopes=PURSE.scopes[:1] * 2)),
    "lemma about an unknown machine": Wrong(
        "TS101", f"{SPECIFICATION}, lemma 'l'", "'bank'", purse(lemmas=(state("l", True, True, "bank"),))
    ),
    "lemma that is no formula": Wrong(
        "TS202", f"{SPECIFICATION}, lemma 'l'", "given", purse(lemmas=(state("l", var("given"), True, "purse"),))
    ),
    "clause that nothing cites": Wrong("TS107", "clause Z9", "nothing cites it", purse(clauses={**PURSE.clauses, "Z9": ""})),
    # figures that no user's catalogue could have
    "figure that is missing": Wrong("TS101", CATALOGUE, "'daily'", purse(catalogue=Figures(PURSE.form, {}))),
    "figure of an unknown key": Wrong("TS101", CATALOGUE, "'dayly'", figures(10, dayly=3)),
    "figure below 0": Wrong("TS204", CATALOGUE, "daily is -1", figures(-1)),
    "figure beyond what can be counted": Wrong("TS204", CATALOGUE, f"daily is {2**53}", figures(2**53)),
    "figure that is a text": Wrong("TS204", CATALOGUE, "daily is '10'", figures("10")),
    "figure that is a truth value": Wrong("TS204", CATALOGUE, "daily is True", figures(True)),
    "figure that is no whole number": Wrong("TS204", CATALOGUE, "daily is 1.5", figures(1.5)),
    "figure of a scope below 0": Wrong("TS204", TINY, "daily is -1", scope(catalogue=Figures(PURSE.form, {"daily": -1}))),
    "figures that are not read": Wrong("TS204", TINY, "other figures", purse(catalogue_of=lambda _: PURSE.catalogue, scopes=ONE)),
    "figures of which nothing is made": Wrong("TS204", CATALOGUE, "other figures", purse(catalogue_of=lambda _: None, scopes=())),
    "parameter without a figure": Wrong(
        "TS101", CATALOGUE, "the parameter 'weekly'", account({"scopes": ()}, parameters=(*MACHINE.parameters, WEEKLY))
    ),
    # small worlds in which nothing can be searched
    "scope without values for a number": Wrong("TS204", TINY, "no values for 'amount'", scope(values={})),
    "scope with no value": Wrong("TS204", TINY, "'amount' is empty", scope(values={"amount": ()})),
    "scope with a value of another type": Wrong("TS204", TINY, "None for 'amount'", scope(values={"amount": (1, None)})),
    "scope with a value out of range": Wrong("TS204", TINY, f"{2**70} for 'amount'", scope(values={"amount": (2**70,)})),
    "scope without a bound": Wrong("TS204", TINY, "no bound for 'bought'", scope(most={"given": 2})),
    "scope with a bound below 0": Wrong("TS204", TINY, "'given' is -1", scope(most={**MOST, "given": -1})),
    "scope of a balance that may be negative": Wrong(
        "TS204", TINY, "'bought' is a Tokens(-5", account({"scopes": ONE}, variables=NEGATIVE)
    ),
    # parts that change nothing, or never change
    "policy that nothing asks": Wrong(
        "TS123", "machine 'purse', policy 'odd'", "changes anything", account(policies=(*MACHINE.policies, ODD))
    ),
    "variable that nothing sets": Wrong(
        "TS123", "machine 'purse', variable 'level'", "no rule", account(variables=(*MACHINE.variables, LEVEL))
    ),
    "account that nobody opens": Wrong("TS123", "machine 'purse', variable 'status'", "open,", account(variables=OPEN_AT_FIRST)),
    "clock that no rule starts": Wrong(
        "TS119",
        "machine 'purse', clock 'day'",
        "no rule starts it",
        changed("open_account", lambda event: rules(event, clocks=())),
    ),
    "clock that one rule of its job leaves as it is": Wrong(
        "TS119",
        "machine 'purse', clock 'day'",
        "'adds_up' of its job",
        changed("give", lambda event: replace(event, rules=(event.rules[0], replace(event.rules[1], clocks=())))),
    ),
    "fact that nothing supplies": Wrong(
        "TS101",
        "event 'open_account', field 'is_rich'",
        "nothing supplies",
        changed("open_account", lambda event: replace(event, fields=(Field("is_rich", Bool(), "x", Origin.FACT),))),
    ),
    "period that no rule ends": Wrong("TS117", "machine 'purse', period 'lasts'", "no rule", account(memory=NEVER_ENDED)),
    "link within one machine": Wrong(
        "TS111", "link of 'purse.buy' to 'purse.day_ends'", "its own machine", linked("purse.day_ends")
    ),
    "link to an event with a field": Wrong(
        "TS111", "link of 'purse.buy' to 'turnstile.pay'", "'coin'", linked("turnstile.pay", turnstile())
    ),
    # names that records and answers have already
    "key that every record has": Wrong("TS102", "event 'open_account'", "'account'", brings("account")),
    "key of an event twice": Wrong(
        "TS102",
        "event 'open_account'",
        "key 'of' is declared 2 times",
        changed("open_account", lambda event: replace(event, keys=(Key("of", "x"), Key("of", "y", optional=True)))),
    ),
    "key that Python cannot spell": Wrong("TS115", "event 'open_account'", "'a b'", brings("a b")),
    "event called like what begins in mid-life": Wrong(
        "TS102", "event 'snapshot'", "mid-life", account(events=(*MACHINE.events, replace(SNAPSHOT, name="snapshot")))
    ),
    "variable shown twice": Wrong("TS102", f"{SPECIFICATION}, answer", "'status'", answer(state=(Shown("status"),) * 2)),
    "instant called like a balance": Wrong("TS102", f"{SPECIFICATION}, answer", "'balances'", answer(clocks={"day": "balances"})),
}

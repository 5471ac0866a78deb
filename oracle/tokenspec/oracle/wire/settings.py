"""Settings of a run: the policies and the catalogue, parsed from user input and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.declaration import Assumption
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.text import as_text, in_our_words
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import FREE_PLAN, MEDIA, Catalogue, Model, Plan
from tokenspec.spec.policies import DEFAULTS, POLICIES
from tokenspec.spec.words import NONE, UNLISTED

_Figure = Annotated[int, Meta(ge=0, le=COUNTABLE_MAX)]


NAMES_MAX = 100
"""The most plans and the most packs of a catalogue: the account is declared anew for their names."""

INFER = "infer"
"""In place of a setting: the policies that no other option settles are open, and every observation rules choices out."""


class _WirePlan(msgspec.Struct):
    allowance: _Figure
    api: _Figure = 0
    relaxed: list[str] = []


class _WireModel(msgspec.Struct):
    origin: Literal["first_party", "third_party"]
    paid_only: bool = False


class _WireCatalogue(msgspec.Struct):
    """The shape of a catalogue on the wire and in a TOML file."""

    ranking: list[str]
    daily: _Figure
    bank_months: _Figure
    plans: dict[str, _WirePlan]
    packs: dict[str, _Figure]
    prices: dict[str, _Figure] = {}
    aliases: dict[str, str] = {}
    models: dict[str, _WireModel] = {}


def policy_from(settings: Mapping[str, str] | None) -> dict[str, str]:
    """Returns a choice for every policy: that of `settings`, or the default. Raises `BadSetting`."""
    chosen = dict(DEFAULTS)
    for name, answer in (settings or {}).items():
        policy = next((p for p in POLICIES if p.name == name), None)
        if policy is None:
            near = did_you_mean(name, DEFAULTS)
            raise BadSetting(f"policy {name}", f"there is no such policy; there are {', '.join(DEFAULTS)}{near}")
        if answer not in dict(policy.answers):
            known = dict(policy.answers)
            rule = f"{answer!r} is not among its answers: {', '.join(known)}{did_you_mean(answer, known)}"
            raise BadSetting(f"policy {name}", rule)
        chosen[name] = answer
    return chosen


def policy_from_options(options: Iterable[str]) -> dict[str, str]:
    """Returns a choice for every policy from texts of the form NAME=ANSWER. Raises `WrongUsage`."""
    try:
        return policy_from(settings_named(options))
    except WrongUsage:
        raise
    except BadSetting as fault:
        raise WrongUsage(fault.key, fault.rule) from None


def settings_named(options: Iterable[str]) -> dict[str, str]:
    """Returns the settings that texts of the form NAME=ANSWER name, and no others. Raises `WrongUsage`."""
    settings: dict[str, str] = {}
    for option in options:
        name, equals, answer = (part.strip() for part in option.partition("="))
        if not equals:
            raise WrongUsage(f"policy {option}", f"a setting is written NAME=ANSWER{did_you_mean(option, (INFER, *DEFAULTS))}")
        if settings.setdefault(name, answer) != answer:
            raise WrongUsage(f"policy {name}", f"it is given twice, as {settings[name]} and as {answer}")
    return settings


def infers(options: Iterable[str]) -> bool:
    """Returns true if the settings that the options do not name are to be inferred."""
    return any(option.strip() == INFER for option in options)


def without_infer(options: Iterable[str]) -> tuple[str, ...]:
    """Returns the options that name settings."""
    return tuple(option for option in options if option.strip() != INFER)


def catalogue_from(written: Mapping[str, Any], only_known: bool = False) -> Catalogue:
    """Returns the catalogue that `written` (wire form, or the content of a TOML file) describes. Raises `BadSetting`.

    Unknown keys are ignored, unless `only_known`.
    """
    if only_known:
        _check_keys(written)
    try:
        shape = msgspec.convert(dict(written), _WireCatalogue)
    except msgspec.ValidationError as fault:
        raise _entry_fault(written) or _fault("", fault) from None
    _check_names(shape)
    plans = {name: Plan(plan.allowance, plan.api, tuple(plan.relaxed)) for name, plan in shape.plans.items()}
    packs, prices, aliases = shape.packs, shape.prices, shape.aliases
    models = {name: Model(model.origin, model.paid_only) for name, model in shape.models.items()}
    catalogue = Catalogue(tuple(shape.ranking), shape.daily, shape.bank_months, plans, packs, prices, aliases, models)
    for assumption in broken_assumptions(catalogue):
        key, _, rule = assumption.breach.partition(": ")
        raise BadSetting(key, rule)
    return catalogue


def figures_named(written: Any) -> dict[str, Any]:
    """Returns the keys of a catalogue that `written` gives. Raises `BadSetting` for one that there is not."""
    if not isinstance(written, dict):
        raise BadSetting("catalogue", f"it is an object, found {as_text(written)}")
    try:
        _check_keys(written)
    except BadSetting as fault:
        raise BadSetting(f"catalogue.{fault.key}", fault.rule) from None
    if "aliases" in written:
        raise BadSetting("catalogue.aliases", "older plan names are never sent and never answered, so it names none")
    return written


def broken_assumptions(catalogue: Catalogue) -> list[Assumption]:
    """Returns the declared assumptions that a catalogue's figures break; none where proofs cover the catalogue."""
    machine = account(catalogue)
    scope = Bindings(machine, catalogue.parameters())
    return [assumption for assumption in machine.assumptions if not evaluate(assumption.holds, scope)]


_TABLES: dict[str, Any] = {"plans": _WirePlan, "packs": _Figure, "prices": _Figure, "aliases": str, "models": _WireModel}


def _entry_fault(written: Mapping[str, Any]) -> BadSetting | None:
    """Returns the error of the first faulty entry of a table, with the entry's key, which the library leaves out."""
    for table, kind in _TABLES.items():
        entries = written.get(table)
        for key, entry in entries.items() if isinstance(entries, dict) else ():
            try:
                msgspec.convert(entry, kind)
            except msgspec.ValidationError as fault:
                return _fault(f"{table}.{key}", fault)
    return None


def _fault(key: str, fault: msgspec.ValidationError) -> BadSetting:
    text, _, path = in_our_words(str(fault)).partition(" - at $")
    missing = re.fullmatch(r"object missing required field (\w+)", text)
    if missing:
        key, text = ".".join(part for part in (key, missing.group(1)) if part), "the key is required and missing"
    where = ".".join(part for part in (key, path.removeprefix(".").split("[")[0]) if part)
    return BadSetting(where or "catalogue", text)


def _check_keys(written: Mapping[str, Any]) -> None:
    for key in written:
        if key not in _WireCatalogue.__struct_fields__:
            keys = _WireCatalogue.__struct_fields__
            raise BadSetting(key, f"there is no such key; there are {', '.join(keys)}{did_you_mean(key, keys)}")
    plans = written.get("plans")
    for name, plan in plans.items() if isinstance(plans, dict) else ():
        for key in plan if isinstance(plan, dict) else ():
            if key not in _WirePlan.__struct_fields__:
                keys = _WirePlan.__struct_fields__
                rule = f"a plan has {', '.join(keys)}, and no such key{did_you_mean(key, keys)}"
                raise BadSetting(f"plans.{name}.{key}", rule)


def _check_names(shape: _WireCatalogue) -> None:
    for key, entries in (("ranking", shape.ranking), ("plans", shape.plans), ("packs", shape.packs)):
        if len(entries) > NAMES_MAX:
            raise BadSetting(key, f"it has {len(entries)} entries, and at most {NAMES_MAX} are taken")
    if not shape.ranking or shape.ranking[0] != FREE_PLAN:
        raise BadSetting("ranking", f"it lists the plans from lowest to highest, {FREE_PLAN!r} first")
    for table, names in (("plans", shape.plans), ("packs", shape.packs)):
        for name in names:
            if name in (NONE, UNLISTED):
                raise BadSetting(f"{table}.{name}", "the name is reserved; choose another")
    for name in shape.ranking:
        if shape.ranking.count(name) > 1:
            raise BadSetting("ranking", f"{name!r} occurs twice; list each plan once")
        if name not in shape.plans:
            raise BadSetting(f"plans.{name}", "the ranking names the plan, but it has no table; add one, or drop it there")
    for name, plan in shape.plans.items():
        if name not in shape.ranking:
            near = did_you_mean(name, shape.ranking)
            raise BadSetting(f"plans.{name}", f"the plan is missing in the ranking; add it there{near}")
        for medium in plan.relaxed:
            if medium not in MEDIA:
                raise BadSetting(
                    f"plans.{name}.relaxed", f"{medium!r} is not one of {', '.join(MEDIA)}{did_you_mean(medium, MEDIA)}"
                )
    for alias, name in shape.aliases.items():
        if name not in shape.ranking:
            near = did_you_mean(name, shape.ranking)
            raise BadSetting(f"aliases.{alias}", f"{name!r} is not a plan of the ranking; name one that is{near}")
        if alias in shape.ranking:
            raise BadSetting(f"aliases.{alias}", "an alias must not be the present name of a plan; choose another")


def catalogue_from_file(path: Path) -> Catalogue:
    """Returns the catalogue of a TOML file. Raises `BadSetting` with the key, `OSError` where the file cannot be read."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as fault:
        raise BadSetting(str(path), f"a catalogue is UTF-8 text, and byte {fault.start} is not") from None
    except tomllib.TOMLDecodeError as fault:
        raise BadSetting(str(path), f"the file is not TOML: {fault}") from None
    except ValueError:
        raise BadSetting(str(path), "a number in it is too long to be read") from None
    except RecursionError:
        raise BadSetting(str(path), "the content is nested too deeply to be read") from None
    try:
        return catalogue_from(written, only_known=True)
    except BadSetting as fault:
        raise BadSetting(f"{path}: {fault.key}", fault.rule) from None


def catalogue_on_the_wire(catalogue: Catalogue) -> dict[str, Any]:
    """Returns the catalogue as the wire protocol writes it."""
    plans = {
        name: {"allowance": plan.allowance, "api": plan.api, "relaxed": list(plan.relaxed)}
        for name, plan in catalogue.plans.items()
    }
    return {
        "ranking": list(catalogue.ranking),
        "daily": catalogue.daily,
        "bank_months": catalogue.bank_months,
        "plans": plans,
        "packs": dict(catalogue.packs),
        "prices": dict(catalogue.prices),
        "models": {name: {"origin": m.origin, "paid_only": m.paid_only} for name, m in catalogue.models.items()},
    }


def as_toml(catalogue: Catalogue) -> str:
    """Returns the catalogue as a file that `--catalogue` reads."""
    written = catalogue_on_the_wire(catalogue)
    plans, models, tables = written.pop("plans"), written.pop("models"), {name: written.pop(name) for name in ("packs", "prices")}
    lines = [f"{key} = {_text(value)}" for key, value in written.items()]
    for name, plan in plans.items():
        lines += ["", f"[plans.{_text(name)}]", *(f"{key} = {_text(value)}" for key, value in plan.items())]
    for name, model in models.items():
        lines += ["", f"[models.{_text(name)}]", *(f"{key} = {_text(value)}" for key, value in model.items())]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{_text(key)} = {_text(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    """Returns a text, a number or a list of them; JSON writes these as TOML does."""
    return msgspec.json.encode(value).decode()


RESETS = ("explicit", "implied")

"""Settings of a run: the policies and the catalogue, parsed from user input and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, assert_never

import msgspec
from msgspec import Meta

from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.catalogue import NONE, UNLISTED, Cell, Entries, Flag, NameIn, Number, OneOf, Ranking, SomeOf
from tokenspec.machine.lang.declaration import Assumption
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.nearest import did_you_mean, no_such
from tokenspec.oracle.base.specification import DEFAULTS, POLICIES, SPEC, AnyCatalogue, account
from tokenspec.oracle.base.text import as_text, in_our_words, toml_text

NAMES_MAX = 100
"""The most plans and the most packs of a catalogue: the account is declared anew for their names."""

INFER = "infer"
"""In place of a setting: the policies that no other option settles are open, and every observation rules choices out."""


def _type_of(cell: Cell, has_limits: bool = True) -> Any:
    match cell:
        case Number() if not has_limits:
            return int
        case Number(least=least):
            return Annotated[int, Meta(ge=least, le=COUNTABLE_MAX)]
        case Flag():
            return bool
        case OneOf(members):
            return Literal[members]
        case SomeOf(members) if not has_limits:
            return list[Literal[members]]  # type: ignore[valid-type]
        case SomeOf():
            return list[str]
        case NameIn():
            return str
    assert_never(cell)


def _field_of(name: str, cell: Cell, has_limits: bool = True) -> tuple[Any, ...]:
    kind = _type_of(cell, has_limits)
    match cell:
        case Number(default) if default is not None:
            return name, kind, default
        case Flag() | SomeOf():
            return name, kind, kind()
        case _:
            return name, kind


def _entry_of(table: Entries, has_limits: bool = True) -> Any:
    if not isinstance(table.cells, Mapping):
        return _type_of(table.cells, has_limits)
    fields = [_field_of(*each, has_limits) for each in table.cells.items()]
    return msgspec.defstruct(table.entry.title(), fields, kw_only=True)


_TABLES: dict[str, Entries] = {key: kind for key, kind in SPEC.form.items() if isinstance(kind, Entries)}
_ENTRIES: dict[str, Any] = {key: _entry_of(table) for key, table in _TABLES.items()}
_RANKINGS: dict[str, Ranking] = {key: kind for key, kind in SPEC.form.items() if isinstance(kind, Ranking)}


def _shape() -> type[msgspec.Struct]:
    fields: list[tuple[Any, ...]] = []
    for key, kind in SPEC.form.items():
        match kind:
            case Number():
                fields.append(_field_of(key, kind))
            case Ranking():
                fields.append((key, list[str]))
            case Entries():
                fields.append((key, dict[str, _ENTRIES[key]], *([] if kind.required else [{}])))  # type: ignore[valid-type]
    return msgspec.defstruct("Catalogue", fields, kw_only=True)


_WireCatalogue = _shape()
"""The shape of a catalogue on the wire and in a TOML file."""


def _form_of(kind: Number | Ranking | Entries) -> Any:
    """Returns the type of what stands under a key, whatever the limits of its numbers are."""
    if isinstance(kind, Entries):
        return dict[str, _entry_of(kind, False)]  # type: ignore[misc]
    return int if isinstance(kind, Number) else list[str]


_FORMS = {key: _form_of(kind) for key, kind in SPEC.form.items()}


def policy_from(settings: Mapping[str, str] | None) -> dict[str, str]:
    """Returns a choice for every policy: that of `settings`, or the default. Raises `BadSetting`."""
    chosen = dict(DEFAULTS)
    for name, answer in (settings or {}).items():
        known = next((dict(policy.answers) for policy in POLICIES if policy.name == name), None)
        if known is None:
            raise BadSetting(f"policy {name}", no_such("policy", name, DEFAULTS))
        if answer not in known:
            rule = f"{answer!r} is not among its answers: {', '.join(known)}{did_you_mean(answer, known)}"
            raise BadSetting(f"policy {name}", rule)
        chosen[name] = answer
    return chosen


def settings_named(options: Iterable[str]) -> dict[str, str]:
    """Returns the settings that texts of the form NAME=ANSWER name. Raises `WrongUsage`."""
    settings: dict[str, str] = {}
    for option in options:
        name, equals, answer = (part.strip() for part in option.partition("="))
        if option.strip() == INFER:
            raise WrongUsage(f"policy {INFER}", "this run needs every setting, as NAME=ANSWER, or infers by itself; leave it out")
        if not equals:
            such = f", such as {name}={DEFAULTS[name]}" if name in DEFAULTS else did_you_mean(option, (INFER, *DEFAULTS))
            raise WrongUsage(f"policy {option}", f"a setting is written NAME=ANSWER{such}")
        if settings.setdefault(name, answer) != answer:
            raise WrongUsage(f"policy {name}", f"it is given twice, as {settings[name]} and as {answer}")
    try:
        policy_from(settings)
    except BadSetting as fault:
        raise WrongUsage(fault.key, fault.rule) from None
    return settings


def as_options(settings: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
    """Returns settings as they are written on a command line."""
    pairs = settings.items() if isinstance(settings, Mapping) else settings
    return [f"{name}={choice}" for name, choice in pairs]


def changed(policy: Mapping[str, str]) -> list[str]:
    """Returns the settings that are not the defaults, as on a command line."""
    return as_options((name, choice) for name, choice in policy.items() if DEFAULTS.get(name) != choice)


def infers(options: Iterable[str]) -> bool:
    """Returns true if the settings that the options do not name are to be inferred."""
    return any(option.strip() == INFER for option in options)


def without_infer(options: Iterable[str]) -> tuple[str, ...]:
    """Returns the options that name settings."""
    return tuple(option for option in options if option.strip() != INFER)


def catalogue_from(written: Mapping[str, Any], only_known: bool = False) -> Any:
    """Returns the catalogue that `written` (wire form, or the content of a TOML file) describes. Raises `BadSetting`.

    Unknown keys are ignored, unless `only_known`.
    """
    if only_known:
        _check_keys(written)
    try:
        shape = msgspec.convert(dict(written), _WireCatalogue)
    except msgspec.ValidationError as fault:
        raise _entry_fault(written) or _fault("", fault) from None
    values = msgspec.to_builtins(shape)
    _check_names(values)
    catalogue: AnyCatalogue = SPEC.catalogue_of(values)
    for assumption in broken_assumptions(catalogue):
        key, _, rule = assumption.breach.partition(": ")
        raise BadSetting(key, rule)
    for key, value, kind in SPEC.out_of_range(catalogue):
        raise BadSetting(key, f"it is a value of the declared type, {kind}; found {as_text(value)}")
    return catalogue


def figures_named(written: Any) -> dict[str, Any]:
    """Returns the keys of a catalogue that `written` gives; each is one that there is, and has its form.

    Raises `BadSetting`. Limits are not looked at, since they are about the whole.
    """
    if not isinstance(written, dict):
        raise BadSetting("catalogue", f"it is an object, found {as_text(written)}")
    try:
        _check_keys(written)
        for key, value in written.items():
            try:
                msgspec.convert(value, _FORMS[key])
            except msgspec.ValidationError as fault:
                raise _fault(key, fault) from None
    except BadSetting as fault:
        raise BadSetting(f"catalogue.{fault.key}", fault.rule) from None
    for key, table in _TABLES.items():
        if key in written and table.renames:
            raise BadSetting(
                f"catalogue.{key}", f"each {table.entry} is for logs alone, never sent and never answered, so it names none"
            )
    return written


def broken_assumptions(catalogue: AnyCatalogue) -> list[Assumption]:
    """Returns the declared assumptions that a catalogue's figures break; none where proofs cover the catalogue."""
    machine = account(catalogue)
    scope = Bindings(machine, catalogue.parameters())
    return [assumption for assumption in machine.assumptions if not evaluate(assumption.holds, scope)]


def _entry_fault(written: Mapping[str, Any]) -> BadSetting | None:
    """Returns the error of the first faulty entry of a table, with the entry's key, which the library leaves out."""
    for table, kind in _ENTRIES.items():
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
    if word := re.fullmatch(r"invalid enum value '(.*)'", text, re.DOTALL):
        name = path.rpartition(".")[2].partition("[")[0]
        cells = (kind.cells.get(name) for kind in _TABLES.values() if isinstance(kind.cells, Mapping))
        members = next(cell.members for cell in cells if isinstance(cell, OneOf | SomeOf))
        text = f"it is one of {', '.join(members)}{did_you_mean(word[1], members)}; found {as_text(word[1])}"
    return BadSetting(where or "catalogue", text)


def _check_keys(written: Mapping[str, Any]) -> None:
    for key in written:
        if key not in SPEC.form:
            raise BadSetting(key, no_such("key", key, SPEC.form))
    for table, kind in _TABLES.items():
        entries = written.get(table)
        for name, entry in entries.items() if isinstance(entries, dict) and isinstance(kind.cells, Mapping) else ():
            for key in entry if isinstance(entry, dict) else ():
                if key not in kind.cells:  # type: ignore[operator]
                    cells = tuple(kind.cells)  # type: ignore[arg-type]
                    rule = f"a {kind.entry} has {', '.join(cells)}, and no such key{did_you_mean(key, cells)}"
                    raise BadSetting(f"{table}.{name}.{key}", rule)


def _check_names(values: Mapping[str, Any]) -> None:
    for key, kind in SPEC.form.items():
        is_declared = isinstance(kind, Ranking) or (isinstance(kind, Entries) and kind.is_declared)
        if is_declared and len(values[key]) > NAMES_MAX:
            raise BadSetting(key, f"it has {len(values[key])} entries, and at most {NAMES_MAX} are taken")
    for key, ranking in _RANKINGS.items():
        if not values[key] or values[key][0] != ranking.first:
            raise BadSetting(key, f"it lists the {ranking.table} from lowest to highest, {ranking.first!r} first")
    for table, kind in _TABLES.items():
        for name in values[table]:
            if kind.is_declared and name in (NONE, UNLISTED):
                raise BadSetting(f"{table}.{name}", "the name is reserved; choose another")
    for key, ranking in _RANKINGS.items():
        _check_ranking(key, values[key], ranking.table, values[ranking.table])
    for table, kind in _TABLES.items():
        for name, entry in values[table].items():
            cells = kind.cells if isinstance(kind.cells, Mapping) else {"": kind.cells}
            for cell, its in cells.items():
                place = ".".join(part for part in (table, name, cell) if part)
                _check_cell(place, name, kind.entry, its, entry[cell] if cell else entry, values)


def _check_ranking(key: str, names: Sequence[str], table: str, entries: Collection[str]) -> None:
    entry = _TABLES[table].entry
    for name in names:
        if names.count(name) > 1:
            raise BadSetting(key, f"{name!r} occurs twice; list each {entry} once")
        if name not in entries:
            raise BadSetting(f"{table}.{name}", f"the {key} names the {entry}, but it has no table; add one, or drop it there")
    for name in entries:
        if name not in names:
            near = did_you_mean(name, names)
            raise BadSetting(f"{table}.{name}", f"the {entry} is missing in the {key}; add it there{near}")


def _check_cell(place: str, name: str, entry: str, cell: Cell, value: Any, values: Mapping[str, Any]) -> None:
    if isinstance(cell, SomeOf):
        for member in value:
            if member not in cell.members:
                near = did_you_mean(member, cell.members)
                raise BadSetting(place, f"{member!r} is not one of {', '.join(cell.members)}{near}")
    elif isinstance(cell, NameIn):
        ranked = next((key for key, ranking in _RANKINGS.items() if ranking.table == cell.table), cell.table)
        known, what = values[ranked], _TABLES[cell.table].entry
        if value not in known:
            raise BadSetting(place, f"{value!r} is not a {what} of the {ranked}; name one that is{did_you_mean(value, known)}")
        if name in known:
            raise BadSetting(place, f"an {entry} must not be the present name of a {what}; choose another")


def catalogue_from_file(path: Path) -> Any:
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


def catalogue_on_the_wire(catalogue: AnyCatalogue) -> dict[str, Any]:
    """Returns the catalogue as the wire protocol writes it."""
    return {key: value for key, value in catalogue.written().items() if not (key in _TABLES and _TABLES[key].renames)}


def as_toml(catalogue: AnyCatalogue) -> str:
    """Returns the catalogue as a file that `--catalogue` reads."""
    written = catalogue_on_the_wire(catalogue)
    tables = {key: written.pop(key) for key in _TABLES if key in written}
    lines = [f"{key} = {toml_text(value)}" for key, value in written.items()]
    plain: list[str] = []
    for key, entries in tables.items():
        if isinstance(_TABLES[key].cells, Mapping):
            for name, entry in entries.items():
                lines += ["", f"[{key}.{toml_text(name)}]", *(f"{cell} = {toml_text(value)}" for cell, value in entry.items())]
        else:
            plain += ["", f"[{key}]", *(f"{toml_text(name)} = {toml_text(value)}" for name, value in entries.items())]
    return "\n".join(lines + plain) + "\n"


RESETS = ("explicit", "implied")

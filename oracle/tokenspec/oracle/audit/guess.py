"""A first map of a table: the role of each column, guessed from names and rows, with how sure the guess is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.types import Tokens
from tokenspec.oracle.audit.map_files import ready_map
from tokenspec.oracle.audit.seen_table import SeenColumn, SeenTable
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.specification import SPEC, AnyCatalogue, account, hint
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.runtime.memory import KEY
from tokenspec.oracle.wire.protocol import event_names

KINDS_MAX = 60
"""The largest number of kinds; a column with more values holds something else."""
_SHAPES = {
    "stripe": {"credit_grant.customer", "effective_at"},
    "lago": {"lago_id", "lago_wallet_id", "transaction_status"},
    "openmeter": {"specversion", "subject", "type"},
}
"""By ready-made map, the names by which its logs are recognised."""
_NAMES = {
    "account": r"(^|_|\.)(user|account|customer|wallet|subject|owner|org|tenant|member|uid)(_?id)?$",
    "at": r"(^|_|\.)(created|at|time|timestamp|ts|date|occurred|effective|settled|booked|inserted)(_?at)?$",
    "id": r"(^|_)(id|uuid|seq|tx_?id|transaction_?id|entry_?id|lago_id)$",
    "kind": r"(^|_|\.)(kind|type|reason|event|action|category|operation|source|description)$",
    "delta": r"(^|_|\.)(delta|change|amount|tokens|credits|value|diff|qty)(_delta|_change|_amount)?$",
    "balance": r"balance|running|_after|remaining|total",
    "job": r"(^|_|\.)(ref|job|reference|request|generation|task|prompt)(_?id)?$",
}


class MapWords(NamedTuple):
    """The words by which the rows of an account's ledger are recognised; a specification may bring its own."""

    events: tuple[tuple[str, str], ...]
    """By event, the words in the name of a kind that suggest it; the first match counts."""
    usual: str
    """The event where nothing says of which kind a row is."""
    amount: str
    """The field of a record that holds the tokens which are spent."""
    tables: Mapping[str, str] = {}
    """By field, the table of the catalogue whose names a column of it holds."""
    grouped: str = "(?!)"
    """The words of rows that go along with one of the event `grouped_with`, at one instant."""
    grouped_with: str = ""
    sold: tuple[str, str, str, str] | None = None
    """The event of a purchase, its field with a name, the table of sizes by name, and its field with their number."""
    defaults: Mapping[str, str] = {}
    """Fields that ledgers do not have, with a usual value."""


def _general() -> MapWords:
    spending = [e for e in account().events if any(p.kind is Kind.SPENT for r in e.rules for p in r.ledger)]
    words = tuple((name, name.replace("_", ".?")) for name in event_names())
    numbers = (f.key for e in (*spending, *account().events) for f in e.fields if isinstance(f.type, Tokens))
    return MapWords(words, next((e.name for e in spending), SPEC.opening.name), next(numbers, "amount"))


_own: MapWords | None = hint("map_words")
WORDS = _own or _general()
SURE, LIKELY, GUESS = "sure", "likely", "a guess"


@dataclass
class FirstMap:
    """The lines of a map, by table."""

    source: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    time: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    defaults: list[str] = field(default_factory=list)
    observed: list[str] = field(default_factory=list)

    def text(self, heading: Sequence[str]) -> str:
        """Returns the map as TOML."""
        found = [f"# {line}" for line in heading]
        tables = {"source": self.source, "fields": self.fields, "time": self.time, "events": self.events}
        tables |= {"events.kinds": self.kinds, "defaults": self.defaults, "observed": self.observed}
        for name, lines in tables.items():
            if lines:
                found += [f"[{name}]", *lines]
        return "\n".join([*found, *self.groups]) + "\n"


def first_map(seen: SeenTable, catalogue: AnyCatalogue) -> str:
    """Returns a map of the table, each line with how sure it is. Raises `BadSetting` without an account or an instant."""
    known = next((name for name, shape in _SHAPES.items() if shape <= seen.columns.keys()), None)
    if known is not None:
        return f"# sure: the names are those of the ready-made map {known}: --map {known} is the same.\n{ready_map(known)}"
    if {"account", "at", "event"} <= seen.columns.keys():
        raise BadSetting(one_line(seen.name), "this looks like a log of records already; replay it without a map")
    return _Guess(seen, catalogue).text()


class _Guess:
    def __init__(self, seen: SeenTable, catalogue: AnyCatalogue) -> None:
        self._seen, self._catalogue = seen, catalogue
        self._taken = set[str]()
        self._made = FirstMap()
        self._sign = 1
        """-1 where incoming tokens are below 0."""

    def text(self) -> str:
        seen, made = self._seen, self._made
        made.source = [f'format = "{seen.source.format}"']
        made.source += [
            f"{key} = {_toml(value)}"
            for key, value in (("table", seen.source.table), ("query", seen.source.query))
            if value is not None
        ]
        if seen.source.delimiter != ",":
            made.source.append(f"delimiter = {_toml(seen.source.delimiter)}")
        at = self._demand("at", "an instant", lambda c: c.instants == seen.rows)
        account = self._demand("account", "an account", lambda c: c.filled == seen.rows and c.distinct < max(seen.rows, 2))
        id_ = self._found("id", lambda c: c.filled == c.distinct == seen.rows)
        kind = self._found("kind", lambda c: c.filled == seen.rows and c.distinct <= KINDS_MAX and not c.whole)
        made.fields.append(_line(f"account = {_toml(account.name)}", *_by_name("account", account)))
        told = "every row holds an instant" + (f" in {at.unit}" if at.unit is not None else "")
        made.fields.append(_line(f"at = {_toml(at.name)}", SURE if _named("at", at) else LIKELY, told))
        if at.unit is not None:
            made.time.append(_line(f'unit = "{at.unit}"', SURE, "in another unit the years are not 2000 to 2099"))
        order = [at.name, *([id_.name] if id_ is not None else [])]
        told = (
            "no row has the id of another"
            if id_ is not None
            else "no column tells rows of one instant apart; the file's order counts"
        )
        made.time.append(_line(f"order = {_toml(order)}", LIKELY if id_ is not None else GUESS, told))
        delta = self._money(account, at, id_)
        if KEY:
            self._entry()
        for field_, table in WORDS.tables.items():
            self._listed(field_, {*self._catalogue.written()[table], *self._catalogue.aliases})
        if kind is None:
            made.events.append(_line(f"event = {_toml(WORDS.usual)}", GUESS, "no column says of which kind a row is"))
        else:
            told = f"{kind.distinct} kinds in {seen.rows} rows"
            made.events.append(_line(f"column = {_toml(kind.name)}", SURE if _named("kind", kind) else GUESS, told))
            self._kinds(kind, delta)
        made.defaults += [_line(f"{name} = {_toml(value)}", GUESS, "no row says it") for name, value in WORDS.defaults.items()]
        return made.text(
            [
                f"A first map of {one_line(seen.name)}, from {seen.rows} rows; each line is sure, likely, or a guess.",
                "Go through it, then replay with it: what it does not map is counted by kind.",
            ]
        )

    def _found(self, what: str, fits: Callable[[SeenColumn], bool]) -> SeenColumn | None:
        """Returns the first column that fits and has a name usual for `what`, else one that fits."""
        fitting = [column for column in self._seen.columns.values() if column.name not in self._taken and fits(column)]
        named = [column for column in fitting if _named(what, column)]
        found = next(iter(named), None)
        if found is None and what in ("at", "kind"):
            found = next(iter(fitting), None)
        if found is not None:
            self._taken.add(found.name)
        return found

    def _demand(self, what: str, told: str, fits: Callable[[SeenColumn], bool]) -> SeenColumn:
        found = self._found(what, fits)
        if found is None:
            there = ", ".join(map(one_line, self._seen.columns))
            rule = f"no column holds {told} in every row, as far as names and rows say; there are {there}"
            raise BadSetting(one_line(self._seen.name), f"{rule}. Write the map by hand: docs/maps.md")
        return found

    def _money(self, account: SeenColumn, at: SeenColumn, id_: SeenColumn | None) -> SeenColumn | None:
        """Finds the columns of the delta and of the balance; they are sure where one follows from the other."""
        seen, made = self._seen, self._made
        whole = [
            c
            for c in seen.columns.values()
            if c.name not in self._taken and c.whole and c.whole >= 0.9 * c.filled and not c.instants
        ]
        best: tuple[float, SeenColumn, SeenColumn, bool, str] | None = None
        for delta in whole:
            for balance in whole:
                if delta is balance:
                    continue
                rows, plus, minus = seen.adds_up(account.name, at, id_.name if id_ else None, delta.name, balance.name)
                share = max(plus, minus) / rows if rows else 0
                if share > 0.5 and (best is None or share > best[0]):
                    sign = "+" if plus >= minus else "-"
                    said = f"balance = the one before {sign} {delta.name} in {max(plus, minus)} of {rows} rows"
                    best = share, delta, balance, plus >= minus, said
        if best is not None:
            share, delta, balance, is_plus, said = best
            self._sign = 1 if is_plus else -1
            sure = SURE if share == 1 else LIKELY
            made.observed.append(_line(f"total = {_toml(balance.name)}", sure, said))
            moved = _toml(delta.name) if is_plus else f"{{ column = {_toml(delta.name)}, negate = true }}"
            made.observed.append(_line(f"delta = {moved}", sure, said))
            cost = f"{{ column = {_toml(delta.name)}, negate = true }}" if is_plus else _toml(delta.name)
            told = f"what is spent is {'below' if is_plus else 'above'} 0"
            made.fields.append(_line(f"{WORDS.amount} = {cost}", sure, told))
            self._taken |= {delta.name, balance.name}
            return delta
        named = next((column for column in whole if _named("delta", column)), None)
        if named is not None:
            cost = f"{{ column = {_toml(named.name)}, negate = true }}" if named.below_zero else _toml(named.name)
            told = "by its name; no running balance was found that it adds up to"
            made.fields.append(_line(f"{WORDS.amount} = {cost}", GUESS, told))
            made.observed.append(_line('outcome = { value = "accepted" }', LIKELY, "what stands in a ledger has happened"))
            self._taken.add(named.name)
        return named

    def _entry(self) -> None:
        found = self._found("job", lambda c: c.filled > 0)
        if found is not None:
            told = f"{found.distinct} of them in {found.filled} rows"
            self._made.fields.append(_line(f"{KEY} = {_toml(found.name)}", LIKELY, told))
        self._made.defaults.append(_line(f"{KEY} = {{ row = true }}", LIKELY, f"a row without a {KEY} is one of its own"))

    def _listed(self, name: str, listed: set[str]) -> None:
        for seen in self._seen.columns:
            for column in (seen, f"{seen}.{name}"):
                values = self._values_in(column, name)
                if values and values <= listed:
                    self._made.fields.append(_line(f"{name} = {_toml(column)}", SURE, f"it holds {', '.join(sorted(values))}"))
                    return

    def _values_in(self, column: str, name: str) -> set[str]:
        if column in self._seen.columns:
            return {text for text, _ in self._seen.values(column, KINDS_MAX)}
        found = set[str]()
        for text, _ in self._seen.values(column.rpartition(".")[0], KINDS_MAX):
            try:
                written = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                return set()
            value = written.get(name) if isinstance(written, dict) else None
            found |= {value} if isinstance(value, str) else set()
        return found

    def _kinds(self, kind: SeenColumn, delta: SeenColumn | None) -> None:
        grouped, renewed = [], list[str]()
        for value, times in self._seen.values(kind.name, KINDS_MAX):
            rows = f"{times} row{'s' if times > 1 else ''}"
            if re.search(WORDS.grouped, value.casefold()):
                grouped.append(value)
                continue
            event = next((event for event, words in WORDS.events if re.search(words, value.casefold())), None)
            if event is None:
                self._made.kinds.append(f"# {_toml(value)} = ...  # {rows}: name its event, or put it into ignore")
                continue
            if event == WORDS.grouped_with:
                renewed.append(value)
            told = f"{rows}, by the word"
            self._made.kinds.append(_line(f"{_toml(value)} = {self._event(event, kind, value, delta)}", LIKELY, told))
        for value in grouped if not renewed else ():
            self._made.kinds.append(f"# {_toml(value)} = ...  # it belongs to {WORDS.grouped_with}, and no kind is that")
        if grouped and renewed:
            self._made.groups += [
                f"# likely: at {WORDS.grouped_with} these are rows of their own, at the same instant",
                "[[groups]]",
                f"kinds = {_toml(renewed[:1])}",
                f"optional = {_toml(grouped)}",
                f"event = {_toml(WORDS.grouped_with)}",
            ]

    def _event(self, event: str, kind: SeenColumn, value: str, delta: SeenColumn | None) -> str:
        if WORDS.sold is not None and event == WORDS.sold[0]:
            _, key, table, number = WORDS.sold
            sizes: dict[str, int] = self._catalogue.written()[table]
            for name, size in sizes.items():
                if delta is not None and self._seen.all_divisible(kind.name, value, delta.name, size * self._sign):
                    negate = ", negate = true" if self._sign < 0 else ""
                    quantity = f"{{ column = {_toml(delta.name)}, divide = {size}{negate} }}"
                    return f"{{ event = {_toml(event)}, {key} = {_toml(name)}, {number} = {quantity} }}"
            return f"{{ event = {_toml(event)}, {key} = {_toml(next(iter(sizes), '...'))}, {number} = 1 }}"
        return _toml(event)


def _named(what: str, column: SeenColumn) -> bool:
    return re.search(_NAMES[what], column.name.casefold()) is not None


def _by_name(what: str, column: SeenColumn) -> tuple[str, str]:
    return (SURE if _named(what, column) else GUESS), f"by its name; {column.distinct} of them"


def _line(written: str, sure: str, why: str) -> str:
    return f"{written}  # {sure}: {one_line(why)}"


def _toml(value: object) -> str:
    """Returns a text, or a list of texts, as TOML; JSON writes these alike."""
    return msgspec.json.encode(value).decode()


def lines_of(text: str) -> Iterator[tuple[str, str]]:
    """Yields the lines of a first map that say how sure they are, each with the word."""
    for line in text.splitlines():
        written, _, why = line.partition("  # ")
        sure = why.partition(":")[0]
        if sure in (SURE, LIKELY, GUESS):
            yield written, sure

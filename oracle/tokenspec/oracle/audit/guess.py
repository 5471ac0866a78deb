"""A first map of a table: the role of each column, guessed from names and rows, with how sure the guess is."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import permutations

import msgspec

from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.declaration import Kind, Origin
from tokenspec.machine.lang.types import Tokens
from tokenspec.oracle.audit.map_files import ready_map
from tokenspec.oracle.audit.map_model import MapWords
from tokenspec.oracle.audit.seen_table import SeenColumn, SeenTable
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.specification import POOLS, SPEC, AnyCatalogue, account, hint
from tokenspec.oracle.base.text import one_line, toml_text
from tokenspec.oracle.runtime.memory import KEY
from tokenspec.oracle.wire.protocol import event_names

KINDS_MAX = 60
"""The largest number of kinds; a column with more values holds something else."""
_ENOUGH = 3
"""The least number of rows that show that balances follow from deltas."""
_SHAPES = {
    "stripe": {"credit_grant.customer", "effective_at"},
    "lago": {"lago_id", "lago_wallet_id", "transaction_status"},
    "openmeter": {"specversion", "subject", "type"},
}
"""By ready-made map, the names by which its logs are recognised."""
_NAMES = {
    "account": r"(^|_|\.)(user|account|customer|wallet|subject|owner|org|tenant|member|uid)([_.]?id)?$",
    "at": r"(^|_|\.)(created|at|time|timestamp|ts|date|occurred|effective|settled|booked|inserted)(_?at)?$",
    "id": r"(^|_)(id|uuid|seq|tx_?id|transaction_?id|entry_?id|lago_id)$",
    "kind": r"(^|_|\.)(kind|type|reason|event|action|category|operation|source|description)$",
    "delta": r"(^|_|\.)(delta|change|amount|tokens|credits|cost|price|spent|used|value|diff|qty)(_delta|_change|_amount)?$",
    "balance": r"balance|running|_after|remaining|total",
    "job": r"(^|_|\.)(ref|job|reference|request|generation|task|prompt)([_.]?id)?$",
}


def _general() -> MapWords:
    spending = [e for e in account().events if any(p.kind is Kind.SPENT for r in e.rules for p in r.ledger)]
    words = tuple((name, name.replace("_", ".?")) for name in event_names())
    numbers = (f.key for e in (*spending, *account().events) for f in e.fields if isinstance(f.type, Tokens))
    return MapWords(words, next((e.name for e in spending), SPEC.opening.name), next(numbers, "amount"))


_own: MapWords | None = hint("map_words")
WORDS = _own or _general()
SURE, LIKELY, GUESS = "sure", "likely", "a guess"


_TABLES = ("source", "fields", "time", "events", "events.kinds", "defaults", "observed")


def first_map(seen: SeenTable, catalogue: AnyCatalogue) -> str:
    """Returns a map of the table, each line with how sure it is. Raises `BadSetting` without an account or an instant."""
    known = next((name for name, shape in _SHAPES.items() if shape <= seen.columns.keys()), None)
    if known is not None:
        return f"# sure: the names are those of the ready-made map {known}: --map {known} is the same.\n{ready_map(known)}"
    # Of tables that are logs as they are, Parquet alone is one; others have a map for their names, too.
    if seen.source.format in ("jsonl", "parquet") and {"account", "at", "event"} <= seen.columns.keys():
        raise BadSetting(one_line(seen.name), "this looks like a log of records already; replay it without a map")
    return _Guess(seen, catalogue).text()


class _Guess:
    def __init__(self, seen: SeenTable, catalogue: AnyCatalogue) -> None:
        self._seen, self._catalogue = seen, catalogue
        self._taken = set[str]()
        self._made: dict[str, list[str]] = {name: [] for name in (*_TABLES, "groups")}
        """The lines of the map, by table."""
        self._sign = 1
        """-1 where incoming tokens are below 0."""

    def text(self) -> str:
        seen, made = self._seen, self._made
        made["source"] = [f'format = "{seen.source.format}"']
        made["source"] += [
            f"{key} = {toml_text(value)}"
            for key, value in (("table", seen.source.table), ("query", seen.source.query))
            if value is not None
        ]
        if seen.source.delimiter != ",":
            made["source"].append(f"delimiter = {toml_text(seen.source.delimiter)}")
        at = self._demand("at", "an instant", lambda c: c.instants == seen.rows)
        account = self._demand("account", "an account", lambda c: c.filled == seen.rows and c.distinct < max(seen.rows, 2))
        id_ = self._found("id", lambda c: c.filled == c.distinct == seen.rows)
        kind = self._found("kind", lambda c: c.filled == seen.rows and c.distinct <= KINDS_MAX and not c.whole)
        told = f"by its name; {account.distinct} of them"
        made["fields"].append(_line(f"account = {toml_text(account.name)}", SURE if _named("account", account) else GUESS, told))
        told = "every row holds an instant" + (f" in {at.time.unit}" if at.time.unit is not None else "")
        made["fields"].append(_line(f"at = {toml_text(at.name)}", SURE if _named("at", at) else LIKELY, told))
        if at.time.unit is not None:
            made["time"].append(_line(f'unit = "{at.time.unit}"', SURE, "in another unit the years are not 2000 to 2099"))
        if at.time.format is not None:
            told = f"every row is of {at.alike} as well" if at.alike else "every row is of this form, and of no other usual one"
            made["time"].append(_line(f"format = {toml_text(at.time.format)}", GUESS if at.alike else SURE, told))
        order = [at.name, *([id_.name] if id_ is not None else [])]
        told = (
            "no row has the id of another"
            if id_ is not None
            else "no column tells rows of one instant apart; the file's order counts"
        )
        made["time"].append(_line(f"order = {toml_text(order)}", LIKELY if id_ is not None else GUESS, told))
        self._pools()
        delta = self._money(account, at, id_)
        if KEY:
            self._entry()
        for field_, table in WORDS.tables.items():
            self._listed(field_, {*self._catalogue.written()[table], *self._catalogue.aliases})
        if kind is None:
            made["events"].append(_line(f"event = {toml_text(WORDS.usual)}", GUESS, "no column says of which kind a row is"))
        else:
            told = f"{kind.distinct} kinds in {counted(seen.rows, 'row')}"
            made["events"].append(_line(f"column = {toml_text(kind.name)}", SURE if _named("kind", kind) else GUESS, told))
            self._kinds(kind, delta)
        for name, usual in WORDS.defaults.items():
            made["defaults"].append(_line(f"{name} = {toml_text(usual)}", GUESS, "no row says it"))
        found = [
            f"# A first map of {one_line(seen.name)}, from {counted(seen.rows, 'row')}; each line is sure, likely, or a guess.",
            "# Go through it, then replay with it: what it does not map is counted by kind.",
        ]
        for name in _TABLES:
            found += [f"[{name}]", *made[name]] if made[name] else []
        return "\n".join([*found, *made["groups"]]) + "\n"

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

    def _pools(self) -> None:
        """Finds the columns that are called after a pool."""
        for pool in POOLS:
            fitting = (
                c for c in self._seen.columns.values() if c.name not in self._taken and c.whole and c.whole >= 0.9 * c.filled
            )
            found = [column for column in fitting if re.search(rf"(^|_|\.){pool}(_|\.|$)", _in_words(column.name))]
            if len(found) == 1:
                self._made["observed"].append(_line(f'"balances.{pool}" = {toml_text(found[0].name)}', LIKELY, "by its name"))
                self._taken.add(found[0].name)

    def _money(self, account: SeenColumn, at: SeenColumn, id_: SeenColumn | None) -> SeenColumn | None:
        """Finds the columns of the delta and of the balance; they are sure where one follows from the other."""
        seen, made = self._seen, self._made
        whole = [
            c
            for c in seen.columns.values()
            if c.name not in self._taken and c.whole and c.whole >= 0.9 * c.filled and not c.instants
        ]
        best: tuple[float, int, list[SeenColumn], SeenColumn, bool, str] | None = None
        for moved in [[each] for each in whole] + [list(pair) for pair in permutations(whole, 2) if _in_and_out(*pair)]:
            for balance in whole:
                if balance in moved:
                    continue
                names = [column.name for column in moved]
                rows, plus, minus = seen.adds_up(account.name, at, id_.name if id_ else None, names, balance.name)
                share = max(plus, minus) / rows if rows else 0
                if share > 0.5 and (best is None or share > best[0]):
                    sign = "+" if plus >= minus else "-"
                    said = f"balance = the one before {sign} {' - '.join(names)} in {max(plus, minus)} of {counted(rows, 'row')}"
                    best = share, rows, moved, balance, plus >= minus, said
        if best is not None:
            share, rows, moved, balance, is_plus, said = best
            if len(moved) > 1 and not is_plus:
                moved, is_plus = moved[::-1], True
            self._sign = 1 if is_plus else -1
            sure = SURE if share == 1 and rows >= _ENOUGH else LIKELY
            made["observed"].append(_line(f"total = {toml_text(balance.name)}", sure, said))
            delta, *out = moved
            column = f"column = {toml_text(delta.name)}" + (f", less = {toml_text(out[0].name)}" if out else "")
            usual = toml_text(delta.name) if not out else f"{{ {column} }}"
            made["observed"].append(_line(f"delta = {usual if is_plus else f'{{ {column}, negate = true }}'}", sure, said))
            if out:
                cost, told = toml_text(out[0].name), "what is spent has a column of its own"
            else:
                cost = f"{{ {column}, negate = true }}" if is_plus else toml_text(delta.name)
                told = f"what is spent is {'below' if is_plus else 'above'} 0"
            made["fields"].append(_line(f"{WORDS.amount} = {cost}", sure, told))
            self._taken |= {balance.name, *(column.name for column in moved)}
            return delta
        named = next((column for column in whole if _named("delta", column)), None)
        if named is not None:
            cost = f"{{ column = {toml_text(named.name)}, negate = true }}" if named.below_zero else toml_text(named.name)
            told = "by its name; no running balance was found that it adds up to"
            made["fields"].append(_line(f"{WORDS.amount} = {cost}", GUESS, told))
            made["observed"].append(_line('outcome = { value = "accepted" }', LIKELY, "what stands in a ledger has happened"))
            if named.below_zero:
                made["observed"].append(_line(f"delta = {toml_text(named.name)}", GUESS, "by its name; some are below 0"))
            self._taken.add(named.name)
        return named

    def _entry(self) -> None:
        found = self._found("job", lambda c: c.filled > 0)
        if found is not None:
            told = f"{found.distinct} of them in {counted(found.filled, 'row')}"
            self._made["fields"].append(_line(f"{KEY} = {toml_text(found.name)}", LIKELY, told))
        self._made["defaults"].append(_line(f"{KEY} = {{ row = true }}", LIKELY, f"a row without a {KEY} is one of its own"))

    def _listed(self, name: str, listed: set[str]) -> None:
        for seen in self._seen.columns:
            for column in (seen, f"{seen}.{name}"):
                values = self._values_in(column, name)
                if values and values <= listed:
                    told = f"it holds {', '.join(sorted(values))}"
                    self._made["fields"].append(_line(f"{name} = {toml_text(column)}", SURE, told))
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
        grouped, renewed, kinds = [], list[str](), self._made["events.kinds"]
        for value, times in self._seen.values(kind.name, KINDS_MAX):
            rows = counted(times, "row")
            if re.search(WORDS.grouped, value.casefold()):
                grouped.append(value)
                continue
            event = next((event for event, words in WORDS.events if re.search(words, value.casefold())), None)
            if event is None:
                kinds.append(f"# {toml_text(value)} = ...  # {rows}: name its event, or put it into ignore")
                continue
            if event == WORDS.grouped_with:
                renewed.append(value)
            told = f"{rows}, by the word"
            if lacking := self._lacking(event):
                written = ", ".join(f'{name} = "..."' for name in lacking)
                told += f"; no column holds {' and '.join(lacking)}: write {{ event = {toml_text(event)}, {written} }}"
            kinds.append(_line(f"{toml_text(value)} = {self._event(event, kind, value, delta)}", LIKELY, told))
        for value in grouped if not renewed else ():
            kinds.append(f"# {toml_text(value)} = ...  # it belongs to {WORDS.grouped_with}, and no kind is that")
        if grouped and renewed:
            self._made["groups"] += [
                f"# likely: at {WORDS.grouped_with} these are rows of their own, at the same instant",
                "[[groups]]",
                f"kinds = {toml_text(renewed[:1])}",
                f"optional = {toml_text(grouped)}",
                f"event = {toml_text(WORDS.grouped_with)}",
            ]

    def _lacking(self, event: str) -> list[str]:
        """Returns the fields that the event needs and no line of the map gives."""
        given = {line.partition(" ")[0] for table in ("fields", "defaults") for line in self._made[table]} | WORDS.defaults.keys()
        given |= set(WORDS.sold[1:] if WORDS.sold is not None and event == WORDS.sold[0] else ())
        fields = next((each.fields for each in account().events if each.name == event), ())
        return [each.key for each in fields if each.origin is Origin.PAYLOAD and each.key not in given]

    def _event(self, event: str, kind: SeenColumn, value: str, delta: SeenColumn | None) -> str:
        if WORDS.sold is not None and event == WORDS.sold[0]:
            _, key, table, number = WORDS.sold
            sizes: dict[str, int] = self._catalogue.written()[table]
            for name, size in sizes.items():
                if delta is not None and self._seen.all_divisible(kind.name, value, delta.name, size * self._sign):
                    negate = ", negate = true" if self._sign < 0 else ""
                    quantity = f"{{ column = {toml_text(delta.name)}, divide = {size}{negate} }}"
                    return f"{{ event = {toml_text(event)}, {key} = {toml_text(name)}, {number} = {quantity} }}"
            return f"{{ event = {toml_text(event)}, {key} = {toml_text(next(iter(sizes), '...'))}, {number} = 1 }}"
        return toml_text(event)


def _named(what: str, column: SeenColumn) -> bool:
    return re.search(_NAMES[what], _in_words(column.name)) is not None


def _in_words(name: str) -> str:
    """Returns the name of a column in small letters, its words joined by `_`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[ -]+", "_", name).casefold()


def _in_and_out(one: SeenColumn, other: SeenColumn) -> bool:
    """Returns whether two columns can be money in and money out: neither is ever below 0."""
    return one.below_zero == other.below_zero == 0


def _line(written: str, sure: str, why: str) -> str:
    return f"{written}  # {sure}: {one_line(why, 120)}"

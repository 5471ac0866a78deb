"""The words of the declaration language as tables: signature and meaning from the code, an example from real declarations."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterable
from enum import Enum, EnumType
from functools import cache
from importlib.resources import files
from itertools import groupby, pairwise
from types import ModuleType

from tokenspec.diagrams.tables import Table, table
from tokenspec.machine.lang.errors import CODES
from tokenspec.machine.lang.phrases import choosing
from tokenspec.machine.lang.specification import HINTS
from tokenspec.oracle.base.specification import SPEC
from tokenspec.oracle.publish.new_specification import COPIED, source

LANGUAGE = "tokenspec.machine.lang"
GROUPS: dict[str, dict[str, str]] = {
    "types": {"Bool": "", "Enum": "TS102 TS205", "Tokens": "TS205", "COUNTABLE_MAX": ""},
    "expressions": {
        "Term": "TS201",
        **dict.fromkeys(("var",), "TS101"),
        **dict.fromkeys(("eq", "ne", "one_of", "minimum", "maximum", "total", "lookup"), "TS201"),
        **dict.fromkeys(("negation", "all_of", "any_of", "implies", "exactly_one"), "TS202"),
        "ite": "TS201 TS202",
        "lift": "",
    },
    "state": {
        "Machine": "TS101 TS102 TS124 TS203",
        "variable": "TS115 TS123 TS124 TS203 TS204 TS205",
        "Parameter": "TS124 TS204",
        "Figure": "TS101",
        "assumption": "TS202",
        "definition": "TS101 TS110 TS201",
        "Definitions": "",
        "define": "TS101 TS110 TS201",
        "policy": "TS123 TS124 TS204",
        **dict.fromkeys(("choosing", "by_policy", "chosen"), ""),
    },
    "events": {
        "event": "TS109 TS115 TS124",
        "Actor": "",
        "Field": "TS114 TS118 TS124",
        "Origin": "",
        "Key": "TS124",
        "Shape": "",
        **dict.fromkeys(("requires", "each_requires"), "TS106 TS113 TS124 TS202"),
        "unless": "",
        "Missing": "",
        "rule": "TS102 TS104 TS112 TS124 TS202",
        "STAYS": "TS112",
        "cites": "TS107 TS108",
    },
    "effects": {
        "becomes": "TS103 TS105 TS203 TS204",
        "posting": "TS101 TS203",
        "Kind": "",
        "Flows": "",
        **dict.fromkeys(("spends", "buys", "gives_back", "includes", "grants", "keeps", "loses", "carries"), "TS101 TS103"),
        **dict.fromkeys(("up_to", "in_full", "countable", "is_countable", "granted", "expired"), ""),
        "remembers": "TS101 TS103 TS118",
        **dict.fromkeys(("starts", "settles", "stops"), "TS111"),
        "ClockAct": "",
    },
    "time": {
        "Clock": "TS111 TS119 TS124",
        "Since": "",
        "Timer": "TS111 TS124",
        "calendar_by": "TS120",
        "EveryDay": "TS121",
        "EveryHours": "TS206",
        **dict.fromkeys(("EveryWeek", "EveryMonth", "EveryYear"), ""),
        "OnceAfter": "TS206",
        "ShortMonth": "",
        "Hour": "",
    },
    "memory": {"Memory": "TS116 TS118 TS124 TS203", "Period": "TS111 TS117"},
    "systems": {
        "System": "TS102 TS124",
        "Link": "TS111 TS124",
        "Ids": "TS101 TS102 TS106 TS113 TS124 TS204",
        **dict.fromkeys(("Repeat", "OfRefused"), ""),
    },
    "catalogue": {
        **dict.fromkeys(("Number", "Flag", "OneOf", "SomeOf", "NameIn", "Ranking", "Entries", "Figures", "AnyCatalogue"), ""),
        **dict.fromkeys(("Listed", "LookedUp", "Named", "OfVariant"), "TS101"),
        **dict.fromkeys(("variant_of", "NONE", "UNLISTED"), ""),
    },
    "claims": {
        "claim": "TS124 TS301 TS302",
        **dict.fromkeys(("state", "pair"), "TS101 TS202 TS301"),
        "step": "TS202 TS301 TS303",
        "ghost": "TS102 TS203",
        "two_runs": "TS101 TS202 TS303",
        "leads_to": "TS202 TS303",
        "LivenessPart": "TS101 TS204 TS303",
        "refuses": "TS101 TS202 TS303",
        "CalendarPart": "TS111",
        "Law": "",
        "LayerPart": "TS101",
        **dict.fromkeys(("new", "other", "flow", "answered"), "TS101"),
        **dict.fromkeys(("NOTHING", "within_types", "of_type"), ""),
        **dict.fromkeys(("name_with_entry", "name_in_time", "name_of_whole", "with_id", "since"), "TS101"),
    },
    "specification": {
        "Specification": "TS101 TS111 TS122 TS124",
        "AnswerForm": "TS101 TS111",
        "Shown": "TS101",
        "ShownList": "TS101",
        "Scope": "TS101 TS102",
    },
}
"""The words by what they are for, each with the codes of the faults that they can have."""
MODULES = (
    *("types", "build", "phrases", "declaration", "calendars", "ids", "catalogue", "claims", "specification"),
    *("derived.entries", "derived.timed", "derived.composition", "derived.used_ids"),
)
"""The modules of the language that declarations import from."""
_LONGEST = 150
_WITHIN = {"becomes": "Term", "define": "Definitions"}
"""By method that is a word, its class."""


def language(groups: Iterable[str]) -> Table:
    """Returns the words of some groups: how each is written, its meaning, a use of it, and the codes of its faults."""
    rows = []
    for word, codes in (each for group in groups for each in GROUPS[group].items()):
        example = uses().get(word)
        rows.append((f"`{_signature(word)}`", _meaning(word), f"`{example}`" if example else "", codes.replace(" ", ", ")))
    return table(("word", "meaning", "as declared", "faults"), rows)


def codes() -> Table:
    """Returns the codes of faulty declarations, with the words that can have them."""
    rows = []
    for code, says in CODES.items():
        words = [f"`{word}`" for group in GROUPS.values() for word, its in group.items() if code in its.split()]
        rows.append((code, says, ", ".join(words)))
    return table(("code", "what is wrong", "words"), rows)


def hints() -> Table:
    """Returns the kinds of hints of a specification."""
    return table(("kind", "what it is for"), ((f"`{kind}`", says) for kind, says in HINTS.items()))


def _module(word: str) -> ModuleType:
    modules = (importlib.import_module(f"{LANGUAGE}.{name}") for name in MODULES)
    return next(module for module in modules if hasattr(module, word))


def _object(word: str) -> object:
    if word in ("by_policy", "chosen"):
        return choosing(())[word == "chosen"]
    owner: object = getattr(_module(_WITHIN[word]), _WITHIN[word]) if word in _WITHIN else _module(word)
    return getattr(owner, word)


def _signature(word: str) -> str:
    found = _object(word)
    if not callable(found) or isinstance(found, EnumType) or word == "AnyCatalogue":
        return word
    shown = []
    for parameter in inspect.signature(found).parameters.values():
        default = parameter.default
        value = f"{type(default).__name__}.{default.name}" if isinstance(default, Enum) else repr(default)
        has_none = default is parameter.empty or value.startswith("<")
        stars = "*" * (parameter.kind is parameter.VAR_POSITIONAL) + "**" * (parameter.kind is parameter.VAR_KEYWORD)
        shown.append(stars + parameter.name + ("" if has_none else f"={value}"))
    return f"{word}({', '.join(name for name in shown if name != 'self')})"


def _meaning(word: str) -> str:
    found = _object(word)
    text = inspect.getdoc(found) or "" if callable(found) else _said_of(word)
    members = f" One of {', '.join(f'`{name}`' for name in found.__members__)}." if isinstance(found, EnumType) else ""
    return " ".join(text.split("\n\n")[0].split()) + members


def _said_of(word: str) -> str:
    """Returns the text below a constant."""
    body = ast.parse(inspect.getsource(_module(word))).body
    for statement, below in pairwise(body):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id == word and isinstance(below, ast.Expr):
            return str(ast.literal_eval(below.value))
    raise AssertionError(f"nothing is said of {word}")


@cache
def uses() -> dict[str, str]:
    """Returns a plain use of each word in the chosen specification, else in the one that `new` writes."""
    found: dict[str, str] = {}
    own = sorted({call.__module__.rpartition(".")[0] for call in (SPEC.system, SPEC.claims)} - {""})
    small = [source().joinpath(path).read_text("utf-8") for path in COPIED if path.endswith(".py")]
    words = {word for group in GROUPS.values() for word in group}
    paths = (path for package in own for path in sorted(files(package).iterdir(), key=lambda path: path.name))
    shipped = [path.read_text("utf-8") for path in paths if path.name.endswith(".py")]
    for texts in (shipped, small):
        plainest: dict[str, tuple[object, ...]] = {}
        for call in (node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
            for word in _words_in(call) & words:
                use = _use(call, word)
                if re.search(rf"\b{word}\b", str(use[-1])):
                    plainest[word] = min(plainest.get(word, use), use)
        found = {word: str(use[-1]) for word, use in plainest.items()} | found
    return found


def _words_in(call: ast.Call) -> set[str]:
    """Returns the word that is called, where it is given something, and all that stand among its arguments."""
    if not (call.args or call.keywords):
        return set()
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    return {_called(call), *(node.id for value in given for node in ast.walk(value) if isinstance(node, ast.Name))}


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _use(call: ast.Call, word: str) -> tuple[object, ...]:
    """Returns the text of a use, behind what makes it less plain than others: another word's, without a value, cut, or long."""
    is_other, head = _called(call) != word, ast.unparse(call.func)
    given = whole = [" ".join(ast.unparse(each).split()) for each in (*call.args, *call.keywords)]
    if is_other and len(", ".join(given)) > _LONGEST:
        # What the word is about, in the argument that has it.
        given = [each if re.search(rf"\b{word}\b", each) else "..." for each in given]
        given = [each for each, _ in groupby(given)]
    while len(f"{head}({', '.join(given)})") > _LONGEST and len(given) > 1:
        given = [*given[: -2 if given[-1] == "..." else -1], "..."]
    shown, text = f"{head}({', '.join(given)})", ", ".join(whole)
    return is_other, "*" in text, "'" not in text, "|" in shown, given != whole, len(shown), shown

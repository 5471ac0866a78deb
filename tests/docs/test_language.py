"""The page on the language leaves out no word, and shows a use of each."""

from __future__ import annotations

import ast
import importlib
import re
from itertools import chain

import pytest

from docs.shown import ROOT, blocks
from lang.test_wrong_declarations import WRONG
from tokenspec.machine.lang.errors import CODES
from tokenspec.machine.lang.specification import HINTS
from tokenspec.oracle.publish.language import GROUPS, LANGUAGE, MODULES, language, uses

PAGE = "docs/language.md"
WORDS = list(chain.from_iterable(GROUPS.values()))
MADE = {
    "Policy",
    *("Variable", "Assumption", "Definition", "Requirement", "Assign", "Posting", "Note", "Rule", "Event", "CalendarByPolicy"),
    *("StatePart", "Ghost", "StepPart", "TwoRunPart", "PairPart", "LeadsToPart", "RefusalPart", "Claim"),
}
"""Data that the words make, and that nobody writes."""
READ = {
    *("FigurePlace", "figure_places", "parameters_of"),
    *(
        "calendar_under",
        "variants",
        "described",
        "shortest_hours",
        "parts_of",
        "ONE_OUTCOME",
        "primed_definitions",
        "rule_constants",
        "answer_types",
    ),
    *(
        "step_scope",
        "pair_scope",
        "with_and_without_entry",
        "differ_in_memory_alone",
        "with_entry",
        "in_time",
        "composed",
        "HINTS",
    ),
    *("OTHER", "WITH", "PASSES", "until", "REFUSED_UNDER_ID", "REPEATED", "ACCEPTED", "REFUSED", "UNDER_ID"),
}
"""What readers of declarations take from the same modules."""


def public(module: str) -> set[str]:
    """The names that a module of the language defines for others; type aliases and variables of types are not words."""
    body = ast.parse((ROOT / "machine" / "tokenspec" / "machine" / "lang" / f"{module.replace('.', '/')}.py").read_text()).body
    named = {each.name for each in body if isinstance(each, ast.FunctionDef | ast.ClassDef)}
    named |= {
        target.id for each in body if isinstance(each, ast.Assign) for target in each.targets if isinstance(target, ast.Name)
    }
    named |= {each.target.id for each in body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)}
    aliases = {"Value", "Type", "Termlike", "Change", "Part", "Calendar", "DeclaredCalendar", "Cell", "CatalogueForm", "Fact"}
    return {name for name in named - aliases if not name.startswith("_") and len(name) > 1}


def test_every_word_of_the_language_has_an_entry() -> None:
    exported = set().union(*map(public, MODULES))
    assert len(exported) > 100
    assert exported - MADE - READ - set(WORDS) == set()
    assert (MADE | READ) & set(WORDS) == set()
    assert len(WORDS) == len(set(WORDS))


def test_every_group_every_hint_and_every_code_is_on_the_page() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert re.findall(r"tokenspec: language of=(\w+)", text) == list(GROUPS)
    assert re.findall(r"^\| `(\w+)`[^|]*\| [^|]+ \|$", text, re.MULTILINE) == list(HINTS)
    assert re.findall(r"^\| (TS\d\d\d) \|", text, re.MULTILINE) == list(CODES)


def test_every_word_is_used_in_a_table_or_a_block() -> None:
    shown = "\n".join(block.text for block in blocks(PAGE) if block.language == "python")
    unused = {word for word in WORDS if word not in uses() and not re.search(rf"\b{word}\b", shown)}
    # A protocol that classes keep, a value that formulas read, and names that other words give.
    assert unused == {"AnyCatalogue", "NOTHING", "of_type", "with_id", "variant_of"}


@pytest.mark.parametrize("group", GROUPS)
def test_an_entry_says_how_the_word_is_written_and_what_it_means(group: str) -> None:
    for (word, codes), (signature, meaning, example, faults) in zip(GROUPS[group].items(), language([group]).rows, strict=True):
        assert re.match(rf"`{word}\b", signature)
        assert len(meaning) > 10
        assert faults.split(", ") == (codes.split() or [""])
        if example:
            whole = example.strip("`").replace("(..., ", "(").replace(", ...", "")
            ast.parse(whole, mode="eval")  # raises if not
            assert re.search(rf"\b{word}\b", example)


def test_every_code_is_one_that_some_word_can_have() -> None:
    told = {code for group in GROUPS.values() for codes in group.values() for code in codes.split()}
    assert told == set(CODES) == {wrong.code for wrong in WRONG.values()}


def test_a_word_is_found_where_the_register_says() -> None:
    modules = [importlib.import_module(f"{LANGUAGE}.{module}") for module in MODULES]
    methods = {"becomes", "define", "by_policy", "chosen"}
    assert [word for word in WORDS if word not in methods and not any(hasattr(module, word) for module in modules)] == []

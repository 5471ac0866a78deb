"""Docstrings say what is true, a noun or a verb first, in every room."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("spec", "machine", "invariants", "oracle", "diagrams")
CLAUSE = re.compile(r"\s*(What|Whether|How|Why|Which|Where|Who|Whose|That)\b")


def clauses(text: str) -> list[tuple[int, str]]:
    """Returns the lines at which a docstring, of a value too, begins with a clause where a noun or a verb is due."""
    strings = (
        (part.lineno, part.value.value)
        for node in ast.walk(ast.parse(text))
        for part in (node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else ())
        if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
    )
    return [(line, value.splitlines()[0]) for line, value in strings if isinstance(value, str) and CLAUSE.match(value)]


@pytest.mark.parametrize("room", ROOMS)
def test_no_docstring_begins_with_a_clause(room: str) -> None:
    found = {str(path.relative_to(ROOT)): clauses(path.read_text("utf-8")) for path in sorted((ROOT / room).rglob("*.py"))}
    assert len(found) > 1
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('"""What it is."""', [1]),
        ('"""The size of it."""', []),
        ('"""Whatever comes."""', []),
        ('"""Why it is."""', [1]),
        ('"""Where it lies."""', [1]),
        ('SIZE = 1\n"""How large it is."""', [2]),
        ('class It:\n    """Whether it is."""', [2]),
        ('class It:\n    size: int\n    """How large."""', [3]),
        ('def it():\n    """Returns what it is."""', []),
        ('async def it():\n    """What it is."""', [2]),
    ],
)
def test_a_clause_is_found_wherever_a_docstring_stands(text: str, lines: list[int]) -> None:
    assert [line for line, _ in clauses(text)] == lines

"""No test passes emptily: each asserts something, or says that what it calls raises."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SAID = "# raises if not"
BY_CALL = {"raises", "assert_outcomes"}
"""What asserts by being called: pytest's own, and the outcomes of a run within a run."""


def idle(text: str) -> list[str]:
    """Returns the names of the tests in a file that cannot fail by themselves and do not say what raises instead."""
    tests = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    lines = text.splitlines()
    # Whole lines: the comment stands behind the last statement, where the syntax tree has ended.
    return [test.name for test in tests if not asserts(test) and not any(SAID in s for s in lines[test.lineno : test.end_lineno])]


def asserts(test: ast.FunctionDef) -> bool:
    return any(isinstance(n, ast.Assert) or (isinstance(n, ast.Attribute) and n.attr in BY_CALL) for n in ast.walk(test))


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_every_test_asserts_or_says_what_raises(path: Path) -> None:
    assert idle(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("call()", ["test_it"]),
        ("assert call()", []),
        (f"call()  {SAID}", []),
        ("with pytest.raises(ValueError):\n        call()", []),
        ("# assert call()\n    call()", ["test_it"]),
    ],
)
def test_a_test_that_cannot_fail_is_found(body: str, found: list[str]) -> None:
    assert idle(f"def test_it():\n    {body}\n") == found

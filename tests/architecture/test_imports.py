"""No circle of imports in the code rooms, those inside functions included, and a floor plan that a stranger can read."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("spec", "machine", "invariants", "diagrams", "oracle")
MODULES = {
    ".".join(path.relative_to(ROOT / room).with_suffix("").parts).removesuffix(".__init__"): path
    for room in ROOMS
    for path in (ROOT / room / "tokenspec").rglob("*.py")
}


def imported(path: Path) -> set[str]:
    """The modules of ours that a file imports anywhere in it, as its functions do and a type checker alone does."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names):
                found |= {name.name for name in names}
            case ast.ImportFrom(module=str(module), names=names):
                found |= {inner if (inner := f"{module}.{name.name}") in MODULES else module for name in names}
    return found & MODULES.keys()


def test_no_module_imports_itself_by_way_of_others() -> None:
    # Nothing below a façade imports it: that of the oracle names its homes as text, and the others import downwards.
    order = TopologicalSorter({name: imported(path) - {name} for name, path in MODULES.items()})
    assert len(list(order.static_order())) == len(MODULES)  # raises CycleError, which names the circle


def test_an_import_inside_a_function_is_seen() -> None:
    assert "tokenspec.oracle.sut.http" in imported(MODULES["tokenspec.oracle.sut.connect"])


def test_the_hall_of_the_oracle_is_small_and_no_package_is_crowded() -> None:
    folders = Counter(path.parent for path in MODULES.values())
    assert folders[ROOT / "oracle/tokenspec/oracle"] <= 8
    assert {str(folder): number for folder, number in folders.items() if number > 21} == {}  # 20 modules and __init__


def test_the_name_of_a_class_means_one_thing() -> None:
    homes: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}

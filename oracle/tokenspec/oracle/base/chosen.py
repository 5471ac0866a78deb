"""The choice of the specification that a process works with."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import tomllib
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tokenspec.oracle.base.errors import BadSetting, WrongUsage

if TYPE_CHECKING:
    # The command's --version and --help need none of it.
    from tokenspec.machine.lang.specification import Specification

VARIABLE = "TOKENSPEC_SPEC"
OPTION = "--spec"
_by_option = ""
SHIPPED = "tokenspec"
"""The name of the shipped specification."""
_SHIPPED_AT = "tokenspec.invariants.specification:SPECIFICATION"


class ChosenSpecification(NamedTuple):
    """A specification as `MODULE:NAME`, where that was said, and the folder that its module is looked for in."""

    name: str
    said_in: str
    folder: Path


def chosen() -> ChosenSpecification:
    """Returns the specification of the environment, else that of the nearest pyproject.toml, else the shipped one."""
    if named := os.environ.get(VARIABLE, "").strip():
        return ChosenSpecification(named, OPTION if named == _by_option else VARIABLE, Path.cwd())
    project = next((f for folder in (Path.cwd(), *Path.cwd().parents) if (f := folder / "pyproject.toml").is_file()), None)
    if project is not None:
        try:
            named = tomllib.loads(project.read_text("utf-8")).get("tool", {}).get("tokenspec", {}).get("spec", "")
        except (OSError, ValueError, AttributeError):
            # Whoever builds the project is told of it; here it says nothing.
            named = ""
        if named:
            return ChosenSpecification(str(named), f"{project} ([tool.tokenspec] spec)", project.parent)
    return ChosenSpecification(SHIPPED, "", Path.cwd())


def chosen_by(arguments: list[str]) -> list[str]:
    """Returns the arguments without the option `--spec`, which chooses for this process and those that it starts.

    It may stand anywhere before `--`. Raises `WrongUsage` where it has no value, or two.
    """
    left, said = list(arguments), list[str]()
    end = left.index("--") if "--" in left else len(left)
    for position in range(end - 1, -1, -1):
        option, equals, value = left[position].partition("=")
        if option == OPTION:
            if not equals and position + 1 >= end:
                raise WrongUsage(OPTION, "it is followed by package.module:NAME, or by tokenspec for the shipped one")
            said.append(value if equals else left[position + 1])
            del left[position : position + (1 if equals else 2)]
            end = left.index("--") if "--" in left else len(left)
    if len(set(said)) > 1:
        raise WrongUsage(OPTION, f"it is given twice, as {said[-1]} and as {said[0]}")
    if said:
        if not said[0].strip():
            raise WrongUsage(OPTION, "it is empty; give package.module:NAME, or tokenspec for the shipped one")
        global _by_option
        _by_option = os.environ[VARIABLE] = said[0].strip()
    return left


@cache
def load() -> Specification:
    """Returns the chosen specification, which is validated unless it is the shipped one.

    Raises `FileNotFoundError` where there is no such module, `BadSetting` where the module raises, has no such name, or holds a
    declaration with faults.
    """
    name, said_in, folder = chosen()
    if name == SHIPPED:
        return _found(_SHIPPED_AT, said_in)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    specification = _found(name, said_in)
    _check(specification, name)
    return specification


def _found(name: str, said_in: str) -> Specification:
    from tokenspec.machine.lang.errors import DeclarationErrors
    from tokenspec.machine.lang.specification import Specification

    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        kind = WrongUsage if said_in == OPTION else BadSetting
        raise kind(said_in, f"a specification is written package.module:NAME, or {SHIPPED} for the shipped one, found {name!r}")
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as fault:
        if fault.name is not None and (module == fault.name or module.startswith(f"{fault.name}.")):
            raise FileNotFoundError(errno.ENOENT, f"there is no module {fault.name}, which {said_in} names", name) from None
        raise _raised(name, fault) from fault
    except DeclarationErrors as faults:
        raise BadSetting(name, f"the declaration has faults\n{faults}") from None
    except Exception as fault:
        raise _raised(name, fault) from fault
    specification = getattr(imported, attribute, None)
    if not isinstance(specification, Specification):
        there = "has no such name" if specification is None else f"holds {type(specification).__name__} there"
        raise BadSetting(name, f"{imported.__file__} {there}; it has to be a tokenspec.machine.lang.specification.Specification")
    return specification


def _raised(name: str, fault: BaseException) -> BadSetting:
    """Returns the error for a module that raises, with the place."""
    frames = [f for f in traceback.extract_tb(fault.__traceback__) if "importlib" not in f.filename and f.filename != __file__]
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    if isinstance(fault, SyntaxError):
        where = f" at {fault.filename}:{fault.lineno}"
    return BadSetting(name, f"its module raises {type(fault).__name__}{where}: {fault}")


def _check(specification: Specification, name: str) -> None:
    """Raises `BadSetting` with every fault of the declaration and of its claims."""
    from tokenspec.machine.lang.derived.claimed import claimed_machines
    from tokenspec.machine.lang.errors import DeclarationErrors
    from tokenspec.machine.lang.validate import validate_system
    from tokenspec.machine.lang.validate_claims import validate_claims

    try:
        system = specification.system(specification.catalogue)
        validate_system(system)
        validate_claims(specification.claims(specification.catalogue), claimed_machines(system, specification.counted_pools))
    except DeclarationErrors as faults:
        raise BadSetting(name, f"the declaration has faults\n{faults}") from None
    except Exception as fault:
        raise _raised(name, fault) from fault

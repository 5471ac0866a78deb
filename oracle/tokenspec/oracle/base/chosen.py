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
    note: str = ""
    """A note for its user: a file that might have named another one cannot be read as TOML."""


def chosen() -> ChosenSpecification:
    """Returns the specification of the environment, else that of the nearest pyproject.toml, else the shipped one.

    Raises `BadSetting` where that variable or file means to name one, and does not.
    """
    if (said := os.environ.get(VARIABLE)) is not None:
        if not (named := said.strip()):
            raise WrongUsage(VARIABLE, "it is there and empty; give package.module:NAME, or unset it")
        return ChosenSpecification(named, OPTION if named == _by_option else VARIABLE, Path.cwd())
    project = next((f for folder in (Path.cwd(), *Path.cwd().parents) if (f := folder / "pyproject.toml").is_file()), None)
    named, note = _named_in(project) if project is not None else ("", "")
    if project is not None and named:
        return ChosenSpecification(named, f"{project} ([tool.tokenspec] spec)", project.parent)
    return ChosenSpecification(SHIPPED, "", Path.cwd(), note)


def _named_in(project: Path) -> tuple[str, str]:
    """Returns the specification that a pyproject.toml names, and a note; both empty where it has no [tool.tokenspec].

    Raises `BadSetting` where the table names none: the shipped one would be taken in its place.
    """
    try:
        written = project.read_bytes()
    except OSError as fault:
        raise BadSetting(str(project), f"a specification may be named in it, and it cannot be read: {fault.strerror}") from None
    try:
        tools = tomllib.loads(written.decode()).get("tool", {})
    except ValueError as fault:
        # Whoever builds the project is told of it; here it is an error only if a specification may be named.
        if SHIPPED.encode() in written:
            raise BadSetting(str(project), f"it is not TOML, and [tool.tokenspec] in it cannot be read: {fault}") from None
        return "", f"{project} is not TOML, and is passed over: {fault}"
    table = tools.get("tokenspec") if isinstance(tools, dict) else None
    if table is None:
        return "", ""
    named = table.get("spec") if isinstance(table, dict) and len(table) == 1 else None
    if not isinstance(named, str) or not named.strip():
        raise BadSetting(f"{project} [tool.tokenspec]", 'it holds spec = "package.module:NAME", and nothing else')
    return named.strip(), ""


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
    name, said_in, folder, _ = chosen()
    if name == SHIPPED:
        return _found(_SHIPPED_AT, said_in)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return _found(name, said_in)


def _found(name: str, said_in: str) -> Specification:
    from tokenspec.machine.lang.errors import DeclarationErrors
    from tokenspec.machine.lang.specification import Specification

    module, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), attribute)):
        kind = WrongUsage if said_in == OPTION else BadSetting
        raise kind(said_in, f"a specification is written package.module:NAME, or {SHIPPED} for the shipped one, found {name!r}")
    try:
        imported = importlib.import_module(module)
        specification = getattr(imported, attribute, None)
        if isinstance(specification, Specification) and name != _SHIPPED_AT:
            from tokenspec.machine.lang.derived.validate_specification import validate_specification

            validate_specification(specification)
    except ModuleNotFoundError as fault:
        if fault.name is not None and (module == fault.name or module.startswith(f"{fault.name}.")):
            raise FileNotFoundError(errno.ENOENT, f"there is no module {fault.name}, which {said_in} names", name) from None
        raise raised(name, fault) from fault
    except DeclarationErrors as found:
        raise BadSetting(name, "the declaration has faults", found.errors) from None
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # one that ends the process would end it with any code, 0 too
        raise raised(name, fault) from fault
    if not isinstance(specification, Specification):
        there = "has no such name" if specification is None else f"holds {type(specification).__name__} there"
        where = getattr(imported, "__file__", None) or module
        raise BadSetting(name, f"{where} {there}; it has to be a tokenspec.machine.lang.specification.Specification")
    return specification


def raised(name: str, fault: BaseException) -> BadSetting:
    """Returns the error for a module that raises, with its own last place before that of a word of the language."""
    from tokenspec.machine.lang import types

    frames = [f for f in traceback.extract_tb(fault.__traceback__) if "importlib" not in f.filename and f.filename != __file__]
    frames = [f for f in frames if not f.filename.startswith(str(Path(types.__file__).parent))] or frames
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    if isinstance(fault, SyntaxError):
        where = f" at {fault.filename}:{fault.lineno}"
    return BadSetting(name, f"its module raises {type(fault).__name__}{where}: {fault}")

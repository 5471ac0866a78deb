"""A small specification of one's own, to begin with: the example `purse` under another name."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import shutil
import tempfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.whole_files import cannot_be_written

COPIED = (
    "README.md",
    "log.jsonl",
    "purse/__init__.py",
    "purse/account.py",
    "purse/claims.py",
    "purse/clauses.toml",
    "purse/specification.py",
    "pyproject.toml",
    "test_purse.py",
)
"""The files of `examples/purse`; a wheel includes them."""


def write_specification(name: str) -> None:
    """Writes the folder `name`, all of it or nothing. Raises `WrongUsage` where the name will not do, or is taken."""
    _check(name)
    unfinished = ""
    try:
        unfinished = tempfile.mkdtemp(prefix=f".{name[:100]}.", dir=".")
        for path in COPIED:
            target = Path(unfinished, _renamed(path, name))
            target.parent.mkdir(exist_ok=True)
            target.write_text(_renamed(source().joinpath(path).read_text("utf-8"), name), encoding="utf-8")
        os.chmod(unfinished, Path(unfinished, name).stat().st_mode)
        os.rename(unfinished, name)
    except OSError as fault:
        raise cannot_be_written("NAME", name, fault) from None
    finally:
        if unfinished:
            shutil.rmtree(unfinished, ignore_errors=True)


def _check(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or keyword.iskeyword(name):
        rule = "it names a Python package: a letter, then letters, digits and _, and no word of Python's own"
        raise WrongUsage("NAME", f"{rule}, found {name!r}")
    if os.path.lexists(name):
        raise WrongUsage("NAME", f"{name} is there already, and nothing is written over; take another name, or another folder")
    if importlib.util.find_spec(name) is not None:
        raise WrongUsage("NAME", f"there is a Python package {name} already, which this one would hide; take another name")


def source() -> Traversable:
    """Returns the folder of the example that is copied."""
    installed = files("tokenspec.oracle.publish") / "purse"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "examples" / "purse"


def _renamed(text: str, name: str) -> str:
    return text.replace("purse", name).replace("PURSE", name.upper())

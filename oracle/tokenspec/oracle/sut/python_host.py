"""Runs a Python implementation as a process: `python -m tokenspec.oracle.sut.python_host package.module:factory`.

The first request is answered once the module is imported, with `{}` or the error; the others by the object that the
factory makes. Its prints go to standard error. An exception ends the process, and is its last words.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import msgspec


def main(name: str) -> None:
    """Answers requests until the input ends."""
    to = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    encode = msgspec.json.Encoder().encode
    sys.stdin.buffer.readline()
    try:
        factory = factory_named(name)
    except (ImportError, AttributeError, TypeError) as fault:
        to.write(encode({"error": str(fault)}) + b"\n")
        return
    to.write(b"{}\n")
    handle = factory().handle
    for line in sys.stdin.buffer:
        to.write(encode(handle(msgspec.json.decode(line))) + b"\n")


def factory_named(name: str) -> Callable[[], Any]:
    """The factory `package.module:factory`. Raises `ImportError`, `AttributeError`, `TypeError` where there is none."""
    module, _, attribute = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{attribute} of {module} cannot be called")
    made: Callable[[], Any] = found
    return made


if __name__ == "__main__":
    main(sys.argv[1])

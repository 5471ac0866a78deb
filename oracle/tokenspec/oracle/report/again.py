"""Command lines that reproduce a result, for people to copy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenspec.oracle.base.specification import DEFAULTS
from tokenspec.oracle.wire.resets import EXPLICIT
from tokenspec.oracle.wire.settings import INFER

Option = Mapping[str, str] | Sequence[str] | str | int | Path | None


def command_line(verb: str, *words: str, **options: Option) -> str:
    """Returns `tokenspec verb` with these options: None is left out, lists item by item, settings as NAME=ANSWER."""
    line = ["tokenspec", verb, *words]
    for option, value in options.items():
        match value:
            case None:
                given: Sequence[str] = ()
            case Mapping():
                given = [f"{name}={answer}" for name, answer in value.items()]
            case str() | int() | Path():
                given = [str(value)]
            case _:
                given = value
        line += [word for each in given for word in (f"--{option}", each)]
    return shlex.join(line)


def replay_again(
    log: str, policy: Mapping[str, str], resets: str, catalogue: str | None, inferred: Mapping[str, str] | None = None
) -> str:
    """Returns the command that replays a saved log under these settings; `catalogue` is the file of a user's catalogue.

    Where the settings are inferred, `inferred` are the known ones.
    """
    changed = [f"{name}={answer}" for name, answer in policy.items() if answer != DEFAULTS[name]]
    named = changed if inferred is None else [INFER, *(f"{name}={answer}" for name, answer in inferred.items())]
    return command_line("replay", log, catalogue=catalogue, policy=named, resets=None if resets == EXPLICIT else resets)

"""Options in the environment: TOKENSPEC_FUZZ_SUT is --sut of `fuzz`, and so on.

In CI, variables are easier to set than command lines are to compose.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.command.files import Implementation

_DIGEST_MIN = 12


def take_from_environment(command: click.Command, prefix: str) -> None:
    """Names the variable of each option after the option. Raises `WrongUsage` for a variable that belongs to no option.

    An empty variable of an option that names files or an implementation raises it too: the run would be about others.
    """
    known = dict(_named(command, prefix))
    for name in sorted(os.environ):
        if not os.environ[name].strip() and isinstance(known.get(name), click.Path | Implementation):
            raise WrongUsage(name, "it is there and empty; give it a value, or unset it")
        if name.startswith(f"{prefix}_") and name not in known:
            # Imported only for an error, so that short commands start without them; the same below.
            from tokenspec.oracle.base.nearest import did_you_mean
            from tokenspec.oracle.base.text import one_line

            raise WrongUsage(one_line(name), f"no option has this variable{did_you_mean(name, sorted(known))}")


def _named(command: click.Command, prefix: str) -> Iterator[tuple[str, click.ParamType[Any]]]:
    """Yields the variables of a verb, each with the type of its option."""
    for parameter in command.params:
        option = next((word for word in parameter.opts if word.startswith("--")), None)
        if isinstance(parameter, click.Option) and option is not None:
            parameter.envvar = f"{prefix}_{option.removeprefix('--').replace('-', '_').upper()}"
            # Separated by white space, as every repeatable option, paths too.
            parameter.type.envvar_list_splitter = None  # type: ignore[misc]
            yield parameter.envvar, parameter.type
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _named(each, f"{prefix}_{name.replace('-', '_').upper()}")


def demand_digest(context: click.Context, parameter: click.Parameter, asked: str | None) -> None:
    """Raises `WrongUsage` unless the declaration has the requested digest."""
    if asked is None:
        return
    from tokenspec.oracle.base.provenance import declaration
    from tokenspec.oracle.base.text import one_line

    if len(asked) < _DIGEST_MIN or not declaration().startswith(asked):
        found = f"at least {_DIGEST_MIN} of its characters are needed" if len(asked) < _DIGEST_MIN else f"this is {declaration()}"
        raise WrongUsage("--digest", f"the declaration {one_line(asked, 80)!r} is asked for, and {found}")

"""Options in the environment: TOKENSPEC_FUZZ_SUT is --sut of `fuzz`, and so on.

In CI, variables are easier to set than command lines are to compose.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

import click

from tokenspec.oracle.base.chosen import OPTION, VARIABLE
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.command.files import Implementation

_OURS = "TOKENSPEC_"
_DIGEST_MIN = 12
_OF_ALL = (VARIABLE, f"{_OURS}DIGEST")
"""The variables of the options that stand before the verb."""
_GATES = {"--check", "--fail-above", "--require-coverage"}


def take_from_environment(command: click.Command, prefix: str) -> None:
    """Names the variable of each option after the option. Raises `WrongUsage` for a variable that belongs to no option.

    An empty variable of an option that names files or an implementation, or that is a gate, raises it too: the run would be about
    others, or pass.
    """
    known = dict(_named(command, prefix))
    for name in sorted(os.environ):
        option = known.get(name)
        if (
            not os.environ[name].strip()
            and option
            and (isinstance(option.type, click.Path | Implementation) or not _GATES.isdisjoint(option.opts))
        ):
            raise WrongUsage(name, "it is there and empty; give it a value, or unset it")
        if name not in known and (name.startswith(f"{prefix}_") or _misspells(name, prefix, known) or _misspells_any(name)):
            # Imported only for an error, so that short commands start without them; the same below.
            from tokenspec.oracle.base.nearest import did_you_mean
            from tokenspec.oracle.base.text import one_line

            raise WrongUsage(one_line(name), f"no option has this variable{did_you_mean(name, sorted([*known, *_OF_ALL]))}")


def _misspells(name: str, prefix: str, known: Collection[str]) -> bool:
    """Returns true if a variable ends like one of the verb's, after a name that is nearly the verb's."""
    if not name.startswith(_OURS):
        return False
    from tokenspec.oracle.base.nearest import nearest

    verb = prefix.removeprefix(_OURS)
    ends = (each.removeprefix(prefix) for each in known if name.endswith(each.removeprefix(prefix)))
    return any((said := name[len(_OURS) : -len(end)]) and said != verb and nearest(said, [verb]) is not None for end in ends)


def _misspells_any(name: str) -> bool:
    """Returns true if a variable is nearly one of those before the verb."""
    if not name.startswith(_OURS) or name in _OF_ALL:
        return False
    from tokenspec.oracle.base.nearest import nearest

    return nearest(name.removeprefix(_OURS), (each.removeprefix(_OURS) for each in _OF_ALL)) is not None


def _named(command: click.Command, prefix: str) -> Iterator[tuple[str, click.Option]]:
    """Yields the variables of a verb, each with its option."""
    for parameter in command.params:
        option = next((word for word in parameter.opts if word.startswith("--")), OPTION)
        # The specification is chosen before any verb is known, and has one variable for all of them.
        if isinstance(parameter, click.Option) and option != OPTION:
            parameter.envvar = f"{prefix}_{option.removeprefix('--').replace('-', '_').upper()}"
            # Separated by white space, as every repeatable option, paths too.
            parameter.type.envvar_list_splitter = None  # type: ignore[misc]
            yield parameter.envvar, parameter
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

"""The specification that this process works with: the one place that knows which is the default.

It is `--spec MODULE:NAME` of the command, else TOKENSPEC_SPEC, else `[tool.tokenspec] spec` of the nearest pyproject.toml, else
the shipped account. All names here are its parts. It is chosen when this module is first imported; a process has one.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from tokenspec.machine.lang.catalogue import AnyCatalogue as AnyCatalogue
from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.declaration import Event, Machine, System
from tokenspec.machine.lang.derived import claimed
from tokenspec.machine.lang.errors import DeclarationError
from tokenspec.machine.lang.specification import HINTS
from tokenspec.oracle.base.chosen import load, raised
from tokenspec.oracle.base.errors import BadSetting

SPEC = load()
DEFAULT: Any = SPEC.catalogue
"""The catalogue that holds where users give none."""
POLICIES = SPEC.policies
DEFAULTS = SPEC.defaults
"""The default choice of each policy."""
CLAUSES = SPEC.clauses
POOLS = SPEC.pools
TOTAL_POOLS = SPEC.counted_pools
"""The pools that the observable `total` sums up."""
ABSENT = SPEC.absent
"""The state in which there is no account yet."""
SCOPES = {scope.name: scope for scope in SPEC.scopes}
USUAL_SCOPE = SPEC.scopes[min(1, len(SPEC.scopes) - 1)].name if SPEC.scopes else ""
"""The scope that is searched where users say none: the second smallest."""
IDS = SPEC.system(DEFAULT).ids


def system(catalogue: AnyCatalogue = DEFAULT) -> System:
    """All machines for the names of `catalogue`, with their links."""
    return SPEC.system(catalogue)


def account(catalogue: AnyCatalogue = DEFAULT) -> Machine:
    """The account's machine."""
    return SPEC.system(catalogue).machines[0]


def machines(catalogue: AnyCatalogue = DEFAULT) -> tuple[Machine, ...]:
    """The machines whose events records are: the account's, and that of its sessions where it has some."""
    declared = SPEC.system(catalogue)
    of_sessions = SPEC.sessions(declared)
    return declared.machines[:1] if of_sessions is None else (declared.machines[0], of_sessions)


def claimed_machines(system: System) -> tuple[Machine, ...]:
    """All machines that something can be proved of."""
    return claimed.claimed_machines(system, TOTAL_POOLS)


def about_account(system: System) -> tuple[Machine, ...]:
    """Those of them that are other ones where a catalogue has other names."""
    return claimed.about_account(system, TOTAL_POOLS)


def whole(system: System) -> Machine | None:
    """The machines of the system as one; None where it has one alone. A session shows the counted pools."""
    return claimed.whole(system, TOTAL_POOLS)


WHOLE = together.name if (together := whole(system())) is not None else ""
"""The name of all machines as one; empty where there is one alone."""


def claims(catalogue: AnyCatalogue = DEFAULT) -> tuple[Claim, ...]:
    """All claims, in the order of their numbers."""
    return SPEC.claims(catalogue)


def lemmas() -> tuple[StatePart, ...]:
    """Further facts of every state, without which the claims would hold but could not be proved one step at a time."""
    return SPEC.lemmas


@cache
def hint(kind: str) -> Any:
    """Returns what the specification has of its own for this kind, which it names as `module:name`; None where it has nothing.

    Raises `BadSetting` where there is no such module, or no such name in it.
    """
    assert kind in HINTS, f"{kind} is no kind of hint"
    module, _, name = SPEC.hints.get(kind, "").partition(":")
    if not module:
        return None
    place = f"specification {SPEC.name!r}, hint {kind!r}"
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as fault:
        if fault.name is None or not f"{module}.".startswith(f"{fault.name}."):
            raise raised(place, fault) from fault
        wrong = f"there is no module {fault.name!r}"
    except Exception as fault:
        raise raised(place, fault) from fault
    else:
        if hasattr(imported, name):
            return getattr(imported, name)
        wrong = f"{imported.__file__} has no {name!r}"
    told = DeclarationError("TS122", place, wrong, "Mend the name, or leave the hint out")
    raise BadSetting(SPEC.name, "the declaration has faults", [told])


class DeclaredReason(NamedTuple):
    """The declared sentence behind a decision, and the clauses it rests on."""

    why: str
    clauses: tuple[str, ...]


def clause_texts(ids: Iterable[str]) -> list[str]:
    """Each clause with its sentence."""
    return [f"{clause}: {CLAUSES[clause]}" for clause in ids]


def clauses_of(event: Event) -> tuple[str, ...]:
    """Returns the clauses of an event, or those of its rules if it cites none itself."""
    return event.clauses or tuple(dict.fromkeys(clause for rule in event.rules for clause in rule.clauses))


def reason(event: Event, decided_by: str) -> DeclaredReason:
    """Returns the reason of the event's own rule or requirement: another event may give the same code for another reason."""
    found = {need.code: (need.because, need.clauses) for need in event.requires}
    why, clauses = (found | {rule.name: (rule.why, rule.clauses) for rule in event.rules})[decided_by]
    return DeclaredReason(why, clauses or clauses_of(event))

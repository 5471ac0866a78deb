"""Runs a suite of conformance vectors against one implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenspec.oracle.base.specification import DEFAULT, DEFAULTS
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.sut.observed import Reasons
from tokenspec.oracle.sut.world import CannotOpen, Diverged, NotClosed, Openings, close
from tokenspec.oracle.vectors.infer import Inferring
from tokenspec.oracle.vectors.run import FAILED, PASSED, SKIPPED, VectorResult, run_vector
from tokenspec.oracle.vectors.suite import Case
from tokenspec.oracle.wire.settings import catalogue_on_the_wire


@dataclass
class Run:
    """The result of a suite."""

    results: list[VectorResult] = field(default_factory=list)
    terms: Capabilities | None = None
    """The capabilities that the implementation announced first."""
    not_closed: str = ""
    """The reason why the last world was not closed, or the defaults were not opened like other worlds; empty where they were."""
    no_defaults: str = ""
    """The reason why the defaults cannot run with the fixed settings; empty where they can, or were not requested."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    """The figures that it has fixed, by their keys in a catalogue."""
    left_out: frozenset[str] = frozenset()
    """Policies unknown to the implementation, which were not sent."""
    sent: int = 0
    policies: dict[str, list[str]] | None = None
    """By policy, the answers that explain everything under some setting of the others; None unless settings are inferred."""
    settings: int = 1

    @property
    def held(self) -> frozenset[str]:
        """The fields that held a value in any vector."""
        return frozenset().union(*(each.held for each in self.results))

    @property
    def unheard(self) -> int:
        """The number of refusals of which the reason was neither observed nor answered, and so not compared."""
        return sum(each.unheard for each in self.results)

    def count(self, result: str) -> int:
        """Returns the number of vectors with this result."""
        return sum(each.result == result for each in self.results)


def run_suite(
    client: Client,
    cases: Iterable[Case],
    reasons: Reasons | None = None,
    policy: Mapping[str, str] | None = None,
    tick: Callable[[int], None] = lambda _: None,
    infers: bool = False,
) -> Run:
    """Runs each vector, and closes the last world. Each is reported to `tick`.

    With `infers`, all settings that agree with `policy` are possible until a vector shows otherwise. Raises `NotThere`, and
    `WrongUsage` where a setting of `policy` is fixed otherwise.
    """
    run, openings = Run(), Openings(client, policy)
    inferring = Inferring(policy or {}, reasons) if infers else None
    for case in cases:
        result = inferring.run(client, case, openings) if inferring else run_vector(client, case, reasons, policy, openings)
        run.results.append(result)
        run.sent += {PASSED: len(case.vector.steps), FAILED: result.step, SKIPPED: 0}[result.result]
        tick(1)
    if inferring is not None:
        left = 0 if run.count(FAILED) else inferring.left
        run.policies, run.settings = inferring.sets.answers(left), inferring.sets.size(left)
    if openings.terms is not None:
        _end(run, openings, policy or {})
    run.terms, run.fixed, run.left_out = openings.terms, openings.fixed, openings.left_out
    run.figures = openings.fixed_figures
    return run


def _end(run: Run, openings: Openings, policy: Mapping[str, str]) -> None:
    """Opens the defaults, which every implementation can run, and closes the last world."""
    try:
        if run.count(PASSED):
            openings.open(catalogue_on_the_wire(DEFAULT), {**DEFAULTS, **policy, **openings.fixed})
            close(openings.client)
    except CannotOpen as fault:
        run.no_defaults = str(fault)
    except (Diverged, NotClosed) as error:
        run.not_closed = str(error)

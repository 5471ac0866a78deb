"""Runs a suite of conformance vectors against one implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.sut.observed import Reasons
from tokenspec.oracle.sut.world import NotClosed, close
from tokenspec.oracle.vectors.infer import Inferring
from tokenspec.oracle.vectors.run import FAILED, PASSED, SKIPPED, VectorResult, run_vector
from tokenspec.oracle.vectors.suite import Case


@dataclass
class Run:
    """The result of a suite."""

    results: list[VectorResult] = field(default_factory=list)
    terms: Capabilities | None = None
    """The capabilities that the implementation announced first."""
    not_closed: str = ""
    """The reason that the last world was not closed; empty where it was."""
    sent: int = 0
    """The number of events."""
    policies: dict[str, list[str]] | None = None
    """By policy, the answers that explain everything under some setting of the others; None unless settings are inferred."""
    settings: int = 1
    """The number of settings that explain everything."""

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
    """Runs each vector, and closes the last world. `tick` is told of each.

    With `infers`, all settings that agree with `policy` are possible until a vector shows otherwise.
    """
    run = Run()
    inferring = Inferring(policy or {}, reasons) if infers else None

    def note(terms: Capabilities) -> None:
        run.terms = run.terms or terms

    for case in cases:
        result = inferring.run(client, case, note) if inferring else run_vector(client, case, reasons, policy, note)
        run.results.append(result)
        run.sent += {PASSED: len(case.vector.steps), FAILED: result.step, SKIPPED: 0}[result.result]
        tick(1)
    if inferring is not None:
        left = 0 if run.count(FAILED) else inferring.left
        run.policies, run.settings = inferring.sets.answers(left), left.bit_count()
    if run.count(PASSED):
        try:
            close(client)
        except NotClosed as error:
            run.not_closed = str(error)
    return run

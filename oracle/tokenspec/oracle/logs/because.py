"""The rule and the policies behind the last answer of a run, found by a replay of its records as a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tokenspec.oracle.base.specification import AnyCatalogue
from tokenspec.oracle.logs.policies_tried import explain
from tokenspec.oracle.logs.replay import Divergence, replay
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Line


def because_of(
    records: Sequence[Mapping[str, Any]],
    policy: Mapping[str, str],
    catalogue: AnyCatalogue,
    resets: str,
    tries_others: bool = True,
) -> Divergence | None:
    """Returns the first divergence of `records`, each with its `observed`; with `tries_others` also the policies behind it."""
    lines, offset = [], 0
    for number, record in enumerate(records, 1):
        # A null in an implementation's answer counts, unlike one in a log.
        content = msgspec.json.encode({**record, "observed_as": "answer"})
        lines.append(Line("counterexample", number, offset, content))
        offset += len(content) + 1
    report = replay(lines, Oracle(policy, catalogue, resets))
    if tries_others:
        explain(report, lines, policy, catalogue, resets)
    return next(iter(report.divergences), None)

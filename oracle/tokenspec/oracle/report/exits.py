"""Exit codes, and the choice among several that apply."""

from __future__ import annotations

from collections.abc import Iterable

from tokenspec.oracle.base.errors import Terminated

HOLDS = 0
SAFETY = 12
LIVENESS = 13
DIVERGES = 15
COVERAGE = 16
NO_VERDICT = 20
UNKNOWN = 21
USAGE = 64
BAD_DATA = 65
MISSING = 66
BUG = 70
INTERRUPTED = 130
TERMINATED = 143

_PRECEDENCE = (BUG, USAGE, MISSING, DIVERGES, SAFETY, LIVENESS, BAD_DATA, COVERAGE, UNKNOWN, NO_VERDICT)


def gravest(codes: Iterable[int]) -> int:
    """Returns the code that counts among `codes`; 0 where none is given."""
    given = set(codes)
    return next((code for code in _PRECEDENCE if code in given), HOLDS)


def code_of(word: str) -> int:
    """Returns the code of a verdict on an implementation: `conforms`, `diverges` or `no_verdict`."""
    return {"conforms": HOLDS, "diverges": DIVERGES, "no_verdict": NO_VERDICT}[word]


def code_of_signal(interruption: BaseException) -> int:
    """Returns the code of a run that SIGTERM ended, or Ctrl-C."""
    return TERMINATED if isinstance(interruption, Terminated) else INTERRUPTED

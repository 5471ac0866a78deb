"""The certificate of a check: what was claimed, what came of it, and what somebody else needs to see that it is so.

It holds the set of reachable states of a scope, and the lemmas that make the claims inductive. `verify.py` re-checks it
with other means.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from tokenspec.invariants.scopes import Scope
from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.types import Value

FORMAT = "tokenspec-certificate/1"


class CertifiedClaim(msgspec.Struct):
    """A claim with a fingerprint of its formulas, the verdict, and the engines that came to it."""

    id: str
    sentence: str
    formulas: str
    verdict: str
    method: str


class ReachableStates(msgspec.Struct):
    """The ranks of all reachable states, packed; `digits` are the variables with the number of their values."""

    digits: list[tuple[str, int]]
    ranks: str


class Certificate(msgspec.Struct):
    """The content of a certificate's file."""

    format: str
    digest: str
    version: str
    scope: str
    policy: dict[str, str]
    claims: list[CertifiedClaim]
    lemmas: dict[str, str]
    reachable: ReachableStates


def certificate(
    digest: str,
    version: str,
    scope: Scope,
    policy: Mapping[str, str],
    verdicts: Iterable[tuple[Claim, str, str]],
    lemmas: Sequence[StatePart],
    digits: Sequence[tuple[str, int]],
    ranks: Iterable[int],
) -> Certificate:
    """The certificate of a check. `verdicts` are claims with verdict and method."""
    claims = [CertifiedClaim(c.id, c.sentence, fingerprint(c.parts), verdict, method) for c, verdict, method in verdicts]
    reachable = ReachableStates(list(digits), packed(sorted(ranks)))
    return Certificate(FORMAT, digest, version, scope.name, dict(policy), claims, fingerprints(lemmas), reachable)


def fingerprints(lemmas: Iterable[StatePart]) -> dict[str, str]:
    """Each lemma's name with the fingerprint of its formula."""
    return {lemma.name: fingerprint(lemma) for lemma in lemmas}


def fingerprint(formulas: object) -> str:
    """A short name for formulas: it changes with anything they say."""
    return hashlib.sha256(repr(formulas).encode()).hexdigest()


def packed(rising: Iterable[int]) -> str:
    """Rising numbers as text: differences in groups of seven bits, compressed, in base 64."""
    data, last = bytearray(), 0
    for number in rising:
        gap, last = number - last, number
        while gap > 127:
            data.append(gap & 127 | 128)
            gap >>= 7
        data.append(gap)
    return base64.b64encode(zlib.compress(bytes(data), 9)).decode()


def unpacked(text: str) -> Iterator[int]:
    """The numbers that `packed` was given. Raises `ValueError` for any other text."""
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
    except zlib.error as fault:
        raise ValueError(str(fault)) from None
    number = gap = shift = 0
    for byte in data:
        gap |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            number, gap, shift = number + gap, 0, 0
            yield number


def state_of(rank: int, digits: Sequence[tuple[str, Sequence[Value]]]) -> dict[str, Value]:
    """The state with that rank; `digits` are names with their values, the most significant first."""
    found: dict[str, Value] = {}
    for name, values in reversed(digits):
        rank, position = divmod(rank, len(values))
        found[name] = values[position]
    return {name: found[name] for name, _ in digits}

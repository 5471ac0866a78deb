"""The certificate of a check: the claims, their verdicts, and the evidence for a check by other means.

It holds the reachable states of a scope, and the lemmas that make the claims inductive. `verify.py` re-checks it
with other means.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.types import Value

FORMAT = "tokenspec-certificate/2"

Engines: TypeAlias = Mapping[str, Collection[tuple[str, str]]]
"""The engines, the strongest first, each with the parts (with their claims' ids) that it checked."""


class CertifiedClaim(msgspec.Struct, forbid_unknown_fields=True):
    """A claim with a fingerprint of its formulas, its verdict and method, and the parts that do not arise."""

    id: str
    sentence: str
    formulas: str
    verdict: str
    method: str
    does_not_arise: list[str]


class ReachableStates(msgspec.Struct, forbid_unknown_fields=True):
    """The ranks of all reachable states, packed; `digits` are the variables with the number of their values."""

    digits: list[tuple[str, int]]
    ranks: str


class Certificate(msgspec.Struct, forbid_unknown_fields=True):
    """The content of a certificate's file. `settings` are the policies that were fixed, `policy` those of the states."""

    format: str
    digest: str
    version: str
    scope: str
    settings: dict[str, str]
    catalogue: dict[str, Any] | None
    policy: dict[str, str]
    claims: list[CertifiedClaim]
    lemmas: dict[str, str]
    reachable: ReachableStates


def certified_claim(claim: Claim, verdict: str, engines: Engines, absent: Collection[str]) -> CertifiedClaim:
    """Returns the certified form of a claim. `engines` are those that checked parts, `absent` the parts that do not arise."""
    parts = [part.name for part in claim.parts if part.name not in absent]
    left = [part.name for part in claim.parts if part.name in absent]
    return CertifiedClaim(claim.id, claim.sentence, fingerprint(claim.parts), verdict, method(claim.id, parts, engines), left)


def method(claim: str, parts: Sequence[str], engines: Engines) -> str:
    """Describes the method of a claim: each part is discharged by the first of `engines`, the strongest, that checked it."""
    by = Counter(next((engine for engine, found in engines.items() if (claim, part) in found), "nothing") for part in parts)
    return ", ".join(f"{engine} {by[engine]}/{len(parts)}" for engine in (*engines, "nothing") if by[engine])


def fingerprints(lemmas: Iterable[StatePart]) -> dict[str, str]:
    """Returns each lemma's name with the fingerprint of its formula."""
    return {lemma.name: fingerprint(lemma) for lemma in lemmas}


def fingerprint(formulas: object) -> str:
    """Returns a short name for formulas that changes whenever they do."""
    return hashlib.sha256(repr(formulas).encode()).hexdigest()


def packed(rising: Iterable[int]) -> str:
    """Returns rising numbers as text: differences in groups of seven bits, compressed, in base 64."""
    data, last = bytearray(), 0
    for number in rising:
        gap, last = number - last, number
        while gap > 127:
            data.append(gap & 127 | 128)
            gap >>= 7
        data.append(gap)
    return base64.b64encode(zlib.compress(bytes(data), 9)).decode()


def unpacked(text: str) -> Iterator[int]:
    """Yields the numbers that `packed` encoded. Raises `ValueError` for any other text."""
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
    """Returns the state with that rank; `digits` are names with their values, the most significant first."""
    found: dict[str, Value] = {}
    for name, values in reversed(digits):
        rank, position = divmod(rank, len(values))
        found[name] = values[position]
    return {name: found[name] for name, _ in digits}

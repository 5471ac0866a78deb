"""A certificate is believed only as far as it can be re-checked: whatever is changed in one, it is rejected and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.native.search import Search
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.checkers.search.reference import instances
from tokenspec.machine.lang.digest import digest
from tokenspec.machine.proofs.obligations import LEMMA
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.check.certificate import certificate, packed, unpacked
from tokenspec.oracle.check.verify import Checked, read, verify
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system

pytestmark = pytest.mark.slow

Data = dict[str, Any]


@pytest.fixture(scope="module")
def good() -> bytes:
    machine = account(TINY.catalogue)
    parameters = {**TINY.catalogue.parameters(), **DEFAULTS}
    search = Search(Scoped(machine, parameters, instances(machine, TINY.values), TINY.most))
    assert search.run().complete
    digits = [(v.name, v.most + 1) for v in search._scoped.layout.digits]
    verdicts = [(c, "proved" if c.id == "conservation" else "holds", "fuzz") for c in claims(DEFAULT.ranking)]
    return msgspec.json.encode(certificate(digest(system()), "0", TINY, DEFAULTS, verdicts, lemmas(), digits, search.ranks()))


def shown() -> Iterator[tuple[str, str, bool]]:
    """What a solver says that shows everything."""
    yield from ((LEMMA, lemma.name, True) for lemma in lemmas())
    yield from ((c.id, p.name, True) for c in claims(DEFAULT.ranking) for p in c.parts)


def checked(content: bytes, solve: Callable[[], Iterator[tuple[str, str, bool]]] = shown) -> Checked:
    return verify(read(content, "file"), solve, lambda _: None)


def changed(good: bytes, change: Callable[[Data], object]) -> bytes:
    data: Data = msgspec.json.decode(good)
    change(data)
    return msgspec.json.encode(data)


def with_ranks(data: Data, change: Callable[[list[int]], list[int]]) -> None:
    reachable = data["reachable"]
    reachable["ranks"] = packed(sorted(change(list(unpacked(reachable["ranks"])))))


def test_a_good_one_is_verified(good: bytes) -> None:
    result = checked(good)
    assert result.faults == []
    states = len(list(unpacked(msgspec.json.decode(good)["reachable"]["ranks"])))
    assert (result.states, result.steps) == (states, states * len(instances(account(TINY.catalogue), TINY.values)))


CHANGES: dict[str, tuple[Callable[[Data], object], str]] = {
    "a state removed": (lambda d: with_ranks(d, lambda ranks: ranks[:1_000] + ranks[1_001:]), "which is missing"),
    "the first state removed": (lambda d: with_ranks(d, lambda ranks: ranks[1:]), "the first state is missing"),
    "a state added": (lambda d: with_ranks(d, lambda ranks: [*ranks, max(ranks) + 1]), "does not hold|which is missing"),
    "states that cannot be read": (lambda d: d["reachable"].update(ranks="AAAA"), "cannot be read"),
    "another numbering": (lambda d: d["reachable"]["digits"].reverse(), "numbered in another way"),
    "another declaration": (lambda d: d.update(digest="0" * 64), "of another declaration"),
    "a claim's sentence": (lambda d: d["claims"][7].update(sentence="Tokens are tokens."), "says something else"),
    "a claim's formulas": (lambda d: d["claims"][7].update(formulas="0" * 64), "says something else"),
    "a claim left out": (lambda d: d["claims"].pop(3), "is missing"),
    "a claim of its own": (lambda d: d["claims"].append(d["claims"][0] | {"id": "all_is_well"}), "is not one of ours"),
    "a claim that is refuted": (lambda d: d["claims"][0].update(verdict="refuted"), "certified as refuted"),
    "a lemma": (lambda d: d["lemmas"].popitem(), "its lemmas"),
    "a policy": (lambda d: d["policy"].update(refund="sometimes"), "its policies"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_one_with_something_changed_is_rejected(good: bytes, what: str) -> None:
    change, fault = CHANGES[what]
    faults = "\n".join(checked(changed(good, change)).faults)
    assert any(part in faults for part in fault.split("|"))


def test_another_policy_has_other_states(good: bytes) -> None:
    assert checked(changed(good, lambda d: d["policy"].update(lapse_bank="frozen"))).faults


@pytest.mark.parametrize("unshown", [("conservation", "each_pool"), (LEMMA, "free_is_plain")])
def test_what_is_called_proved_has_to_be_shown_again(good: bytes, unshown: tuple[str, str]) -> None:
    faults = checked(good, lambda: ((c, p, (c, p) != unshown) for c, p, _ in shown())).faults
    assert [fault.split(":")[0] for fault in faults] == [f"{unshown[0]}, part {unshown[1]}"]


def test_a_part_that_no_obligation_speaks_of_is_not_shown(good: bytes) -> None:
    assert checked(good, lambda: iter(())).faults


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"format":"another/1"}'])
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(BadSetting):
        read(content, "file")


def test_numbers_are_packed_and_unpacked() -> None:
    numbers = [0, 1, 2, 127, 128, 300, 2**40]
    assert list(unpacked(packed(numbers))) == numbers

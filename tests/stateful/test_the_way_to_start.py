"""The four invariants find faults of their kinds, each by the sentence that speaks of it, and a page shows the file as it is."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from docs.shown import ROOT, blocks
from stateful.test_four_invariants import TwoAccounts
from tokenspec.invariants.specification import SPECIFICATION
from tokenspec.machine.interpreters.live import live
from tokenspec.oracle.account.transplanted_bugs import FAULTS

FILE = "test_four_invariants.py"
PAGE = "docs/test-your-wallet.md"


def with_fault(name: str) -> Callable[[TwoAccounts], Any]:
    """Opens accounts of the declaration with one of the faults of other systems in it."""
    (fault,) = (each for each in FAULTS if each.id == name)
    faulty = fault.seed(SPECIFICATION.main())

    def opened(run: TwoAccounts) -> Any:
        figures = SPECIFICATION.catalogue
        look_ups = {fact: look_up(figures) for fact, look_up in SPECIFICATION.facts.items()}
        account = live(faulty, {**figures.parameters(), **SPECIFICATION.defaults, **run.policy}, look_ups=look_ups)
        assert account.open_account()
        return account

    return opened


def shared(run: TwoAccounts) -> Any:
    """Opens one account for both."""
    if not hasattr(run, "one"):
        run.one = TwoAccounts.opened(run)  # type: ignore[attr-defined]
    return run.one  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("opened", "told_by"),
    [
        (with_fault("check_dropped"), "no_pool_is_negative"),
        (with_fault("bank_without_ceiling"), "the_bank_holds_three_months"),
        (with_fault("relaxed_while_tokens_are_left"), "generates"),
        (with_fault("gifts"), "buys"),
        (shared, "nobody_gives_tokens_away"),
    ],
)
def test_a_fault_is_found_by_the_sentence_about_it(opened: Callable[[TwoAccounts], Any], told_by: str) -> None:
    faulty: Any = type("Faulty", (TwoAccounts,), {"opened": opened})
    tried = settings(
        max_examples=200,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(faulty, settings=tried)
    *_, last = [frame for frame in traceback.extract_tb(found.value.__traceback__) if frame.filename.endswith(FILE)]
    assert last.name == told_by


def test_the_page_shows_the_file_as_it_is() -> None:
    (shown,) = [block.text for block in blocks(PAGE) if block.file == FILE]
    assert shown == (ROOT / "tests" / "stateful" / FILE).read_text(encoding="utf-8")

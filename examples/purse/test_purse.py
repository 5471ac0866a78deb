"""The account as a live object, its claims, and its log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from purse.specification import PURSE

from tokenspec.machine.interpreters.live import live_account


def test_the_days_tokens_pay_first() -> None:
    """The account is an object here: events are its methods, and return whether they were accepted."""
    account = live_account(PURSE)
    assert account.open_account()
    assert account.buy(amount=5)
    assert account.spend(amount=12)
    assert (account.given, account.bought) == (0, 3)
    assert not account.spend(amount=4)
    assert account.refusal == "tokens_must_cover_amount"


@pytest.mark.parametrize("command", [("check", "--scope", "tiny"), ("replay", "log.jsonl")])
def test_the_claims_hold_and_the_log_conforms(command: tuple[str, ...]) -> None:
    """Every claim is proved or searched, and the log says what the account says."""
    tokenspec = [sys.executable, "-m", "tokenspec.oracle.command"]
    done = subprocess.run([*tokenspec, *command], cwd=Path(__file__).parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

"""The two wallets of the documents: each fault planted in one is found by a default run, and without one it conforms."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from docs.shown import blocks
from sut.calling import call

CREDITS, STUDIO = "wallet-with-one-balance", "wallet-renewed-by-webhook-and-job"
MENDED = {
    CREDITS: ('PACKS[request["pack"]]', 'PACKS[request["pack"]] * request["quantity"]'),
    STUDIO: ("start=now)", 'start=account["due"])'),
}
SUT = {CREDITS: "python:credits_wallet:Credits", STUDIO: "python:studio_adapter:Adapter"}
FAULTS = {
    "a pack counts once": (CREDITS, 'PACKS[request["pack"]] * request["quantity"]', 'PACKS[request["pack"]]'),
    "a month takes the place of what is left": (CREDITS, "after = before + self", "after = (event != 'renew') * before + self"),
    "what is not covered is taken": (CREDITS, "if after < 0:", "if after < -1000:"),
    "the last credit cannot be spent": (CREDITS, "if after < 0:", "if after <= 0 and event == 'generate':"),
    "a retry is charged again": (CREDITS, "if key in self.known:", "if False:"),
    "a retry is known by its id in all accounts": (CREDITS, 'key = account, request.get("id")', 'key = request.get("id")'),
    "a refusal is not remembered": (CREDITS, 'if "id" in request:', 'if "id" in request and after >= 0:'),
    "a retry tells of the balance of now": (
        CREDITS,
        'return self.known[key] | {"delta": 0}',
        'return self.known[key] | {"delta": 0, "total": self.balances[account]}',
    ),
    "a plan is changed by a refused event": (
        CREDITS,
        "return PLANS[self.plans[account]]",
        "return PLANS[max(self.plans.values())]",
    ),
    "the job is counted from when it ran": (STUDIO, 'start=account["due"])', "start=now)"),
    "the job renews who has not paid": (STUDIO, 'if account["paid"]]', 'if account["due"]]'),
    "the job leaves out all but the first": (STUDIO, 'if account["paid"]]', 'if account["paid"]][:1]'),
    "a day goes by without its tokens": (
        STUDIO,
        'account["daily"], account["day"] = self.daily, now.date()',
        'account["day"] = now.date()',
    ),
    "daily tokens are spent last": (STUDIO, 'min(cost, account["daily"])', 'max(0, cost - account["fast"])'),
    "what is left of a month is kept": (
        STUDIO,
        'account["fast"], account["paid"] = self.allowance',
        'account["fast"], account["paid"] = account["fast"] + self.allowance',
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files of the pages stand; their modules are imported by a process of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


def written(page: str, folder: Path, *changes: tuple[str, str]) -> str:
    """Writes the files of a page with changes made to them; the name of its wallet."""
    files = {block.file: block.text for block in blocks(f"docs/{page}.md") if block.file}
    for old, new in changes:
        assert sum(text.count(old) for text in files.values()) == 1, old
        files = {name: text.replace(old, new) for name, text in files.items()}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return SUT[page]


@pytest.mark.slow
@pytest.mark.parametrize("page", [CREDITS, STUDIO])
def test_the_wallet_of_a_page_conforms_once_it_is_mended(page: str, folder: Path) -> None:
    done = call("fuzz", "--sut", written(page, folder, MENDED[page]), "--examples", "100", "-q")
    assert (done.code, done.err) == (0, ""), done.out


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found_by_a_default_run(fault: str, folder: Path) -> None:
    page, right, wrong = FAULTS[fault]
    changes = [MENDED[page], (right, wrong)] if MENDED[page] != (wrong, right) else []
    done = call("fuzz", "--sut", written(page, folder, *changes), "--format", "json")
    found = json.loads(done.out)["counterexample"]
    assert (done.code, found["failure"], found["reproduced"]) == (15, None, True), found

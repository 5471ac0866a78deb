"""What the suite finds: every bug of the example wallets, and the seeded faults that the index says it does.

TOKENSPEC_EFFORT=10 and more tries all of them.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from command.conftest import tokenspec
from differential.walks import EFFORT
from processes import PATIENCE_S
from programs import path_of
from tokenspec.oracle.check.mutants.campaign import seeded
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.vectors.run import FAILED, PASSED, run_vector
from tokenspec.oracle.vectors.run_suite import run_suite
from tokenspec.oracle.vectors.suite import Case, default_suite
from tokenspec.spec.catalogue import DEFAULT
from vectors.suites import Message, Mutated

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SAMPLE = 1 if EFFORT >= 10 else 20

WALLET_BUGS = {
    "python-wallet": {
        "bank_without_ceiling": "bank-stops-at-three-months",
        "cancel_ends_at_once": "cancelled-until-the-month-ends",
        "daily_adds_up": "reset-time-of-its-own",
        "lapse_takes_topup": "packs-come-back-with-a-plan",
        "late_reset_moves_the_mark": "late-reset-keeps-the-mark",
        "month_end_drifts": "month-end-returns-to-the-day",
        "refund_to_fast_first": "refund-to-each-source",
        "refund_twice": "refund-to-each-source",
        "renewal_job_runs_twice": "late-renewal-goes-on-with-old-balances",
        "retry_is_charged": "id-repeated-after-acceptance",
        "third_party_relaxed": "active-generate-refused-third_party_model_must_be_paid_with_tokens",
        "topup_before_bank": "refund-to-each-source",
        "upgrade_adds_whole_allowance": "upgrade-keeps-the-date",
    },
    "node-wallet": {
        "api_pays_for_app": "implied-app-and-api-apart",
        "bank_without_ceiling": "implied-bank-stops-at-three-months",
        "cancelled_subscription_renews": "implied-cancelled-is-not-renewed-later",
        "daily_adds_up": "implied-reset-time-of-its-own",
        "due_instant_is_missed": "implied-what-is-due-comes-before-spending",
        "month_end_overflows": "implied-month-end-returns-to-the-day",
        "refund_ignores_expiry": "implied-refund-after-the-day",
        "reset_only_when_looked_at": "implied-what-is-due-comes-before-spending",
        "third_party_relaxed": "implied-active-generate-refused-third_party_model_must_be_paid_with_tokens",
        "upgrade_counts_as_renewal": "implied-upgrade-keeps-the-date",
        "upgrade_moves_the_date": "implied-upgrade-keeps-the-date",
    },
}
"""By wallet and bug, a vector that is about it."""
RESETS = {"python-wallet": "explicit", "node-wallet": "implied"}


def wallet(name: str) -> str:
    words = [sys.executable, "adapter.py"] if name == "python-wallet" else [path_of("node"), "stdio.js"]
    return shlex.join([words[0], str(ROOT / "examples" / name / words[1])])


@pytest.mark.parametrize("name", WALLET_BUGS)
def test_the_wallets_pass_and_every_bug_switch_fails_the_vector_about_it(name: str) -> None:
    from tokenspec.oracle.sut.connect import connect

    command, suite = wallet(name), default_suite()
    cases = {entry.id: suite.case(entry) for entry in suite.index.vectors}
    client = connect(command, 20)
    try:
        run = run_suite(client, cases.values())
    finally:
        client.end()
    assert (run.count(FAILED), run.not_closed) == (0, "")
    # The others turn on answers to open questions that the wallet does not offer.
    assert run.count(PASSED) > 0.6 * len(cases_by_resets()[RESETS[name]])
    for bug, about in WALLET_BUGS[name].items():
        client = connect(shlex.join(["env", f"WALLET_BUGS={bug}"]) + " " + command, 20)
        try:
            assert run_vector(client, cases[about]).result == FAILED, bug
        finally:
            client.end()


@pytest.mark.parametrize("name", WALLET_BUGS)
def test_no_bug_switch_is_left_out(name: str) -> None:
    opened = {"op": "open", "protocol": 1, "catalogue": {}, "policy": {}}
    settings = {**os.environ, "WALLET_BUGS": "no_such_bug"}
    line = json.dumps(opened) + "\n"
    said = subprocess.run(
        shlex.split(wallet(name)), input=line, env=settings, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    offered = json.loads(said.stdout.splitlines()[0])["error"].partition("known are")[2]
    assert sorted(word.strip(" .,:") for word in offered.split()) == sorted(WALLET_BUGS[name])


@cache
def cases_by_resets() -> dict[str, list[Case]]:
    suite = default_suite()
    cases = [suite.case(entry) for entry in suite.index.vectors]
    return {resets: [case for case in cases if case.vector.resets == resets] for resets in ("explicit", "implied")}


class Right(Server, Client):
    def ask(self, request: Message) -> Message:
        return self.handle(request)

    def end(self) -> None:
        pass


@pytest.mark.parametrize("resets", ["explicit", "implied"])
def test_the_declaration_itself_passes_all(resets: str) -> None:
    run = run_suite(Right(resets), cases_by_resets()[resets])
    assert run.count(PASSED) == len(run.results) == len(cases_by_resets()[resets])


@pytest.mark.parametrize("resets", ["explicit", "implied"])
def test_a_fault_that_one_vector_alone_finds_fails_that_vector(resets: str) -> None:
    faults = seeded(DEFAULT)
    # Those of the layers are no machines (test_layer_faults.py).
    alone = [(name, case) for case in cases_by_resets()[resets] for name in case.entry.mutants if name in faults]
    assert alone
    for name, case in alone[:: SAMPLE // 2 or 1]:
        assert run_vector(Mutated(faults[name].machine, resets), case).result == FAILED, name


def test_every_fault_that_is_said_to_be_found_is_found() -> None:
    coverage = default_suite().index.coverage["faults"]
    listed = {*coverage["refused"], *coverage["equivalent"], *coverage["no_run_shows"]}
    silent = 0
    for name, fault in list(seeded(DEFAULT).items())[:: 10 * SAMPLE]:
        mutated = Mutated(fault.machine)
        found = any(run_vector(mutated, case).result == FAILED for case in cases_by_resets()["explicit"])
        silent += not found and name not in listed
        assert not (found and name in listed), name
    # The others differ in the ledger alone.
    assert silent <= coverage["ledger_alone"]


def test_the_runner_in_the_readme_gives_the_same_verdicts(tmp_path: Path) -> None:
    readme = (ROOT / "oracle" / "vectors" / "README.md").read_text()
    (tmp_path / "runner.mjs").write_text(readme.partition("```js\n")[2].partition("```")[0])
    adapter = (ROOT / "examples" / "node-wallet" / "adapter.js").as_uri()
    module = f'import {{ Adapter }} from "{adapter}";\nconst adapter = new Adapter();\n'
    (tmp_path / "wallet.mjs").write_text(module + "export const handle = (request) => adapter.handle(request);\n")
    for bug, code in (("", 0), ("daily_adds_up", 15)):
        words = [path_of("node"), str(tmp_path / "runner.mjs"), str(ROOT / "oracle" / "vectors"), str(tmp_path / "wallet.mjs")]
        theirs = subprocess.run(words, env={**os.environ, "WALLET_BUGS": bug}, capture_output=True, text=True, timeout=PATIENCE_S)
        assert (theirs.returncode, theirs.stderr) == (code, "")
    ours = tokenspec("vectors", "run", "--sut", wallet("node-wallet"), "--format", "json", settings={"WALLET_BUGS": bug})
    assert json.loads(theirs.stdout.splitlines()[-1]) == {key: ours.report[key] for key in ("passed", "failed", "skipped")}

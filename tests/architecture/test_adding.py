"""The guides of CONTRIBUTING.md are true: what they tell how to add is added to a copy of the tree, in the files named there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from differential.walks import some_of

ROOT = Path(__file__).parents[2]
ROOMS = ("spec", "machine", "invariants", "diagrams", "oracle")

POLICY = {
    "spec/tokenspec/spec/policies.toml": [
        (
            "[past_due_spending]",
            '[cancelled_generation]\nclauses = "F09"\n'
            'why = "no document says whether a cancelled subscription keeps unlimited generation until it ends"\n'
            'answers.kept = "it goes on until the subscription ends"\n'
            'answers.gone = "it ends with the cancellation"\n\n'
            "[past_due_spending]",
        )
    ],
    "spec/tokenspec/spec/words.py": [
        (
            'define("status_relaxes", in_force,',
            'define("status_relaxes", by_policy("cancelled_generation", kept=in_force, '
            "gone=all_of(in_force, negation(eq(status, CANCELLING)))),",
        )
    ],
    "invariants/tokenspec/invariants/refusals.py": [
        (
            "    counts = negation(any_of(eq(status, FREE), _unpaid()))\n",
            '    gone = all_of(eq(status, CANCELLING), eq(var("cancelled_generation"), "gone"))\n'
            "    counts = negation(any_of(eq(status, FREE), _unpaid(), gone))\n",
        )
    ],
    "tests/oracle/plain_wallet.py": [
        ('    "past_due_spending": (', '    "cancelled_generation": ("kept", "gone"),\n    "past_due_spending": ('),
        (
            "        if not self.counts_as_active(account):\n",
            '        is_gone = account.status == "cancelling" and self.policy["cancelled_generation"] == "gone"\n'
            "        if is_gone or not self.counts_as_active(account):\n",
        ),
    ],
    "tests/clauses/test_policies.py": [
        (
            '@compares(\n    "past_due_spending",',
            '@compares("cancelled_generation", kept=Relaxed(), gone=Refused("tokens_must_cover_cost"))\n'
            "def test_cancelled_generation_decides_whether_it_goes_on(policy: Policy, expected: Refused | Relaxed) -> None:\n"
            '    wallet = holding(0, "premium", policy)\n'
            "    wallet.cancel()\n"
            "    assert expected == wallet.generate(24)\n\n\n"
            '@compares(\n    "past_due_spending",',
        )
    ],
    "docs/open-questions.md": [
        (
            "## past_due_spending\n",
            "## cancelled_generation\n\nMay a cancelled subscription generate without tokens until it ends?\n\n"
            "<!-- tokenspec: answers of=cancelled_generation -->\n\n<!-- end -->\n\n"
            "The FAQ speaks of plans, and not of plans that end.\n\n## past_due_spending\n",
        )
    ],
}
"""What is written where, in place of what: a policy that decides about unlimited generation."""

EVENT = {
    "spec/tokenspec/spec/tokens.py": [
        (
            '        event("enable_relaxed"',
            '        event("api_upscale", "A picture is made larger through the API.", "A11", COST, COST_COUNTS,\n'
            '              requires("api_tokens_must_cover_cost", cost <= api, "the API has a pool of its own", "A11"),\n'
            '              rule("upscales_by_api", OPENED, STAYS, "the API pool alone pays", "A11", spends({"api": cost}))),\n'
            '        event("enable_relaxed"',
        )
    ],
    "invariants/tokenspec/invariants/refusals.py": [
        (
            '        _refuses("enable_relaxed"',
            '        _refuses("api_upscale", _PRICED, ("api_tokens_must_cover_cost", api - cost >= 0)),\n'
            '        _refuses("enable_relaxed"',
        )
    ],
    "invariants/tokenspec/invariants/accounting.py": [
        ('("generate", "api_generate")', '("generate", "api_generate", "api_upscale")'),
        ('"generates_by_api", "refunds_api")', '"generates_by_api", "upscales_by_api", "refunds_api")'),
        ('"buy_api", "api_generate")', '"buy_api", "api_generate", "api_upscale")'),
    ],
    "tests/oracle/plain_wallet.py": [
        (
            '            "transfer": self.transfer,\n',
            '            "transfer": self.transfer,\n            "api_upscale": self.api_upscale,\n',
        ),
        (
            "    def api_generate(self",
            "    def api_upscale(self, account: Account, record: Record, now: int) -> Details:\n"
            '        require(record["cost"] >= 1, "cost_must_be_at_least_one")\n'
            '        require(record["cost"] <= account.pools["api"], "api_tokens_must_cover_cost")\n'
            '        account.pools["api"] -= record["cost"]\n'
            '        return {"charge": {"api": record["cost"]}}\n\n'
            "    def api_generate(self",
        ),
    ],
    "tests/clauses/test_refusals.py": [
        (
            '    "transfer": ["account',
            '    "api_upscale": ["account_must_exist", "cost_must_be_at_least_one", "api_tokens_must_cover_cost"],\n'
            '    "transfer": ["account',
        ),
        ('    "transfer": {"to"', '    "api_upscale": {"cost": 1},\n    "transfer": {"to"'),
        (
            '    Row("transfer", "tokens_cannot_be_transferred", free),\n',
            '    Row("api_upscale", "account_must_exist", unopened),\n'
            '    Row("api_upscale", "cost_must_be_at_least_one", charged_by_api, {"cost": 0}),\n'
            '    Row("api_upscale", "api_tokens_must_cover_cost", charged_by_api, {"cost": 7}),\n'
            '    Row("transfer", "tokens_cannot_be_transferred", free),\n',
        ),
        (
            '    Row("transfer", "account_must_exist", unopened),\n',
            '    Row("api_upscale", "account_must_exist", unopened, {"cost": 0}),\n'
            '    Row("transfer", "account_must_exist", unopened),\n',
        ),
    ],
}
"""An event that spends tokens, with a refusal for each thing that it needs."""

GRANTING_EVENT = {
    "spec/tokenspec/spec/tokens.py": [
        (
            "    buys, expired, gives_back, grants, in_full, is_countable,",
            "    buys, expired, gives_back, grants, in_full, includes, is_countable,",
        ),
        (
            '        event("transfer"',
            '        event("give_api", "Support gives API tokens for a failure.", "A11", how_many,\n'
            '              requires("amount_must_be_at_least_one", amount >= 1, "nothing is no gift"),\n'
            "              stays_countable(api + amount),\n"
            '              rule("gives_api", OPENED, STAYS, "any account may be given some", "A11", includes(api, amount))),\n'
            '        event("transfer"',
        ),
    ],
    "invariants/tokenspec/invariants/refusals.py": [
        (
            '        _refuses("transfer"',
            '        _refuses("give_api", ("amount_must_be_at_least_one", amount > 0),\n'
            '                 ("balance_must_stay_countable", negation(api + amount > COUNTABLE_MAX))),\n'
            '        _refuses("transfer"',
        )
    ],
    "invariants/tokenspec/invariants/accounting.py": [
        ("Kind.GRANTED: (", 'Kind.GRANTED: ("give_api", '),
        ('"buys_api", "generates_by_api"', '"buys_api", "gives_api", "generates_by_api"'),
    ],
    "tests/oracle/plain_wallet.py": [
        (
            '            "transfer": self.transfer,\n',
            '            "transfer": self.transfer,\n            "give_api": self.buy_api,\n',
        )
    ],
    "tests/clauses/test_refusals.py": [
        (
            '    "transfer": ["account',
            '    "give_api": ["account_must_exist", "amount_must_be_at_least_one", "balance_must_stay_countable"],\n'
            '    "transfer": ["account',
        ),
        ('    "transfer": {"to"', '    "give_api": {"amount": 1},\n    "transfer": {"to"'),
        (
            '    Row("transfer", "tokens_cannot_be_transferred", free),\n',
            '    Row("give_api", "account_must_exist", unopened),\n'
            '    Row("give_api", "amount_must_be_at_least_one", free, {"amount": 0}),\n'
            '    Row("give_api", "balance_must_stay_countable", full_of_api_tokens),\n'
            '    Row("transfer", "tokens_cannot_be_transferred", free),\n',
        ),
        (
            '    Row("transfer", "account_must_exist", unopened),\n',
            '    Row("give_api", "account_must_exist", unopened, {"amount": 0}),\n'
            '    Row("transfer", "account_must_exist", unopened),\n',
        ),
    ],
}
"""An event that adds tokens which nobody paid for."""

POOL = {
    "spec/tokenspec/spec/words.py": [
        (
            '"api": "tokens for the API, apart from the app"}',
            '"api": "tokens for the API, apart from the app", "points": "one for each API token beyond 1,000 bought at once"}',
        ),
        ("daily, fast, rollover, topup, api = ", "daily, fast, rollover, topup, api, points = "),
    ],
    "spec/tokenspec/spec/tokens.py": [
        (
            "    buys, expired, gives_back, grants, in_full, is_countable,",
            "    buys, expired, gives_back, grants, in_full, includes, is_countable,",
        ),
        (
            "from tokenspec.machine.lang.types import Bool",
            "from tokenspec.machine.lang.build import maximum, minimum\nfrom tokenspec.machine.lang.types import Bool",
        ),
        ("    buys(api, amount)", "    buys(api, amount), includes(points, maximum(0, amount - 1000))"),
        ('*_pays({"api": cost})', '*_pays({"api": cost}), spends({"points": minimum(points, cost)})'),
        (" pays, plan_relaxes,", " pays, plan_relaxes, points,"),
    ],
    "invariants/tokenspec/invariants/scopes.py": [
        ('        "api": api,\n', '        "api": api,\n        "points": api,\n'),
        ('    "api_part": (1,),\n', '    "api_part": (1,),\n    "points_part": (0,),\n'),
    ],
    "invariants/tokenspec/invariants/accounting.py": [
        ("Kind.GRANTED: (", 'Kind.GRANTED: ("buy_api", '),
        ("Kind.EXPIRED: (", 'Kind.EXPIRED: ("buy_api", '),
    ],
    "tests/oracle/plain_wallet.py": [
        ('"topup": 0, "api": 0}', '"topup": 0, "api": 0, "points": 0}'),
        (
            '        account.pools["api"] += record["amount"]\n',
            '        account.pools["api"] += record["amount"]\n'
            '        account.pools["points"] = min(LARGEST_COUNT, account.pools["points"] + max(0, record["amount"] - 1000))\n',
        ),
        (
            '        account.pools["api"] -= cost\n',
            '        account.pools["api"] -= cost\n'
            '        used = min(cost, account.pools["points"])\n        account.pools["points"] -= used\n',
        ),
        ('return {"charge": {"api": cost}}', 'return {"charge": {"api": cost} | ({"points": used} if used else {})}'),
    ],
    "tests/clauses/wallet.py": [("    api: int = 0\n", "    api: int = 0\n    points: int = 0\n")],
}
"""A pool that one event fills and another empties."""

ADDED = {"policy": (POLICY, 6), "event": (EVENT, 5), "event that grants": (GRANTING_EVENT, 5), "pool": (POOL, 6)}
"""What is written, and the most files that it may take."""

PLAIN = "tests/differential/test_oracle_matches_plain_wallet.py::test_the_answers_are_the_same_over_random_worlds[0]"
PROVED = "tests/proofs/test_induction.py::test_everything_that_can_be_stated_of_one_machine_is_proved"
QUESTIONS = "tests/docs/test_contents.py::test_every_open_question_has_its_section_with_its_answers_and_evidence"
SEARCHED = "tests/differential/test_native_search.py::test_ghosts_are_searched_alike"
RESTATED = "tests/architecture/test_declaration.py::test_the_refusals_of_every_event_of_the_account_are_restated"
REFUSALS = "tests/clauses/test_refusals.py"
POLICIES = "tests/clauses/test_policies.py"
BALANCES = "tests/clauses/test_refusals.py::test_repeated_id_gets_its_first_answer_before_any_other_check"
WHOLE = ("tests/architecture/test_declaration.py", "tests/clauses", QUESTIONS, PROVED, SEARCHED, PLAIN)

MISSED = {
    "invariants/tokenspec/invariants/refusals.py": (RESTATED, PROVED),
    "invariants/tokenspec/invariants/accounting.py": (PROVED,),
    "invariants/tokenspec/invariants/scopes.py": (SEARCHED,),
    "tests/oracle/plain_wallet.py": (PLAIN,),
    "tests/clauses/test_policies.py": (POLICIES,),
    "tests/clauses/test_refusals.py": (REFUSALS,),
    "tests/clauses/wallet.py": (BALANCES,),
    "docs/open-questions.md": (QUESTIONS,),
}
"""The tests of which one fails where a file of a guide is left out."""

Edits = dict[str, list[tuple[str, str]]]


def named_in_the_guide(kind: str) -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(rf"^## Adding an? {kind}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert found, f"CONTRIBUTING.md has no guide for a new {kind}"
    return re.findall(r"^\d+\. `([^`]+)`", found.group(1), re.MULTILINE)


@pytest.mark.parametrize("added", ADDED)
def test_the_guide_names_every_file_and_they_are_few(added: str) -> None:
    edits, most = ADDED[added]
    assert sorted(named_in_the_guide(added.split()[0])) == sorted(edits)
    assert len(edits) <= most


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tree with something added, one copy for each thing; whoever changes one puts it back."""

    @cache
    def copy(added: str) -> Path:
        root = tmp_path_factory.mktemp("tree")
        left_out = shutil.ignore_patterns(".*", "__pycache__", "site", "node_modules")
        for name in (*ROOMS, "tests", "docs", "examples"):
            shutil.copytree(ROOT / name, root / name, ignore=left_out)
        for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
            shutil.copy(ROOT / name, root / name)
        for name, changes in ADDED[added][0].items():
            text = (root / name).read_text()
            for old, new in changes:
                assert text.count(old) == 1, (name, old)
                text = text.replace(old, new)
            (root / name).write_text(text)
        return root

    return copy


def run(root: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(root / room) for room in ROOMS)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("added", some_of(ADDED, 1))
def test_what_is_added_by_the_guide_is_whole(added: str, copies: Callable[[str], Path]) -> None:
    done = run(copies(added), *WHOLE)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("added", "name"),
    some_of([(added, name) for added, (edits, _) in ADDED.items() for name in edits if not name.startswith("spec/")], 4),
)
def test_no_file_of_the_guide_can_be_left_out_unnoticed(added: str, name: str, copies: Callable[[str], Path]) -> None:
    """Left out is any file but the declaration's own: without those nothing is added."""
    path = copies(added) / name
    written = path.read_text()
    path.write_text((ROOT / name).read_text())
    try:
        done = run(copies(added), *MISSED[name])
    finally:
        path.write_text(written)
    assert done.returncode in (1, 2), done.stdout + done.stderr  # A test failed, or could not be collected.
    assert re.search(r"\b\d+ (failed|errors?)\b", done.stdout), done.stdout + done.stderr

"""The guides of CONTRIBUTING.md are true: a policy and an event are added to a copy of the tree, in the files named there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("spec", "machine", "invariants", "diagrams", "oracle")

POLICY = {
    "spec/tokenspec/spec/policies.py": [
        (
            '    _policy("past_due_spending"',
            '    _policy("cancelled_generation", "F09",\n'
            '            "no document says whether a cancelled subscription keeps unlimited generation until it ends",\n'
            '            kept="it goes on until the subscription ends",\n'
            '            gone="it ends with the cancellation"),\n'
            '    _policy("past_due_spending"',
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
            '        event("api_upscale", "A picture is made larger through the API.", "A11", COST, EXISTS, COST_COUNTS,\n'
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

ADDED = [pytest.param("policy", POLICY, 6, id="policy"), pytest.param("event", EVENT, 5, id="event")]
Edits = dict[str, list[tuple[str, str]]]


def named_in_the_guide(kind: str) -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(rf"^## Adding an? {kind}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert found, f"CONTRIBUTING.md has no guide for a new {kind}"
    return re.findall(r"^\d+\. `([^`]+)`", found.group(1), re.MULTILINE)


@pytest.mark.parametrize(("kind", "edits", "most"), ADDED)
def test_the_guide_names_every_file_and_they_are_few(kind: str, edits: Edits, most: int) -> None:
    assert sorted(named_in_the_guide(kind)) == sorted(edits)
    assert len(edits) <= most


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    left_out = shutil.ignore_patterns(".*", "__pycache__", "site", "node_modules")
    for name in (*ROOMS, "tests", "docs", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def write(root: Path, edits: Edits) -> None:
    for name, changes in edits.items():
        path = root / name
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        path.write_text(text)


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(root / room) for room in ROOMS)
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)


TESTS = (
    "tests/architecture/test_declaration.py",
    "tests/clauses/test_coverage.py",
    "tests/clauses/test_policies.py",
    "tests/clauses/test_refusals.py",
    "tests/docs/test_contents.py::test_every_open_question_has_its_section_with_its_answers_and_evidence",
    "tests/differential/test_oracle_matches_plain_wallet.py::test_the_answers_are_the_same_over_random_worlds[0]",
)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "edits", "most"), ADDED)
def test_what_is_added_by_the_guide_is_whole(kind: str, edits: Edits, most: int, copy: Path) -> None:
    write(copy, edits)
    tested = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    assert tested.returncode == 0, tested.stdout
    checked = run(copy, "-m", "tokenspec.oracle.command", "check", "--scope", "tiny")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "edits", "most"), ADDED)
def test_no_file_of_the_guide_can_be_left_out_unnoticed(kind: str, edits: Edits, most: int, copy: Path) -> None:
    """Each file of the guide but the declaration's own is left out once."""
    unnoticed = []
    before = {name: (copy / name).read_text() for name in edits}
    write(copy, edits)
    after = {name: (copy / name).read_text() for name in edits}
    for name in (name for name in edits if not name.startswith("spec/")):
        (copy / name).write_text(before[name])
        tested = run(copy, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS)
        assert tested.returncode in (0, 1), tested.stdout + tested.stderr  # all green, or a test failed; nothing else
        if tested.returncode == 0 and run(copy, "-m", "tokenspec.oracle.command", "check", "--scope", "tiny").returncode == 0:
            unnoticed.append(name)
        (copy / name).write_text(after[name])
    assert unnoticed == []

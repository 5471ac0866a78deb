"""The wallet in TypeScript: it compiles, conforms, and its own runner of vectors finds each fault that it offers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from processes import PATIENCE_S
from programs import NO_REGISTRY, path_of
from sut.calling import call
from vectors.suites import GENERATED, OPENED, write_suite

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "typescript-wallet"
SUITE = ROOT / "oracle" / "vectors"
BUGS = re.findall(r'^  "(\w+)",$', (EXAMPLE / "wallet.ts").read_text().split("] as const")[1], re.MULTILINE)
UNREACHED = re.compile("ENOTFOUND|EAI_AGAIN|E404|ECONNREFUSED|ETIMEDOUT|ETARGET")


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, compiled."""
    folder = tmp_path_factory.mktemp("typescript") / "wallet"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    npm = path_of("npm")
    done = subprocess.run([npm, "install", "--silent"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode and UNREACHED.search(done.stdout + done.stderr):
        pytest.skip(NO_REGISTRY)
    assert done.returncode == 0, done.stderr
    assert compiled(folder) == ""
    return folder


def compiled(folder: Path) -> str:
    """What the compiler has to say of the files in `folder`."""
    words = [path_of("node"), "node_modules/typescript/bin/tsc", "--pretty", "false"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S).stdout


def run_in_node(folder: Path, *places: Path, bugs: str = "") -> tuple[int, dict[str, int], str]:
    """The exit code of Node's test runner, its counts and all that it printed."""
    env = {**os.environ, "WALLET_BUGS": bugs, "VECTORS": ",".join(map(str, places))}
    words = [path_of("node"), "--test", "--test-reporter", "tap", "dist/wallet.test.js"]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    counts = {name: int(number) for name, number in re.findall(r"^# (pass|fail|skipped) (\d+)$", done.stdout, re.MULTILINE)}
    return done.returncode, counts, done.stdout


@pytest.fixture(scope="module")
def shipped(wallet: Path) -> tuple[int, dict[str, int], str]:
    """What came of a run of the shipped vectors."""
    return run_in_node(wallet, SUITE)


def sut(folder: Path) -> str:
    return f'{path_of("node")} "{folder}/dist/stdio.js"'


@pytest.mark.network
def test_it_passes_every_shipped_vector_that_applies(shipped: tuple[int, dict[str, int], str]) -> None:
    code, counts, out = shipped
    assert (code, counts["fail"], counts["pass"] > 100) == (0, 0, True), out
    assert re.search(r"# SKIP its resets are .*explicit", out)


@pytest.mark.network
@pytest.mark.parametrize("bug", BUGS)
def test_each_of_its_faults_is_found_by_its_own_tests(bug: str, wallet: Path) -> None:
    code, counts, out = run_in_node(wallet, SUITE, bugs=bug)
    assert (code, counts["fail"] > 0, counts["pass"] > 0) == (1, True, True)
    assert re.search(r"step \d+ of\n *1\. \{", out), "a failure tells the requests up to it"


@pytest.mark.network
def test_a_history_that_was_found_is_a_test_from_then_on(wallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tmp_path / "found.json"
    with monkeypatch.context() as context:
        context.setenv("WALLET_BUGS", "refund_twice")
        assert call("fuzz", "--sut", sut(wallet), "--save", found, "-q").code == 15
    code, counts, _ = run_in_node(wallet, found, bugs="refund_twice")
    assert (code, counts["pass"]) == (1, 0)
    code, counts, _ = run_in_node(wallet, found)
    assert (code, counts) == (0, {"pass": 2, "fail": 0, "skipped": 0})


@pytest.mark.network
def test_it_conforms_and_its_runner_agrees_with_ours(wallet: Path, shipped: tuple[int, dict[str, int], str]) -> None:
    done = call("fuzz", "--sut", sut(wallet), "--examples", "60", "-q")
    assert done.code == 0, done.out
    ours = call("vectors", "run", "--sut", sut(wallet), "--format", "json").out
    _, counts, _ = shipped
    assert re.search(rf'"passed": ?{counts["pass"] - 1},', ours), "one test of Node's says that some vector applied"


@pytest.mark.network
def test_a_suite_of_which_nothing_applies_is_not_passed(wallet: Path, tmp_path: Path) -> None:
    code, counts, out = run_in_node(wallet, write_suite(tmp_path / "explicit", {"spent": [OPENED, GENERATED]}))
    assert (code, counts["pass"], counts["fail"]) == (1, 0, 1)
    assert "nothing was tested" in out


@pytest.mark.network
def test_an_event_that_is_none_does_not_compile(wallet: Path) -> None:
    wrong = {
        'event: "subscribe"': "'plan' is missing",
        'event: "subcribe", plan: "premium"': '"subcribe"',
        'event: "generate", job: "j", cost: "24", media: "image", origin: "first_party"': "'string' is not assignable",
    }
    files = [wallet / f"wrong{n}.ts" for n in range(len(wrong))]
    for file, event in zip(files, wrong, strict=True):
        call_of = f'new Wallet().handle({{ op: "apply", account: "a", at: "2026-07-15T09:00:00Z", {event} }});'
        file.write_text(f'import {{ Wallet }} from "./wallet.ts";\n{call_of}\n')
    try:
        errors = re.split(r"^(?=\S)", compiled(wallet), flags=re.MULTILINE)
    finally:
        for file in files:
            file.unlink()
    for file, says in zip(files, wrong.values(), strict=True):
        assert any(error.startswith(file.name) and says in error for error in errors), (says, errors)


def test_its_types_are_those_of_the_declaration(tmp_path: Path) -> None:
    module = tmp_path / "account.wasm"
    assert call("export", "wasm", "-q", "-o", module).code == 0
    words = [path_of("node"), str(EXAMPLE / "types.js"), str(module)]
    written = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout
    assert written == (EXAMPLE / "account.ts").read_text()


def test_the_readme_lists_its_faults_and_its_files() -> None:
    readme = (EXAMPLE / "README.md").read_text()
    listed = re.findall(r"^\| `([\w.]+)` \|", readme, re.MULTILINE)
    assert len(BUGS) > 4
    assert {name for name in listed if "." not in name} == set(BUGS)
    assert {name for name in listed if "." in name} == {path.name for path in EXAMPLE.glob("*.[tj]s")}
    assert (EXAMPLE / "wallet.test.ts").read_text() in readme

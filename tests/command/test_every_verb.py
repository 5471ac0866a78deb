"""What holds for every verb: where its results go, what ends it, and the surroundings that it runs in."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from command.conftest import EXAMPLES, within
from command.every_verb import FOLDERS, READ, RUNS, WRITTEN, commands, contents, filled, paths_of
from processes import PATIENCE_S
from tokenspec.oracle.command.main import _interrupt

WRITERS = [(f"{verb} {words}", over) for verb, run in RUNS.items() for words, over in run.writes]


def test_every_verb_takes_a_stand() -> None:
    """A new verb has a run, a new option of files is known to be read or written, and writes over a file in some run."""
    assert sorted(verb for verb, _ in commands()) == sorted(RUNS)
    for verb, command in commands():
        run, written = RUNS[verb], [option for option in paths_of(command) if option not in READ]
        assert not set(written) - WRITTEN - FOLDERS, f"{verb}: are {written} read or written?"
        said = " ".join(words for words, _ in run.writes).split()
        assert run.is_cut_short or set(written) <= set(said), f"{verb}: a run is missing that writes what {written} name"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("before"))


@pytest.fixture
def folder(before: Path, tmp_path: Path) -> Path:
    return shutil.copytree(before, tmp_path / "folder")


@pytest.mark.parametrize("verb", RUNS)
def test_an_output_that_cannot_be_is_refused_before_anything_is_done(verb: str, folder: Path) -> None:
    """In a folder that is not there, a folder itself, and what the run reads; a folder, where there is a file."""
    run, was = RUNS[verb], contents(folder)
    for option in paths_of(dict(commands())[verb]):
        places = {"missing/x", ".", "/", run.reads} - {""} if option in WRITTEN else {"cert"} if option in FOLDERS else set()
        if (verb, option) == ("check", "--save"):
            # The beginning of names of files.
            places -= {".", "/", run.reads}
        for place in places:
            words = run.words.removesuffix(" -o -").removesuffix("--out none --check").split()
            done = within(*verb.split(), *words, option, f"json={place}" if option == "--report" else place, cwd=folder)
            assert (done.code, done.out) == (64, ""), (option, place, done.err)
            assert contents(folder) == was, (option, place)


def no_room(file: int) -> None:
    """Nothing can be brought to its end on this disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


ENDS: tuple[tuple[Callable[[int], None], int], ...] = (
    (no_room, 64),
    (lambda file: signal.raise_signal(signal.SIGINT), 130),
    (lambda file: signal.raise_signal(signal.SIGTERM), 143),
    (lambda file: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL),
)
"""What may happen while a file is brought to its end, and the exit code."""


@pytest.mark.parametrize(("words", "over"), WRITERS, ids=[words for words, _ in WRITERS])
def test_a_file_is_written_whole_or_the_old_one_stays(
    words: str, over: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / over).chmod(0o640)
    was, is_run, finish = contents(folder), os.getpid(), os.fsync
    left = list(ENDS)

    def interrupted(file: int) -> None:
        """Ends the run in each of the ways, each time in a copy of the process; then it goes on to its end."""
        while left:
            end, code = left.pop()
            child = os.fork()
            if child == 0:
                monkeypatch.setattr(os, "fsync", end)
                return end(file)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code
            assert contents(folder) == was
        return finish(file)

    monkeypatch.setattr(os, "fsync", interrupted)
    before = signal.signal(signal.SIGTERM, _interrupt)
    done = within(*words.split(), cwd=folder)
    if os.getpid() != is_run:
        os._exit(done.code)
    signal.signal(signal.SIGTERM, before)
    assert (done.code, left) == (next(run.code for verb, run in RUNS.items() if words.startswith(f"{verb} ")), []), done.err
    now = contents(folder)
    assert now[over] != was[over]
    assert (folder / over).stat().st_mode & 0o7777 == 0o640
    assert not [name for name in now if name.endswith(".tmp")]


OTHERWISE = {
    "base/whole_files.py": "the one place that writes files",
    "command/main.py": "standard output, and /dev/null in its place",
    "publish/new_specification.py": "a folder of its own, which is renamed",
    "logs/kernel/journal_file.py": "grows behind what a saved state counts",
    "report/replays/parquet.py": "a temporary folder",
    "audit/tables.py": "a temporary folder",
    "sut/python_host.py": "the pipe to the tester",
}
"""Files that open others to write them by themselves, and what those are."""
_WRITES = re.compile(
    r"""\bopen\((?:[^()]|\([^()]*\))*["'][wax]b?\+?["']|\bwrite_(?:text|bytes)\(|\bshutil\.copy|\bmkstemp\(|\bfdopen\("""
)


def test_no_verb_writes_a_file_in_another_way() -> None:
    top = EXAMPLES.parent
    files = (path for room in ("oracle", "machine", "diagrams", "invariants", "spec") for path in (top / room).rglob("*.py"))
    found = {str(path.relative_to(top)) for path in files if _WRITES.search(path.read_text(encoding="utf-8"))}
    assert found == {f"oracle/tokenspec/oracle/{name}" for name in OTHERWISE}


HOSTILE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": "/nowhere", "COLUMNS": "20", "NO_COLOR": "1"}
ONE_BY_ONE = """
import importlib, json, os, sys
from tokenspec.oracle.command.main import main
runs = json.load(open(sys.argv[1]))
for verb, _ in runs:
    importlib.import_module("tokenspec.oracle.command.verbs." + verb.split()[0].replace("-", "_"))
def code_of(verb, words, says):
    (read, write), said = os.pipe(), os.open(says, os.O_CREAT | os.O_WRONLY | os.O_APPEND) if says else None
    os.close(read)
    child = os.fork()
    if child == 0:
        os.dup2(write, 1)
        os.close(write)
        if said is None:
            (read, said) = os.pipe()
            os.close(read)
        os.dup2(said, 2)
        try:
            main([*verb.split(), *words])
        except SystemExit as end:
            os._exit(end.code or 0)
    os.close(write)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
codes = {verb: code_of(verb, words, "said") for verb, words in runs}
for says in ("/dev/full", ""):
    for verb, words in runs:
        if codes[verb]:
            again = code_of(verb, words, says)
            assert again == codes[verb], (verb, says, again)
print(json.dumps(codes))
"""
"""Runs verbs, each in a copy of one process, of which standard error is a file; and those that end with another code than 0 once
more, where it is a full disk, and a pipe that nobody reads."""


@pytest.mark.slow
def test_no_surroundings_change_an_exit_code(folder: Path) -> None:
    """No locale, no home, a narrow terminal, no standard input, nobody who reads the result or what is said."""
    (folder / "runs").write_text(json.dumps([(verb, run.words.split()) for verb, run in RUNS.items()]))
    words = ("sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", ONE_BY_ONE, "runs")
    surroundings = {"PATH": os.environ["PATH"], **HOSTILE}
    done = subprocess.run(words, cwd=folder, env=surroundings, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {verb: run.code for verb, run in RUNS.items()}
    assert "Traceback" not in (folder / "said").read_text()


def test_two_that_make_one_folder_at_once_leave_one_of_the_two(folder: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(within("new", "coffer", cwd=folder).code)
    codes = [within("new", "coffer", cwd=folder).code, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
    assert sorted(codes) == [0, 64]
    assert [name for name in os.listdir(folder) if "coffer" in name] == ["coffer"]

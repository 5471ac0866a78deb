"""Whatever is written over a file is there as a whole, or the old file is; and nothing else is lost or left behind."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from command.conftest import COMMAND, EXAMPLES, opened, within, write_log
from tokenspec.oracle.base.whole_files import whole_file, write_file

VECTOR = next((EXAMPLES.parent / "oracle/vectors/vectors").glob("*.json"))
BLOCK = "<!-- tokenspec: {} -->\n<!-- end -->\n"

WRITERS: dict[str, tuple[tuple[str, ...], str]] = {
    "result": (("replay", "log.jsonl", "-o", "old"), "old"),
    "report": (("replay", "log.jsonl", "--report", "json=old"), "old"),
    "answers": (("replay", "log.jsonl", "--answers", "old"), "old"),
    "state": (("replay", "log.jsonl", "--save-state", "old"), "old"),
    "document": (("docs", "sync", "page.md"), "page.md"),
    "picture": (("docs", "sync", "drawn.md"), "drawn.svg"),
    "diagram": (("diagram", "lifecycle", "--format", "svg", "-o", "old"), "old"),
    "png": (("diagram", "lifecycle", "--format", "png", "-o", "old"), "old"),
    "export": (("export", "json", "-o", "old"), "old"),
    "module": (("export", "wasm", "-o", "old.wasm"), "old.wasm"),
    "page": (("explore", "-o", "old"), "old"),
    "vector": (("vectors", "add", "own", str(VECTOR)), "own/index.json"),
    "policies": (("policies", "--format", "json", "-o", "old"), "old"),
}
"""Command lines that write over a file, and the file."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_log(tmp_path / "log.jsonl", [opened(f"account {number}", observed={"status": "free"}) for number in range(200)])
    (tmp_path / "page.md").write_text("kept\n" * 200 + BLOCK.format("account-refusals") + "kept\n" * 200)
    (tmp_path / "drawn.md").write_text(BLOCK.format("diagram lifecycle svg=drawn.svg"))
    assert within("docs", "sync", "drawn.md", cwd=tmp_path).code == 0
    (tmp_path / "drawn.svg").write_bytes((tmp_path / "drawn.svg").read_bytes().replace(b"tokenspec 0", b"tokenspec -"))
    assert within("vectors", "add", "own", str(VECTOR), cwd=tmp_path).code == 0
    (tmp_path / "own/vectors" / VECTOR.name).unlink()
    (tmp_path / "own/index.json").write_text('{"format": 1, "version": "", "digest": "", "vectors": []}')
    for name in ("old", "old.wasm"):
        (tmp_path / name).write_text("what was there before\n" * 200)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def no_room(file: int) -> None:
    """A disk on which nothing can be brought to its end."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def small_files() -> None:
    """No file grows beyond 4 KiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize(("words", "over"), list(WRITERS.values()), ids=list(WRITERS))
def test_a_disk_that_is_full_leaves_everything_as_it_was(
    words: tuple[str, ...], over: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(folder)
    assert over in before
    monkeypatch.setattr(os, "fsync", no_room)
    done = within(*words, cwd=folder)
    assert (done.code, "cannot be written: no space left on device" in done.err) == (64, True), done.err
    assert contents(folder) == before


@pytest.mark.parametrize("words", [("--answers", "old"), ("--save-state", "old"), ("-o", "old", "--format", "jsonl")])
def test_a_file_that_may_not_grow_is_left_as_it_was(words: tuple[str, ...], folder: Path) -> None:
    write_log(folder / "log.jsonl", [opened(f"account {number}", observed={"status": "gone"}) for number in range(200)])
    before = contents(folder)
    words = (*COMMAND, "replay", "log.jsonl", *words)
    done = subprocess.run(words, cwd=folder, preexec_fn=small_files, capture_output=True, check=False, timeout=60)
    assert (done.returncode, b"cannot be written: file too large" in done.stderr) == (64, True), done.stderr
    assert contents(folder) == before


@pytest.mark.parametrize(("words", "over"), list(WRITERS.values()), ids=list(WRITERS))
def test_what_is_written_takes_the_place_of_the_old_file_with_its_permissions(
    words: tuple[str, ...], over: str, folder: Path
) -> None:
    (folder / over).chmod(0o640)
    before = contents(folder)
    assert within(*words, cwd=folder).code == 0
    after = contents(folder)
    assert after[over] != before[over]
    assert (folder / over).stat().st_mode & 0o7777 == 0o640
    assert not [name for name in after if name.endswith(".tmp")]


@pytest.mark.parametrize("words", [("--answers", "old"), ("-o", "old"), ("--save-state", "old")])
def test_a_process_that_is_killed_leaves_the_old_file_and_nothing_else(words: tuple[str, ...], folder: Path) -> None:
    before = contents(folder)
    running = subprocess.Popen([*COMMAND, "replay", "-", *words], cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert running.stdin is not None
    # More than the pipe holds: once it is written, the process is in the middle of its work.
    line = (folder / "log.jsonl").read_bytes()
    for _ in range(20):
        running.stdin.write(line)
    running.stdin.flush()
    running.send_signal(signal.SIGKILL)
    running.wait(30)
    running.stdin.close()
    assert contents(folder) == before


@pytest.mark.parametrize("kill_after", [0, 1, 2])
def test_a_write_that_is_cut_anywhere_leaves_the_old_file(kill_after: int, tmp_path: Path) -> None:
    """The process ends by itself, without any cleaning up, before, during or after the content is written."""
    path = tmp_path / "file"
    path.write_text("old")
    child = os.fork()
    if child == 0:
        with whole_file(path) as file:
            for part in range(2):
                if part == kill_after:
                    os._exit(9)
                file.write(b"new")
                file.flush()
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert contents(tmp_path) == {"file": b"old"}


def without_nameless_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")


@pytest.mark.parametrize("system", [lambda patch: None, without_nameless_files], ids=["this", "plain"])
def test_a_link_stays_and_what_it_leads_to_is_written(
    system: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system(monkeypatch)
    (tmp_path / "link").symlink_to("file")
    write_file("-o", tmp_path / "link", b"first")
    write_file("-o", tmp_path / "link", b"second")
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path) == {"file": b"second", "link": b"second"}
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "link") as file:
        file.write(b"third" * (1 // 0))
    assert contents(tmp_path) == {"file": b"second", "link": b"second"}


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE)
    write_file("-o", tmp_path / "pipe", b"through")
    assert reader.communicate(timeout=30)[0] == b"through"


PLACES = {
    "document": ("svg=page.md", "the name of a picture ends in .svg"),
    "document_by_another_name": ("svg=link.svg", "this is a document"),
    "outside": ("svg=../out.svg", "a picture lies in the folder of its document"),
    "outside_by_a_link": ("svg=away/out.svg", "a picture lies in the folder of its document"),
    "absolute": ("svg=/tmp/out.svg", "a picture lies in the folder of its document"),
    "of_somebody_else": ("svg=logo.svg", "there is something else in its place"),
    "folder": ("svg=folder.svg", "there is something else in its place"),
    "gallery": ("svg=..", "a picture lies in the folder of its document"),
}
"""Where a picture may not go, and what is said of it."""


@pytest.mark.parametrize(("place", "says"), list(PLACES.values()), ids=list(PLACES))
def test_a_document_does_not_decide_what_is_written(place: str, says: str, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "folder.svg").mkdir(parents=True)
    name = "gallery" if place == "svg=.." else "diagram lifecycle"
    (folder / "page.md").write_text("# Title\n" + BLOCK.format(f"{name} {place}"))
    (folder / "link.svg").symlink_to("page.md.svg")
    (folder / "page.md.svg").symlink_to("page.md")
    (folder / "away").symlink_to(tmp_path)
    (folder / "logo.svg").write_text("<svg>mine</svg>")
    before = contents(tmp_path)
    done = within("docs", "sync", "page.md", cwd=folder)
    assert (done.code, done.out) == (65, "")
    assert done.err.startswith("tokenspec: page.md:2: ")
    assert says in done.err or (place == "svg=link.svg" and "ends in .svg" in done.err)
    assert contents(tmp_path) == before


def test_two_pictures_do_not_share_a_file(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(BLOCK.format("diagram lifecycle svg=a.svg") + BLOCK.format("diagram pools svg=a.svg"))
    done = within("docs", "sync", "page.md", cwd=tmp_path)
    assert (done.code, "page.md:3: svg=a.svg: another block" in done.err) == (65, True)


@pytest.mark.parametrize(
    ("suffix", "begin", "end"), [("md", "<!-- tokenspec: {} -->", "<!-- end -->"), ("rst", ".. tokenspec: {}", ".. end")]
)
def test_a_block_without_an_end_swallows_nothing(suffix: str, begin: str, end: str, tmp_path: Path) -> None:
    page = tmp_path / f"page.{suffix}"
    text = f"Title\n\n{begin.format('plans')}\n\nMy precious text.\n\n{begin.format('policies')}\n{end}\n"
    page.write_text(text)
    done = within("docs", "sync", page.name, cwd=tmp_path)
    assert (done.code, page.read_text()) == (65, text)
    assert f"page.{suffix}:3: the block has no end" in done.err


@pytest.mark.parametrize("verb", [("verify-artefacts", "suite"), ("verify-artefacts", "suite/index.json")])
def test_a_file_in_a_folder_that_is_read_is_not_written_over(verb: tuple[str, ...], tmp_path: Path) -> None:
    assert within("vectors", "add", "suite", str(VECTOR), cwd=tmp_path).code == 0
    before = contents(tmp_path)
    done = within(*verb, "-o", "suite/index.json", cwd=tmp_path)
    assert (done.code, contents(tmp_path)) == (64, before)

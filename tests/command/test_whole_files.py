"""Whatever is written over a file is there as a whole, or the old file is; and nothing else is lost or left behind."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from command.conftest import COMMAND, opened, within, write_log
from command.every_verb import VECTOR, contents
from processes import PATIENCE_S
from tokenspec.oracle.base.whole_files import whole_file, write_file

BLOCK = "<!-- tokenspec: {} -->\n<!-- end -->\n"


def small_files() -> None:
    """No file grows beyond 4 KiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_file_that_may_not_grow_is_left_as_it_was(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(f"account {number}", observed={"status": "gone"}) for number in range(200)])
    (tmp_path / "old").write_text("what was there before")
    before = contents(tmp_path)
    words = (*COMMAND, "replay", "log.jsonl", "--answers", "old", "--save-state", "new", "--report", "jsonl=newer")
    done = subprocess.run(words, cwd=tmp_path, preexec_fn=small_files, capture_output=True, check=False, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr.count(b"cannot be written: file too large")) == (64, 3), done.stderr
    assert contents(tmp_path) == before


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
    assert reader.communicate(timeout=PATIENCE_S)[0] == b"through"


def test_a_pipe_that_only_the_shell_has_a_name_for_is_written_too() -> None:
    """As in `-o /dev/stdout | less`, and in `--report junit=>(upload)`."""
    read, write = os.pipe()
    write_file("-o", f"/dev/fd/{write}", b"through")
    os.close(write)
    assert os.read(read, 100) == b"through"


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

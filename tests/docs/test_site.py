"""The site builds strictly, and what it builds holds no link, picture or entry that leads nowhere, and nothing from elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from command.conftest import EXAMPLES, tokenspec
from docs.shown import ROOT
from programs import needed

if not needed:
    pytest.importorskip("zensical", reason="the extra docs is not installed")

pytestmark = pytest.mark.slow


SHOWN = EXAMPLES / "07-upgrade-keeps-its-date.jsonl"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    # The page that explorer.md shows is built, not kept.
    made = tokenspec("explore", SHOWN, "-o", folder / "docs" / "explore.html")
    assert (made.code, made.err) == (0, f"written: {folder / 'docs' / 'explore.html'}\n")
    done = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return folder / "site"


class Links(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        self.anchors |= {named[key] for key in ("id", "name") if key in named}
        self.loads |= {named["src"]} if "src" in named else set()
        if "href" in named:
            (self.loads if tag == "link" else self.links).add(named["href"])


def test_every_link_and_picture_of_the_built_site_leads_somewhere(built: Path) -> None:
    pages = {page: Links(page) for page in built.glob("**/*.html") if page.name != "404.html"}
    assert len(pages) > 15
    lost = []
    for page, found in pages.items():
        for link in found.links | found.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            known = target.is_file() and (not parts.fragment or target not in pages or parts.fragment in pages[target].anchors)
            lost += [] if known else [f"{page.relative_to(built)}: {link}"]
    assert lost == []


def test_no_page_loads_anything_from_elsewhere(built: Path) -> None:
    loads = {load for page in built.glob("**/*.html") for load in Links(page).loads}
    assert loads
    assert [load for load in loads if urlsplit(load).netloc] == []


def test_the_navigation_holds_every_page_once() -> None:
    listed = entries(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"])
    assert sorted(listed) == sorted(str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md"))


def entries(nav: Any) -> list[str]:
    match nav:
        case str():
            return [nav]
        case dict():
            return [page for part in nav.values() for page in entries(part)]
        case _:
            return [page for part in nav for page in entries(part)]

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from command.conftest import tokenspec
from page.browser import Page, started


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    found = started()
    try:
        yield found
    finally:
        found.quit()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, as the command writes it."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    done = tokenspec("explore", "-o", path, "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    return path


@pytest.fixture
def page(browser: webdriver.Chrome, written: Path) -> Iterator[Page]:
    """The page as somebody finds it; in the end nothing may have been complained of."""
    found = Page(browser)
    found.open(written)
    yield found
    assert found.complaints() == []

"""The page of a specification that is not the shipped one: no session, no plan, other clocks, another memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from own.test_prepaid import PREPAID, tokenspec
from page.browser import Page

pytestmark = pytest.mark.slow

LOGS = PREPAID / "logs"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepaid") / "page.html"
    tokenspec("explore", "-o", path, "-q")
    return path


@pytest.fixture
def prepaid(browser: webdriver.Chrome, path: Path) -> Iterator[Page]:
    found = Page(browser)
    found.open(path)
    yield found
    assert found.complaints() == []


def test_events_are_pressed_and_clocks_run(prepaid: Page) -> None:
    prepaid.press("open_account")
    prepaid.press("buy", pack="small", quantity="2")
    assert prepaid.pools() == {"bonus": 20, "credit": 200}
    prepaid.press("reserve", hold="h1", amount="60")
    assert prepaid.pools() == {"bonus": 0, "credit": 160}
    assert "refused: bonus must be due" in prepaid.text("[data-event=weekly_bonus]")
    prepaid.find("[data-until=week]").click()
    assert "due now" in prepaid.text("[data-clock=week]")
    prepaid.press("weekly_bonus")
    assert prepaid.pools() == {"bonus": 20, "credit": 160}
    prepaid.press("settle", hold="h1", amount="15")
    assert prepaid.pools() == {"bonus": 20, "credit": 200}
    prepaid.find("[data-until=credit]").click()
    prepaid.press("expire_credit")
    assert prepaid.pools() == {"bonus": 20, "credit": 0}
    assert not prepaid.find("[data-until=credit]").is_enabled()
    assert "not running" in prepaid.text("#clocks")
    prepaid.press("quote", action="film")
    assert "price: 60" in prepaid.text("#outcome")
    assert prepaid.text("#held") == "all 9 hold"


def test_a_log_is_answered_as_by_replay(prepaid: Page, tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    tokenspec("replay", LOGS / "right.jsonl", "--answers", answers)
    records, answered = ([json.loads(line) for line in path.read_text().splitlines()] for path in (LOGS / "right.jsonl", answers))
    right: dict[str, list[object]] = {}
    for record, answer in zip(records, answered, strict=True):
        right.setdefault(record["account"], []).append(answer)
    prepaid.run("explorer.openText(arguments[0], 'right.jsonl')", (LOGS / "right.jsonl").read_text())
    found = prepaid.run("return Array.from(explorer.runs, ([name, run]) => [name, run.entries.map(({answer}) => answer)])")
    assert dict(found) == right
    assert "diverge" not in prepaid.text("#message")


def test_a_log_that_is_wrong_opens_where_it_is_and_is_explained(prepaid: Page) -> None:
    prepaid.run("explorer.openText(arguments[0], 'wrong.jsonl')", (LOGS / "rest-became-credit.jsonl").read_text())
    assert "diverge" in prepaid.text("#message")
    assert prepaid.text(".divergence tbody").startswith("balances.bonus")
    prepaid.find("[data-ask=explain]").click()
    assert prepaid.text(".explained")

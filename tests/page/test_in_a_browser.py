"""The page as somebody uses it, in a browser without a window. Expected answers are the oracle's, or written out."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from command.conftest import EXAMPLES, tokenspec
from page.browser import Page
from tokenspec.oracle.runtime.oracle import Oracle

pytestmark = pytest.mark.slow

DRY = EXAMPLES / "05-premium-out-of-tokens.jsonl"
ANSWERS = "return JSON.stringify([...explorer.runs.values()].flatMap((run) => run.entries.map(({answer}) => answer)))"
DASH = "\N{EN DASH}"


def records(path: Path = DRY) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def watched(page: Page) -> int:
    """The number of claims that the page watches."""
    claims = page.all("#claims [data-claim]")
    assert len(claims) > 10
    return len(claims)


def wrong() -> list[dict[str, Any]]:
    """A log whose tenth record says what is not right."""
    found = records()
    found[9]["observed"]["balances"]["rollover"] = 300
    return found


def many(count: int) -> list[dict[str, Any]]:
    """So many records of one account, a quarter of an hour apart."""
    minute = 60_000
    found: list[dict[str, Any]] = [{"event": "open_account"}, {"event": "subscribe", "plan": "ultimate"}]
    for number in range(count - 2):
        job = {"event": "generate", "job": f"j{number}", "cost": number % 90 + 1, "media": "image", "origin": "first_party"}
        found.append({"event": "daily_reset"} if number % 97 == 96 else {"event": "renew"} if number % 2_999 == 2_998 else job)
    return [
        {"account": "busy", "at": 1_000_000_000_000 + number * 15 * minute, "id": f"e{number}", **it}
        for number, it in enumerate(found)
    ]


def marked(page: Page, kind: str) -> set[str]:
    return {str(part.get_attribute("data-name")) for part in page.all(f"#lifecycle .{kind}")}


def test_buttons_do_what_the_events_do(page: Page) -> None:
    assert marked(page, "now") == {"account__absent"}
    page.press("open_account")
    assert page.text("[data-variable=status]") == "free"
    assert page.pools() == {"daily": 150, "fast": 0, "rollover": 0, "topup": 0, "api": 0}
    page.press("subscribe", plan="premium")
    assert page.pools() == {"daily": 150, "fast": 25_000, "rollover": 0, "topup": 0, "api": 0}
    assert (marked(page, "now"), marked(page, "lit")) == ({"account__active"}, {"account__free->account__active"})
    page.press("generate", cost="200", media="image")
    assert page.pools() == {"daily": 0, "fast": 24_950, "rollover": 0, "topup": 0, "api": 0}
    assert "the pools pay in burn order" in page.text("#outcome")
    page.press("refund")
    assert page.pools()["fast"] == 25_000
    page.press("upgrade", plan="ultimate")
    assert marked(page, "lit") == {
        "account__active->account__active____account__active", "account__active____account__active",
        "account__active____account__active->account__active",
    }  # fmt: skip
    assert page.text("#place") == "5 of 5"
    assert page.text("#held") == f"all {watched(page)} hold"


def test_a_refused_event_says_why_before_and_after_it_is_pressed(page: Page) -> None:
    button = page.find("[data-event=cancel]")
    assert "refused: account must exist" in button.text
    page.press("open_account")
    assert "refused: api tokens must cover cost" in page.text("[data-event=api_generate]")
    assert "refused: subscription must be active or past due" in button.text
    button.click()
    assert page.find("[data-outcome]").get_attribute("data-outcome") == "refused"
    reason = "subscription must be active or past due"
    assert page.text("[data-outcome]") == f"Refused: {reason} {DASH} there must be something to give up."
    assert page.pools()["daily"] == 150
    page.find("[data-event=generate]").click()
    cost = page.find("form:not([hidden]) input[type=number]")
    page.write(cost, "151")
    judged = page.find("form:not([hidden]) .verdict")
    assert judged.text == f"Would be refused: tokens must cover cost {DASH} there are not enough tokens."
    page.write(cost, "150")
    assert judged.text.startswith("Would be accepted: generates for tokens")


def test_time_goes_on_without_an_event(page: Page) -> None:
    page.press("open_account")
    page.press("subscribe")
    assert "refused: renewal must be due" in page.text("[data-event=renew]")
    page.find("[data-until=renewal]").click()
    assert "due now" in page.text("[data-clock=renewal]")
    assert "refused" not in page.text("[data-event=renew]")
    assert "waits for the job to run" in page.text("#clocks")
    page.run("explorer.wait(explorer.now + 3 * 86_400_000)")
    assert "late by 3 days" in page.text("[data-clock=renewal]")
    assert "its day in UTC is over by" in page.text("#clocks")
    assert re.search(r"none for 3\d days[ \w]*: a case for support", page.text("#clocks"))
    page.press("renew")
    assert page.text("[data-clock=renewal]").split(f" {DASH} ")[1].startswith("in 2")
    assert "Before it, by the clock: daily reset falls due" in page.text("#outcome")


@pytest.mark.parametrize("changed", [{}, {"burn_order": "rollover_fast_topup", "month_end": "stay_clamped", "refund": "none"}])
def test_every_example_log_is_answered_as_the_oracle_does(page: Page, changed: dict[str, str]) -> None:
    oracle = Oracle(changed)
    every = [record for path in sorted(EXAMPLES.glob("*.jsonl")) for record in records(path)]
    by_account: dict[str, list[Any]] = {}
    for record in every:
        by_account.setdefault(record["account"], []).append(oracle.apply(record).as_dict())
    page.run("explorer.policy = {...explorer.policy, ...arguments[0]}", changed)
    page.load(every)
    assert json.loads(page.run(ANSWERS)) == [answer for answers in by_account.values() for answer in answers]
    diverging = page.run("return [...explorer.runs.values()].filter((run) => run.firstDivergence !== null).length")
    assert (diverging > 0) == bool(changed)


def test_a_model_of_the_catalogue_is_known(page: Page) -> None:
    job = {"event": "generate", "cost": 1, "media": "video"}
    log: list[dict[str, Any]] = [{"event": "open_account"}]
    log += [job | {"job": model, "model": model} for model in ("Veo 3", "Veo 3 Fast", "nobody's")]
    log = [{"account": "ann", "at": 10**12} | record for record in log]
    page.load(log)
    oracle = Oracle()
    right = [oracle.apply(record) for record in log]
    assert json.loads(page.run(ANSWERS)) == [answer.as_dict() for answer in right]
    assert [answer.outcome for answer in right] == ["accepted", "accepted", "accepted", "refused"]


def test_a_log_opens_at_its_divergence_and_is_stepped_through(page: Page) -> None:
    page.load(records(EXAMPLES / "01-free-daily-allowance.jsonl") + wrong())
    assert page.text("#message").startswith("some.jsonl. 1 of 2 accounts diverge")
    assert page.text("#place") == "10 of 21"
    assert page.text(".divergence tbody") == "balances.rollover 0 300"
    assert "diverges from the log" in page.text(".row.here")
    body = page.find("body")
    body.send_keys(Keys.ARROW_LEFT)
    assert page.text("#place") == "9 of 21"
    assert page.all(".divergence") == []
    assert "medium must be relaxed on plan" in page.text("#outcome")
    body.send_keys(Keys.HOME)
    assert (page.text("[data-variable=status]"), page.text("#place")) == ("absent", "0 of 21")
    body.send_keys("d")
    assert page.text("#place") == "10 of 21"
    page.find("#forward").click()
    assert page.all(".divergence") == []
    page.run("explorer.goTo(4)")
    page.press("cancel")
    assert page.text("#place") == "5 of 5"
    page.find("#bring-back").click()
    assert page.text("#place") == "4 of 21"
    assert page.run("return explorer.run.firstDivergence") == 9


def test_another_answer_shows_what_differs_from_there_on(page: Page) -> None:
    page.load(records(EXAMPLES / "04-burn-order.jsonl"))
    first = page.run("return explorer.run.entries.findIndex(({answer}) => answer.charge?.daily && answer.charge?.fast)")
    page.run("explorer.goTo(arguments[0])", first)
    page.find("summary").click()
    page.find("[data-policy=daily_position] [value=last]").click()
    assert page.text("#change-says") == (
        f"Another answer after event {first}: daily position. The first difference is at event {first + 1}."
    )
    page.find("#first-difference").click()
    assert page.pools()["daily"] == 150
    assert "without the change 0" in page.text("#pools")
    assert "daily 0 → 150" in page.text(".row.here")
    assert "daily 0 → 150" in page.text("#outcome .differing")
    before, after = page.run("return [explorer.base, explorer.changed].map((run) => run.entries.map(({answer}) => answer))")
    assert (before[:first] == after[:first], before[first] == after[first]) == (True, False)
    page.find("#unchange").click()
    assert page.pools()["daily"] == 0
    assert not page.find("#changed").is_displayed()


def test_a_divergence_is_explained_by_another_answer(page: Page) -> None:
    page.load(wrong())
    page.find("[data-ask=explain]").click()
    assert page.text(".explained") == "No single other answer makes the log right up to here."
    job = {"event": "generate", "job": "j1", "cost": 24, "media": "image", "origin": "first_party"}
    job |= {"observed": {"balances": {"daily": 150, "fast": 24_976}}}
    page.load(
        [
            {"account": "ann", "at": 10**12} | it
            for it in ({"event": "open_account"}, {"event": "subscribe", "plan": "premium"}, job)
        ]
    )
    page.find("[data-ask=explain]").click()
    assert page.text(".explained li").startswith("daily position: daily tokens pay when everything else is gone.")
    page.find(".explained button").click()
    assert page.pools()["fast"] == 24_976
    assert (page.all(".divergence"), page.find("#divergence").is_displayed()) == ([], False)


def test_a_history_is_shared_by_link(page: Page, written: Path) -> None:
    page.load(wrong())
    page.run("explorer.choose({...explorer.policy, stranded_remainder: 'relax'}); explorer.goTo(7)")
    page.browser.execute_async_script("explorer.share().then(arguments[0])")
    before = page.run("return [explorer.run.records, explorer.run.policy, explorer.turn, location.hash]")
    page.open(written, before[3])
    assert page.text("#place") == "7 of 21"
    assert page.run("return [explorer.run.records, explorer.run.policy, explorer.turn, location.hash]") == before
    for broken in (before[3][:40], "#j=eyJyZWNvcmRzIjo1fQ", "#p=####"):
        page.open(written, broken)
        assert page.text("#message").startswith("The link cannot be read")
        assert page.text("#place") == "0 of 0"


def test_what_a_log_holds_is_text_and_bad_records_are_named(page: Page) -> None:
    hostile = "<img src=x onerror=explorer=null>"
    good: dict[str, Any] = {"account": hostile, "at": 10**12, "event": "open_account"}
    job = good | {"at": 10**12 + 5, "event": "generate", "job": hostile, "cost": 1, "media": "image", "origin": "first_party"}
    strangers: list[dict[str, Any]] = [
        {"account": "x", "at": 10**12, "event": "vanish"},
        {"account": "x", "at": "noon", "event": "cancel"},
    ]
    bad = [job | change for change in ({"at": 10**12 - 1}, {"cost": 1.5}, {"media": "sound"}, {"job": None})] + strangers
    page.load([good, job, *bad])
    assert page.all("img") == []
    assert hostile in page.text("#outcome")
    told = page.text("#message")
    assert "6 bad records were left out" in told
    named = ["line 3: at: time never goes back", "line 4: cost: it is a whole number", "line 5: media: it is one of image, video",
             "line 6: job: it is required", "line 7: event: there is no such event"]  # fmt: skip
    assert [each for each in named if each not in told] == []


OBSERVED: dict[str, tuple[str, str]] = {
    "a misspelt field": ('{"outcme":"accepted"}', "observed.outcme: there is no such field of an answer"),
    "a misspelt pool": ('{"balances":{"Daily":150}}', "observed.balances.Daily: there is no such pool"),
    "a text for a number": ('{"balances":{"daily":"150"}}', "observed.balances.daily: it is a whole number"),
    "a fraction": ('{"balances":{"daily":150.0}}', "observed.balances.daily: it is a whole number"),
    "an exponent": ('{"total":1e2}', "observed.total: it is a whole number"),
    "a word of one's own": ('{"outcome":"ok"}', "observed.outcome: it is one of accepted, refused"),
    "another status": ('{"status":"trial"}', "observed.status: it is one of"),
    "seconds": ('{"next_daily_reset_at":1784106000}', "observed.next_daily_reset_at: it is RFC 3339"),
    "no offset that there is": ('{"next_daily_reset_at":"2026-07-16T00:00:00+99:99"}', "observed.next_daily_reset_at: it is"),
    "a text for a list": ('{"relaxed":"image"}', "observed.relaxed: it is a list"),
    "a medium that is none": ('{"relaxed":["sound"]}', "observed.relaxed: it is one of"),
    "a number for true": ('{"duplicate":1}', "observed.duplicate: it is true or false"),
    "no object": ('"accepted"', "observed: it is an object"),
}


@pytest.mark.parametrize("kind", OBSERVED)
def test_what_is_observed_in_another_form_is_a_bad_record_as_it_is_for_replay(page: Page, kind: str, tmp_path: Path) -> None:
    observed, says = OBSERVED[kind]
    line = f'{{"account":"ada","at":"2026-07-15T09:00:00Z","event":"open_account","observed":{observed}}}\n'
    page.run("explorer.openText(arguments[0], 'some.jsonl')", line)
    told = page.text("#message")
    assert (f"line 1: {says}" in told, "nothing of it is compared" in told, page.text("#place")) == (True, True, "1 of 1")
    (tmp_path / "some.jsonl").write_text(line)
    done = tokenspec("replay", tmp_path / "some.jsonl")
    assert (done.code, says.split(": ")[0] in done.out) == (65, True)


def test_a_name_twice_is_bad_wherever_it_stands_and_what_is_right_is_no_fault(page: Page) -> None:
    opened = '{"account":"ada","at":"2026-07-15T11:00:00+02:00","event":"open_account","observed":%s}'
    twice = opened % '{"balances":{"daily":1,"daily":150}}'
    right = opened % ('{"total":150,"delta":150,"relaxed":null,"reason":null,"charge":null,"duplicate":false,"plan":"free",'
                      '"next_daily_reset_at":"2026-07-16T02:00:00+02:00","balances":{"daily":150,"fast":null}}')  # fmt: skip
    page.run("explorer.openText(arguments[0], 'some.jsonl')", twice)
    assert "line 1: observed.balances.daily: it stands twice in one object" in page.text("#message")
    page.run("explorer.openText(arguments[0], 'some.jsonl')", right)
    assert "bad record" not in page.text("#message")
    assert page.run("return explorer.run.firstDivergence") is None
    for wrong in ('{"total":151}', '{"delta":0}', '{"relaxed":["image"]}'):
        page.run("explorer.openText(arguments[0], 'some.jsonl')", opened % wrong)
        assert page.run("return explorer.run.firstDivergence") == 0, wrong


def test_a_claim_that_breaks_turns_red(page: Page) -> None:
    page.press("open_account")
    page.run("explorer.machines.account.broken = () => ({state: {claim: 'conservation', part: 'each_pool'}, step: null})")
    page.press("subscribe")
    assert page.text("#held") == f"{watched(page) - 1} of {watched(page)} hold"
    assert [row.get_attribute("data-claim") for row in page.all("#claims .broken")] == ["conservation"]
    page.find("#back").click()
    assert page.text("#held") == f"all {watched(page)} hold"


def test_ten_thousand_events_are_stepped_through(page: Page) -> None:
    page.load(many(10_000))
    answers = json.loads(page.run(ANSWERS))
    oracle = Oracle()
    assert answers == [oracle.apply(record).as_dict() for record in many(10_000)]
    assert page.text("#place") == "10,000 of 10,000".replace(",", "")
    assert len(page.all(".row")) < 40
    page.run("""
        for (let left = 100; left; left -= 1) {
            document.getElementById(left > 50 ? "back" : "forward").click();
        }
    """)
    # Fifty steps back and as many forward; how long they take says how busy the machine is.
    assert page.text("#place") == "10000 of 10000"
    for position in (5_000, 4_801, 4_800, 17, 9_999):
        page.run("explorer.goTo(arguments[0])", position)
        assert page.pools() == answers[position - 1]["balances"]


@pytest.mark.parametrize("width", [360, 390])
def test_on_a_phone_buttons_come_before_tables_and_a_pool_s_name_takes_one_line(page: Page, width: int) -> None:
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                 {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": True})  # fmt: skip
    try:
        page.press("open_account")
        page.press("subscribe", plan="premium")
        page.press("generate", cost="200", media="image")
        assert page.run("return document.documentElement.scrollWidth") == width
        tops = page.run("return arguments[0].map((id) => document.getElementById(id).getBoundingClientRect().top)",
                        ["events", "pools", "clocks", "plot", "history"])  # fmt: skip
        assert tops == sorted(tops)
        lines = page.run("""
            const lines = (range) => new Set(Array.from(range.getClientRects(), (box) => Math.round(box.bottom))).size;
            return Array.from(document.querySelectorAll(".pool .name > *"), (part) => {
              const range = document.createRange();
              range.selectNodeContents(part);
              return [part.textContent, lines(range)];
            });
        """)
        assert len(lines) == 2 * len(page.pools())
        assert [part for part, count in lines if count != 1] == []
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_is_legible_on_a_phone_light_and_dark(page: Page) -> None:
    page.load(wrong())
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                 {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True})  # fmt: skip
    try:
        assert page.run("return document.documentElement.scrollWidth") == 390
        grounds = []
        for scheme in ("light", "dark"):
            wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
            grounds.append(page.find("body").value_of_css_property("background-color"))
        assert grounds == ["rgba(255, 255, 255, 1)", "rgba(13, 17, 23, 1)"]
        assert len(base64.b64decode(page.browser.get_screenshot_as_base64())) > 20_000
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_plans_and_packs_are_those_of_the_catalogue(page: Page, tmp_path: Path) -> None:
    figures, path = EXAMPLES / "catalogue.toml", tmp_path / "page.html"
    plans = tomllib.loads(figures.read_text())["ranking"]
    assert tokenspec("explore", "--catalogue", figures, "-o", path, "-q").code == 0
    page.open(path)
    page.press("open_account")
    page.press("subscribe")
    assert page.text("[data-variable=plan]") == plans[1]


def test_a_log_named_on_the_command_line_is_in_the_page(page: Page, tmp_path: Path) -> None:
    log, path = tmp_path / "wallet.jsonl", tmp_path / "page.html"
    log.write_text("".join(json.dumps(record) + "\n" for record in wrong()))
    done = tokenspec("explore", log, "-o", path, "--policy", "lapse_bank=frozen")
    assert (done.code, done.err) == (0, f"written: {path}\n")
    page.open(path)
    assert page.text("#place") == "10 of 21"
    assert page.find("[data-policy=lapse_bank] :checked").get_attribute("value") == "frozen"
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    assert page.find("h1").find_element(By.XPATH, "..").tag_name == "header"

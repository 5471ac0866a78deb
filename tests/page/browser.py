"""A browser without a window, and what is asked of the page in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from processes import PATIENCE_S
from programs import path_of

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900")


def started() -> webdriver.Chrome:
    """Debian's Chromium, or Chrome. Raises what `path_of` does without it or its driver."""
    options = webdriver.ChromeOptions()
    options.binary_location, driver = path_of("chromium", "chromium-browser", "google-chrome"), path_of("chromedriver")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in FLAGS:
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


class Page:
    """The explorer in a browser."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def open(self, path: Path, fragment: str = "") -> None:
        self.browser.get("about:blank")
        self.browser.get(f"{path.as_uri()}{fragment}")
        WebDriverWait(self.browser, PATIENCE_S, 0.02).until(lambda _: self.run("return document.documentElement.dataset.ready"))

    def run(self, script: str, *values: Any) -> Any:
        """What a script within the page returns; `explorer` is there."""
        return self.browser.execute_script(script, *values)

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def load(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Opens a log, as the button does once a file is chosen."""
        self.run("explorer.openText(arguments[0], 'some.jsonl')", "".join(json.dumps(record) + "\n" for record in records))

    def press(self, event: str, **fields: str) -> None:
        """Presses an event; where it needs something, fills its form in and sends it."""
        button = self.find(f"[data-event={event}]")
        self.run("arguments[0].scrollIntoView({block: 'center'})", button)
        if button.get_attribute("aria-expanded") != "true":
            button.click()
        if button.get_attribute("aria-expanded") is not None:
            form = self.run("return arguments[0].nextElementSibling", button)
            for label in form.find_elements(By.TAG_NAME, "label"):
                value = fields.get(label.find_element(By.TAG_NAME, "span").text.split("\n")[0])
                if value is not None:
                    self.write(label.find_element(By.CSS_SELECTOR, "input, select"), value)
            self.run("arguments[0].scrollIntoView({block: 'center'})", form)
            form.find_element(By.CSS_SELECTOR, ".go").click()

    def write(self, element: WebElement, value: str) -> None:
        if element.tag_name == "select":
            element.find_element(By.CSS_SELECTOR, f"option[value='{value}']").click()
        else:
            element.clear()
            element.send_keys(value)

    def pools(self) -> dict[str, int]:
        """What the page shows each pool to hold."""
        shown = self.all("[data-pool]")
        return {str(pool.get_attribute("data-pool")): int(pool.text.replace(",", "")) for pool in shown}

    def complaints(self) -> list[Any]:
        """What the browser's console has heard since it was last asked."""
        heard: list[Any] = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return heard

"""A real Chromium, one for all journeys; each journey has a context of its own. No Chromium fails in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import Stack

expect.set_options(timeout=15_000)


def chromium() -> str | None:
    """The browser that the launcher found, or one on the PATH."""
    return os.environ.get("GATEHOUSE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        reason = "There is no Chromium: apt-get install chromium, or set GATEHOUSE_CHROMIUM."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


class Visitor:
    """A person at the portal: logs in, and collects what the browser's console complains of."""

    def __init__(self, browser: Browser, stack: Stack) -> None:
        self.context = browser.new_context(accept_downloads=True, viewport={"width": 1280, "height": 900})
        self.stack = stack
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        # A refused act answers with its status, which Chromium reports as a failed resource.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.stack.url}{path}")
        return self.page

    def log_in(self, username: str) -> Page:
        page = self.go("/accounts/login/")
        page.fill("[name=login]", username)
        page.fill("[name=password]", self.stack.password())
        page.click("main form button")
        page.wait_for_url(f"{self.stack.url}/")
        return page


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[Visitor]:
    found = Visitor(browser, stack)
    yield found
    found.context.close()
    assert found.complaints == []

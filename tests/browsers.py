"""A real browser, and a person before it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 60_000
"""For a machine that does much else; most waits take a tenth of a second."""


@contextmanager
def a_browser() -> Iterator[Any]:
    """Chromium without a window; the caller has seen to it that Playwright is there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Viewer:
    """A browser window on the page, which notes what must not happen."""

    def __init__(self, browser: Any, url: str, **window: Any) -> None:
        from playwright.sync_api import expect

        expect.set_options(timeout=PATIENCE_MS)
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **window})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self._note(message))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url, timeout=PATIENCE_MS)
        self.expect = expect
        self.rows = self.page.locator("[data-testid=episode-row]")
        self.detail = self.page.locator("[data-testid=detail]")

    def _note(self, message: Any) -> None:
        if message.type != "error":
            return
        if "/live/around" not in message.location["url"]:  # these trades lie on no topic
            self.said.append(message.text)

    def choose(self, episode_id: str) -> None:
        self.page.locator(f'[data-episode-id="{episode_id}"][data-testid=episode-row]').click()
        self.shows(episode_id)

    def shows(self, episode_id: str) -> None:
        self.expect(self.detail).to_have_attribute("data-episode-id", episode_id)

    def decision(self, text: str) -> None:
        found = self.page.locator("[data-testid=review-state]")
        self.expect(found).to_contain_text(text)

    def top(self) -> str:
        """The first row that is wholly on the screen."""
        return str(
            self.page.locator("#table").evaluate(
                "t => [...t.querySelectorAll('.cell')].map(c => [c.getBoundingClientRect().top - "
                "t.getBoundingClientRect().top, c.dataset.episodeId]).filter(c => c[0] >= -1)"
                ".sort((a, b) => a[0] - b[0])[0][1]"
            )
        )

"""Somebody's own browser, which can be closed and started again, and what people do in it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Playwright, expect

from tests.browser import FLAGS, be_patient, chromium_path
from tests.e2e.test_pages import go_to_end

SHOTS = os.environ.get("INTERLINK_SCREENSHOTS")
TEXT = "#editor [contenteditable=true]"


class Desk:
    """A person's browser, which keeps what it stored when it is closed."""

    def __init__(self, playwright: Playwright, folder: Path, url: str) -> None:
        self._playwright = playwright
        self._folder = folder
        self.url = url
        self.complaints: list[str] = []
        self.context = self._open()

    def _open(self) -> BrowserContext:
        context = self._playwright.chromium.launch_persistent_context(
            str(self._folder),
            executable_path=chromium_path(),
            args=FLAGS,
            base_url=self.url,
            locale="en",
            viewport={"width": 1280, "height": 900},
        )
        be_patient(context)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        return context

    def _note(self, message: ConsoleMessage) -> None:
        expected = (  # what a browser says when a test took its network away
            "Failed to load resource",
            "WebSocket connection to",
            "error occurred when fetching the script",
        )
        if message.type == "error" and not any(words in message.text for words in expected):
            self.complaints.append(message.text)

    def restart(self) -> None:
        """Close the browser, and start it again."""
        self.context.close()
        self.context = self._open()


def enter(context: BrowserContext, url: str, name: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name=name).click()
    expect(page.locator("[data-person] main h1")).to_be_visible()
    return page


def open_document(page: Page) -> str:
    """Open the first document of one's first process; returns its path."""
    process = page.locator(".card-link a").first.get_attribute("href")
    page.goto(f"{process}/plan")
    page.locator(".files a[href^='/documents']").first.click()
    expect(page.locator(TEXT)).to_be_visible()
    state(page, "saved")
    return re.sub(r"^https?://[^/]+", "", page.url)


def state(page: Page, wanted: str, timeout: float = 60_000) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-state", wanted, timeout=timeout)


def write(page: Page, text: str) -> None:
    """Below the last words."""
    page.locator(TEXT).focus()
    go_to_end(page)
    page.keyboard.press("Enter")
    page.keyboard.type(text)


def kept(page: Page) -> None:
    """Wait until this browser has everything to open the page without a network."""
    until(page, lambda: bool(page.evaluate(_KEPT)))  # `wait_for_function` would take the promise for a yes


_KEPT = """async () => {
    const registered = await navigator.serviceWorker.getRegistration('/documents/')
    if (!registered?.active) return false
    if (!await caches.match('/person', { cacheName: 'interlink-person' })) return false
    const files = performance.getEntriesByType('resource').map(entry => new URL(entry.name).pathname)
    const needed = [location.pathname, ...files.filter(file => file.startsWith('/static/assets/'))]
    for (const name of await caches.keys()) {
        if (!name.endsWith(location.pathname.slice(11))) continue
        const kept = (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)
        return needed.every(file => kept.includes(file))
    }
    return false
}"""


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until something holds that the page cannot be asked."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        page.wait_for_timeout(100)


def answering_no(page: Page) -> list[Dialog]:
    """What the page asks next; the answer is no."""
    asked: list[Dialog] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog)
        dialog.dismiss()

    page.once("dialog", answer)
    return asked


def shoot(page: Page, name: str) -> None:
    """Pictures for human eyes, wide and narrow, when somebody wants them."""
    if SHOTS:
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{SHOTS}/{name}-{width}.png")
        page.set_viewport_size({"width": 1280, "height": 900})


def holds(page: Page, path: str) -> bool:
    """Whether the browser keeps anything of a document."""
    id = path.rpartition("/")[2]
    names = page.evaluate(
        "async () => [...await caches.keys(), ...(await indexedDB.databases()).map(found => found.name)]"
    )
    return any(name.endswith(id) for name in names)


def said(page: Page) -> str:
    """The text without carets."""
    return str(
        page.locator(TEXT).evaluate(
            """text => { const copy = text.cloneNode(true)
            copy.querySelectorAll('.caret').forEach(caret => caret.remove()); return copy.innerText }"""
        )
    )

"""Writing without a network, without websockets, and after the browser was closed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.browser import FLAGS, chromium_path
from tests.e2e.test_pages import violations
from tests.relay import Relay, relay
from tests.serving import ServerProcess, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHOTS = os.environ.get("INTERLINK_SCREENSHOTS")
TEXT = "#editor [contenteditable=true]"
TITLE = "Convocatoria"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served(tmp_path_factory.mktemp("offline"), "--seed") as running:
        yield running


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    chromium_path()
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    yield running
    running.close()


@pytest.fixture
def line(server: ServerProcess) -> Iterator[Relay]:
    """One person's own line to the server."""
    with relay(server.port) as made:
        yield made


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
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        return context

    def _note(self, message: ConsoleMessage) -> None:
        expected = ("Failed to load resource", "WebSocket connection to")
        if message.type == "error" and not any(words in message.text for words in expected):
            self.complaints.append(message.text)

    def restart(self) -> None:
        """Close the browser, and start it again."""
        self.context.close()
        self.context = self._open()


@pytest.fixture
def desk(playwright: Playwright, tmp_path: Path) -> Iterator[Callable[[str], Desk]]:
    desks: list[Desk] = []

    def make(url: str) -> Desk:
        desks.append(Desk(playwright, tmp_path / f"desk{len(desks)}", url))
        return desks[-1]

    yield make
    for made in desks:
        made.context.close()
        assert made.complaints == []


def enter(context: BrowserContext, url: str, name: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name=name).click()
    expect(page.locator("main h1")).to_be_visible()
    return page


def open_document(page: Page) -> str:
    """Open the first document of one's first process; returns its path."""
    process = page.locator(".card-link a").first.get_attribute("href")
    page.goto(f"{process}/plan")
    page.locator(".files a[href^='/documents']").first.click()
    expect(page.locator(TEXT)).to_be_visible()
    state(page, "saved")
    return re.sub(r"^https?://[^/]+", "", page.url)


def state(page: Page, wanted: str, timeout: float = 20_000) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-state", wanted, timeout=timeout)


def write(page: Page, text: str) -> None:
    """Below the last words."""
    page.locator(f"{TEXT} > *").last.click()
    page.keyboard.press("Control+End")
    page.keyboard.press("Enter")
    page.keyboard.type(text)


def kept(page: Page) -> None:
    """Wait until this browser has everything to open the page without a network."""
    page.wait_for_function(
        """async () => {
            const registered = await navigator.serviceWorker.getRegistration('/documents/')
            if (!registered?.active) return false
            for (const name of await caches.keys())
                if (name.endsWith(location.pathname.slice(11)))
                    return (await (await caches.open(name)).keys()).length > 4
            return false
        }"""
    )


def shoot(page: Page, name: str) -> None:
    """Pictures for human eyes, wide and narrow, when somebody wants them."""
    if SHOTS:
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{SHOTS}/{name}-{width}.png")
        page.set_viewport_size({"width": 1280, "height": 900})


def test_offline_the_browser_closed_and_back(
    server: ServerProcess, browser: Browser, desk: Callable[[str], Desk], line: Relay
) -> None:
    ana_desk = desk(line.url)
    ana = enter(ana_desk.context, line.url, "Ana García")
    path = open_document(ana)
    other = browser.new_context(base_url=server.url)
    diego = enter(other, server.url, "Diego Lahoz")
    diego.goto(path)
    write(diego, "Diego antes.")
    expect(ana.locator(TEXT)).to_contain_text("Diego antes.")
    state(ana, "saved")
    kept(ana)

    line.cut()
    state(ana, "reconnecting")
    shoot(ana, "reconnecting")
    write(ana, "Ana sin red.")
    state(ana, "device")
    shoot(ana, "device")
    assert violations(ana) == []
    write(diego, "Diego mientras tanto.")
    state(diego, "saved")

    ana_desk.restart()  # nobody asks: what is on the device is not lost
    ana = ana_desk.context.new_page()
    ana.goto(path)
    expect(ana.locator(TEXT)).to_contain_text("Ana sin red.")
    state(ana, "device")
    write(ana, "Ana reabre.")
    state(ana, "device")
    shoot(ana, "reopened")

    line.mend()
    state(ana, "saved", 30_000)
    expect(ana.locator("#returned-text")).to_contain_text("el texto cambió")
    shoot(ana, "returned")
    assert violations(ana) == []
    for text in ("Diego antes.", "Ana sin red.", "Diego mientras tanto.", "Ana reabre."):
        for page in (ana, diego):
            expect(page.locator(TEXT)).to_contain_text(text)
    assert said(ana) == said(diego)
    assert said(ana).count("Ana sin red.") == 1
    other.close()


def said(page: Page) -> str:
    """The text without carets."""
    return str(
        page.locator(TEXT).evaluate(
            """text => { const copy = text.cloneNode(true)
            copy.querySelectorAll('.caret').forEach(caret => caret.remove()); return copy.innerText }"""
        )
    )

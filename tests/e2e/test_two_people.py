"""From a bare start to two people in one document: the way of a newcomer, in two real browsers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import chromium
from tests.serving import ServerProcess, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHOTS = os.environ.get("INTERLINK_SCREENSHOTS")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with served(tmp_path, "--seed") as running:
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def enter(browser: Browser, server: ServerProcess, name: str) -> Page:
    """Sign in as somebody of the demo, in a browser of their own."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"{name}'s page: {error}"))
    page.goto(server.url)
    page.get_by_role("button", name=name).click()
    expect(page.locator("[data-person] h1")).to_be_visible()
    return page


def open_document(page: Page) -> None:
    """Dashboard, process, plan, document: by what is written on the links."""
    page.get_by_role("link", name="Pakalpojuma apraksts: dzīvesvietas deklarēšana").first.click()
    page.get_by_role("navigation").get_by_role("link", name="Plāns").first.click()
    page.get_by_role("link", name="Pakalpojuma apraksts", exact=True).first.click()
    expect(page.locator("#editor [contenteditable=true]")).to_be_visible()


def test_two_people_write_one_document_and_the_activity_names_both(
    server: ServerProcess, browser: Browser
) -> None:
    ilze, janis = enter(browser, server, "Ilze Bērziņa"), enter(browser, server, "Jānis Ozols")
    open_document(ilze)
    open_document(janis)
    text = "#editor [contenteditable=true]"

    add_paragraph(ilze, "Ilze raksta šo teikumu.")
    expect(janis.locator(text)).to_contain_text("Ilze raksta šo teikumu.")
    expect(janis.locator(".collaboration-carets__label, .caret-label").first).to_contain_text("Ilze Bērziņa")
    add_paragraph(janis, "Jānis atbild.")
    expect(ilze.locator(text)).to_contain_text("Jānis atbild.")
    expect(ilze.locator(".collaboration-carets__label, .caret-label").first).to_contain_text("Jānis Ozols")
    expect(ilze.locator("#presence")).to_contain_text("Jānis Ozols")
    for page in (ilze, janis):
        expect(page.locator("#save-text")).to_have_text("Saglabāts")
    shoot(ilze, "two-people")

    ilze.get_by_role("link", name="Pakalpojuma apraksts: dzīvesvietas deklarēšana").first.click()
    ilze.get_by_role("navigation").get_by_role("link", name="Notikumi").first.click()
    for name in ("Ilze Bērziņa", "Jānis Ozols"):
        edited = ilze.get_by_role("main").get_by_text(f"{name} rediģēja „Pakalpojuma apraksts”")
        expect_after_reload(ilze, edited.first)
    shoot(ilze, "activity")


def add_paragraph(page: Page, text: str) -> None:
    """Click behind the last words, and write below them."""
    page.locator("#editor [contenteditable=true] > *").last.click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type(text)


def expect_after_reload(page: Page, what: Locator) -> None:
    """Bursts are sealed a moment after their author pauses; a reader reloads until then."""
    deadline = time.monotonic() + 60
    while not what.count():
        assert time.monotonic() < deadline, "the edits were not sealed"
        page.wait_for_timeout(500)
        page.reload()
    expect(what).to_be_visible()


def shoot(page: Page, name: str) -> None:
    """A picture for human eyes, when somebody wants them."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)

"""What is on record of a process in a real browser: the slider by keyboard, filters, a phone, no scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import chromium
from tests.e2e.test_pages import enter, violations
from tests.serving import ServerProcess, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHOTS = os.environ.get("INTERLINK_SCREENSHOTS")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served(tmp_path_factory.mktemp("events"), "--seed") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def context(browser: Browser, server: ServerProcess, *, scripts: bool = True) -> BrowserContext:
    return browser.new_context(base_url=server.url, locale="en", java_script_enabled=scripts)


def open_record(page: Page) -> None:
    page.locator("main .card-link a").first.click()
    page.locator(".tabs a[href$='/events']").click()
    expect(page.locator(".record > li").first).to_be_visible()


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_the_slider_leads_by_keyboard_to_the_plan_as_it_was(server: ServerProcess, browser: Browser) -> None:
    page = enter(context(browser, server))
    open_record(page)
    slider = page.locator("#slider")
    expect(slider).to_be_visible()
    newest = page.locator("#record-at").input_value()
    slider.focus()
    page.keyboard.press("Home")
    first = page.locator("#record-at").input_value()
    assert int(first) < int(newest)
    expect(slider).to_have_attribute("aria-valuetext", page.locator("#slider-told").inner_text())
    page.keyboard.press("ArrowRight")
    page.locator("form:has(#slider) button").click()
    then = page.locator(".then")
    expect(then).to_be_visible()
    expect(then.locator(":scope > ul > li")).to_have_count(1)
    assert violations(page) == []
    shoot(page, "events-1280")
    page.set_viewport_size({"width": 320, "height": 800})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320
    assert violations(page) == []
    shoot(page, "events-320")


def test_without_scripts(server: ServerProcess, browser: Browser) -> None:
    page = enter(context(browser, server, scripts=False))
    open_record(page)
    expect(page.locator("#slider")).to_be_hidden()
    page.locator("#record-type").select_option("plan.*")
    page.locator(".filters button").click()
    expect(page).to_have_url(re.compile(r"type=plan\.\*|type=plan\.%2A"))
    expect(page.locator(".record code").first).to_be_visible()
    kinds = page.locator(".record code").all_inner_texts()
    assert kinds
    assert all(kind.startswith("plan.") for kind in kinds)
    page.locator("#record-at").fill("0")
    page.locator("form:has(#record-at) button").click()
    expect(page.locator(".then")).to_be_visible()
    expect(page.locator(".then ul")).to_have_count(0)
    assert page.locator("#record-type").input_value() == "plan.*"

"""A document's past in a real browser: the slider, whose changes these are, naming, bringing back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.web.locale import LANGUAGES
from tests.browser import chromium
from tests.e2e.test_pages import violations
from tests.e2e.test_two_people import add_paragraph, enter, open_document
from tests.serving import ServerProcess, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHOTS = os.environ.get("INTERLINK_SCREENSHOTS")
TEXT = "#editor [contenteditable=true]"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served(tmp_path_factory.mktemp("history"), "--seed", LIVE_SEAL_IDLE="0.5") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def bursts(page: Page, at_least: int) -> int:
    """Reload until so many bursts are in the log; returns the slider's last stop."""
    for _ in range(60):
        last = int(page.locator("#slider").get_attribute("max") or 0)
        if last >= at_least:
            return last
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError("the edits were not sealed")


def saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def shown(page: Page) -> Locator:
    return page.locator("#shown")


def test_two_people_look_back_and_bring_a_version_back(server: ServerProcess, browser: Browser) -> None:
    ilze, janis = enter(browser, server, "Ilze Bērziņa"), enter(browser, server, "Jānis Ozols")
    open_document(ilze)
    add_paragraph(ilze, "Ilze raksta šo teikumu.")
    saved(ilze)
    document = ilze.url
    ilze.goto(f"{document}/history")
    before = bursts(ilze, 2)

    # a version is named
    ilze.get_by_text("Nosaukt šo versiju").click()
    ilze.get_by_label("Versijas nosaukums").fill("Saskaņots")
    ilze.get_by_label("Kāpēc").fill("Pirms sūtīšanas pašvaldībai")
    ilze.get_by_role("button", name="Nosaukt", exact=True).click()
    expect(ilze.get_by_role("status").filter(has_text="Versijai tagad ir nosaukums")).to_be_visible()
    expect(ilze.locator(".versions")).to_contain_text("Pirms sūtīšanas pašvaldībai")
    expect(ilze.locator(".versions")).to_contain_text("Ilze Bērziņa")

    # somebody else changes the text
    open_document(janis)
    janis.locator(TEXT).get_by_text("Ilze raksta šo teikumu.").click()
    janis.keyboard.press("End")
    for _ in "teikumu.":
        janis.keyboard.press("Backspace")
    add_paragraph(janis, "Jānis raksta citu.")
    saved(janis)
    ilze.goto(f"{document}/history?show=changes")
    bursts(ilze, before + 1)
    expect(shown(ilze).locator("ins")).to_contain_text("Jānis raksta citu.")
    expect(shown(ilze).locator("ins .who").first).to_contain_text("Jānis Ozols")
    expect(shown(ilze).locator("del").first).to_contain_text("Jānis Ozols")
    expect(ilze.locator(".legend")).to_contain_text("Jānis Ozols")
    shoot(ilze, "history-changes")

    # who wrote what
    ilze.get_by_role("radio", name="Kurš ko rakstīja").check()
    expect(shown(ilze).locator(".written", has_text="Jānis raksta citu.")).to_contain_text("Jānis Ozols")
    expect(shown(ilze).locator(".written .who", has_text="Ilze Bērziņa").first).to_be_visible()
    shoot(ilze, "history-authors")

    # the slider, by keyboard alone
    ilze.get_by_role("radio", name="Teksts", exact=True).check()
    slider = ilze.get_by_role("slider")
    slider.focus()
    ilze.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "Tagad")
    ilze.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("Jānis Ozols"))
    ilze.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("Ilze Bērziņa.*“Saskaņots”"))
    expect(shown(ilze).locator(".past")).to_contain_text("Ilze raksta šo teikumu.")
    expect(shown(ilze).locator(".past")).not_to_contain_text("Jānis raksta citu.")
    assert re.search(r"[?&]at=\d+", ilze.url)
    expect(slider).to_be_focused()
    shoot(ilze, "history-slider")

    # bringing it back asks first, and reaches who has the document open
    ilze.get_by_text("Atjaunot šo tekstu").click()
    expect(ilze.get_by_text("Vēlāk rakstītais paliek vēsturē")).to_be_visible()
    ilze.get_by_role("button", name="Atjaunot", exact=True).click()
    expect(ilze.get_by_role("status").filter(has_text="Teksts ir atjaunots")).to_be_visible()
    expect(janis.locator(TEXT)).to_contain_text("Ilze raksta šo teikumu.")
    expect(janis.locator(TEXT)).not_to_contain_text("Jānis raksta citu.")
    add_paragraph(janis, "Jānis turpina.")
    saved(janis)
    expect(ilze.locator(".moments")).to_contain_text("atjaunoja versiju „Saskaņots”")
    ilze.goto(document)
    expect(ilze.locator(TEXT)).to_contain_text("Jānis turpina.")


@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_in_any_language(server: ServerProcess, browser: Browser, width: int) -> None:
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": width, "height": 800},
        color_scheme="dark" if width == 320 else "light",
    )
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Ilze Bērziņa").click()
    process = page.locator(".card-link a").first.get_attribute("href")
    page.goto(f"{process}/plan")
    document = page.locator(".files a[href^='/documents']").first.get_attribute("href")
    page.goto(f"{document}/history")
    bursts(page, 1)
    for code, query in zip(
        LANGUAGES, ("show=authors", "show=changes&since=0", "at=1", "show=changes"), strict=True
    ):
        page.goto("/profile")
        page.locator(f'footer button[value="{code}"]').click()
        expect(page.locator(f'html[lang="{code}"]')).to_be_attached()
        page.goto(f"{document}/history?{query}")
        expect(page.get_by_role("slider")).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach(panel => { panel.open = true })")
        assert violations(page) == [], (code, query)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (code, query)
        shoot(page, f"history-{code}-{width}")
    context.close()


def test_without_scripts_the_list_and_the_form_do_the_same(server: ServerProcess, browser: Browser) -> None:
    context = browser.new_context(base_url=server.url, java_script_enabled=False, locale="en")
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Lucia Conti").click()
    page.locator(".card-link a").first.click()
    page.goto(f"{page.url}/plan")
    page.locator(".files a[href^='/documents']").first.click()
    page.goto(f"{page.url}/history")
    for _ in range(60):
        if page.locator(".moments li").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(page.get_by_role("slider")).to_be_hidden()
    page.locator(".moments a").last.click()
    expect(shown(page).locator("ins").first).to_be_visible()
    page.locator("input[name=show][value=authors]").check()
    page.locator("#go button").click()
    expect(shown(page).locator(".written").first).to_be_visible()
    assert re.search(r"at=\d+&show=authors", page.url)
    context.close()

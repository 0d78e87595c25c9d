"""A document's past in a real browser: the slider, whose changes these are, naming, bringing back."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.web.locale import LANGUAGES
from tests.browser import chromium
from tests.e2e.test_pages import href, violations
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


def reload_until(page: Page, there: Callable[[], bool]) -> None:
    """Bursts get into the log a moment after their author pauses."""
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline, "the edits were not sealed"
        page.wait_for_timeout(250)
        page.reload()


def bursts(page: Page) -> int:
    """How many there are, by the slider's last stop."""
    return int(page.locator("#slider").get_attribute("max") or 0)


def newest(page: Page) -> str:
    """Where the last moment before now stands in the log."""
    return str(page.locator("#at option").nth(-2).get_attribute("value"))


def is_sealed(page: Page, words: str) -> bool:
    """Whether these words are in the log, and so is the burst of them on the page."""
    if bursts(page) == 0:
        return False
    content = re.sub(r"/documents/([^/]+)/.*", r"/api/v1/documents/\1/content", page.url)
    return words in page.request.get(content, params={"format": "text", "at": newest(page)}).text()


def back_to(page: Page, told: str) -> None:
    """Press the left arrow until the slider says this; who pauses while typing leaves several bursts."""
    slider = page.get_by_role("slider")
    for _ in range(bursts(page)):
        page.keyboard.press("ArrowLeft")
        if re.search(told, slider.get_attribute("aria-valuetext") or ""):
            return
    raise AssertionError(f"the slider never said {told!r}")


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
    reload_until(ilze, lambda: is_sealed(ilze, "Ilze raksta šo teikumu."))

    # a version is named
    ilze.get_by_text("Nosaukt šo versiju").click()
    ilze.get_by_label("Versijas nosaukums").fill("Saskaņots")
    ilze.get_by_label("Kāpēc").fill("Pirms sūtīšanas pašvaldībai")
    ilze.get_by_role("button", name="Nosaukt", exact=True).click()
    expect(ilze.get_by_role("status").filter(has_text="Versijai tagad ir nosaukums")).to_be_visible()
    expect(ilze.locator(".versions")).to_contain_text("Pirms sūtīšanas pašvaldībai")
    expect(ilze.locator(".versions")).to_contain_text("Ilze Bērziņa")

    agreed = newest(ilze)

    # somebody else changes the text
    open_document(janis)
    janis.locator(TEXT).get_by_text("Ilze raksta šo teikumu.").click()
    janis.keyboard.press("End")
    for _ in "teikumu.":
        janis.keyboard.press("Backspace")
    add_paragraph(janis, "Jānis raksta citu.")
    saved(janis)
    ilze.goto(f"{document}/history?show=changes&since={agreed}")
    reload_until(ilze, lambda: is_sealed(ilze, "Jānis raksta citu."))
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
    back_to(ilze, "Ilze Bērziņa.*“Saskaņots”")
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
    reload_until(page, lambda: bursts(page) > 0)
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
    page.goto(href(page, ".card-link a") + "/plan")
    page.goto(href(page, ".files a[href^='/documents']") + "/history")
    reload_until(page, lambda: page.locator(".moments li").count() > 0)
    expect(page.get_by_role("slider")).to_be_hidden()
    page.locator(".moments a").last.click()
    expect(shown(page).locator("ins").first).to_be_visible()
    page.locator("input[name=show][value=authors]").check()
    page.locator("#go button").click()
    expect(shown(page).locator(".written").first).to_be_visible()
    assert re.search(r"at=\d+&show=authors", page.url)
    context.close()

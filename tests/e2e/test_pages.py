"""Pages in a real browser: accessible, usable by keyboard, without scripts and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from app.web.bundle import DIST
from app.web.locale import LANGUAGES
from tests.browser import chromium
from tests.serving import ServerProcess, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

AXE = (DIST.parent / "node_modules" / "axe-core" / "axe.min.js").read_text()
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
TEXT = "#editor [contenteditable=true]"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served(tmp_path_factory.mktemp("pages"), "--seed") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser, server: ServerProcess) -> Iterator[BrowserContext]:
    found = browser.new_context(base_url=server.url, locale="en")
    yield found
    found.close()


_complaints: list[str] = []


@pytest.fixture(autouse=True)
def no_complaints() -> Iterator[None]:
    """Script errors and violations of the content policy fail the test that met them."""
    _complaints.clear()
    yield
    assert _complaints == []


def enter(context: BrowserContext, name: str = "Ilze Bērziņa") -> Page:
    """Sign in as somebody of the demo, and note whatever the browser complains of."""
    page = context.new_page()
    page.on("pageerror", lambda error: _complaints.append(str(error)))
    page.on("console", note)
    page.goto("/")
    page.get_by_role("button", name=name).click()
    expect(page.locator("[data-person] main h1")).to_be_visible()
    return page


def note(message: ConsoleMessage) -> None:
    """Errors count, but not that a page or the network is not there when a test took it away."""
    expected = ("status of 404", "status of 422", "ERR_INTERNET_DISCONNECTED")
    if message.type == "error" and not any(words in message.text for words in expected):
        _complaints.append(message.text)


def speak(page: Page, code: str) -> None:
    page.goto("/profile")
    page.locator(f'footer button[value="{code}"]').click()
    expect(page.locator(f'html[lang="{code}"]')).to_be_attached()


def paths(page: Page) -> list[str]:
    """One of every page, by its address."""
    page.goto("/")
    process = href(page, ".card-link a")
    page.goto(f"{process}/plan")
    task, document = href(page, ".task-title a"), href(page, ".files a[href^='/documents']")
    page.goto(f"{process}/events")
    event = href(page, ".record .facts a")
    tabs = [process, *(f"{process}/{tab}" for tab in ("plan", "activity", "events", "people", "edit"))]
    return [
        *("/", "/processes/new", "/profile", "/privacy", "/accessibility", "/nowhere"),
        *("/integrations", "/integrations/tokens", "/integrations/new/webhook"),
        *tabs,
        event,
        task,
        document,
        f"{document}/history",
    ]


def href(page: Page, selector: str) -> str:
    found = page.locator(selector).first.get_attribute("href")
    assert found
    return found


def go(page: Page, path: str) -> None:
    """Open a page and wait until it is as it stays."""
    page.goto(path)
    if re.fullmatch(r"/documents/[^/]+", path):
        expect(page.locator("#editor [role=textbox]")).to_be_visible()
        expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")
    page.evaluate("document.querySelectorAll('details').forEach(panel => { panel.open = true })")


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong, with the elements."""
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [f"{v['id']}: {[node['html'][:200] for node in v['nodes']]}" for v in found]


@pytest.mark.parametrize("code", LANGUAGES)
def test_axe_finds_nothing_on_any_page(context: BrowserContext, code: str) -> None:
    page = enter(context)
    all_paths = paths(page)
    speak(page, code)
    for path in all_paths:
        go(page, path)
        assert violations(page) == [], path
    context.clear_cookies()
    page.goto(f"/sign-in?lang={code}")
    assert violations(page) == []


def test_axe_finds_nothing_in_the_dark_on_a_phone_and_nothing_scrolls_sideways(
    browser: Browser, server: ServerProcess
) -> None:
    context = browser.new_context(
        base_url=server.url, color_scheme="dark", viewport={"width": 320, "height": 640}
    )
    page = enter(context)
    for path in paths(page):
        go(page, path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    context.close()


def test_targets_are_large_enough(context: BrowserContext) -> None:
    """24 by 24 CSS pixels (WCAG 2.2, 2.5.8); links inside sentences are exempt."""
    page = enter(context)
    for path in paths(page):
        go(page, path)
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, select, summary, input:not([type=hidden])')]
                .filter(e => e.checkVisibility())
                .map(e => [e.outerHTML.slice(0, 120), (e.closest('label') ?? e).getBoundingClientRect()])
                .filter(([_, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"""
        )
        assert small == [], path


def open_document(page: Page, number: int = 0) -> None:
    page.goto("/")
    page.goto(href(page, ".card-link a") + "/plan")
    page.locator(".files a[href^='/documents']").nth(number).click()
    expect(page.locator(TEXT)).to_be_visible()


def go_to_end(page: Page) -> None:
    """Put the cursor behind the last character; ProseMirror sets its own a moment after focus."""
    at_end = """() => new Promise(told => setTimeout(() => {
        const at = getSelection(), last = document.querySelector('.ProseMirror').lastElementChild
        told(last.contains(at.focusNode))
    }, 50))"""
    for _ in range(20):
        page.keyboard.press("Control+End")
        if page.evaluate(at_end):
            return
    pytest.fail("the cursor does not reach the end")


def test_the_editor_by_keyboard_alone(context: BrowserContext) -> None:
    page = enter(context)
    open_document(page)
    text, toolbar = page.locator(TEXT), page.get_by_role("toolbar")
    for _ in range(40):
        page.keyboard.press("Tab")
        if text.evaluate("e => e === document.activeElement"):
            break
    expect(text).to_be_focused()
    go_to_end(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")

    page.keyboard.press("Escape")
    expect(toolbar.locator("[data-command=heading1]")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(toolbar.locator("[data-command=redo]")).to_be_focused()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    bold = toolbar.locator("[data-command=bold]")
    expect(bold).to_be_focused()
    assert toolbar.locator("button[tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    expect(text).to_be_focused()
    expect(bold).to_have_attribute("aria-pressed", "true")
    page.keyboard.type("loud words")
    expect(text.locator("strong", has_text="loud words")).to_be_visible()

    page.keyboard.press("Escape")
    expect(bold).to_be_focused()
    page.keyboard.press("Escape")
    expect(text).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(bold).to_be_focused()
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")


def test_links_and_tables(context: BrowserContext) -> None:
    page = enter(context, "Lucia Conti")
    open_document(page)
    text = page.locator(TEXT)
    text.focus()
    go_to_end(page)
    page.keyboard.press("Enter")
    page.locator("[data-command=link]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("javascript:alert(1)")
    dialog.get_by_role("button").first.click()
    expect(dialog).to_be_visible()
    dialog.get_by_role("textbox").fill("example.org/norma")
    dialog.get_by_role("button").first.click()
    expect(text.locator("a[href='https://example.org/norma']")).to_be_visible()
    go_to_end(page)
    page.keyboard.press("Enter")
    page.locator("[data-command=table]").click()
    expect(text.locator("th")).to_have_count(3)
    page.locator("[data-command=addRow]").click()
    expect(text.locator("tr")).to_have_count(4)
    page.locator("[data-command=deleteTable]").click()
    expect(text.locator("table")).to_have_count(0)
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")


def test_away_from_the_network_and_back(context: BrowserContext, server: ServerProcess) -> None:
    page = enter(context, "Ana García")
    open_document(page)
    text, state = page.locator(TEXT), page.locator("#save-state")
    expect(state).to_have_attribute("data-state", "saved")
    context.set_offline(True)
    expect(state).to_have_attribute("data-state", "reconnecting")
    expect(page.locator("#save-text")).to_contain_text("puedes seguir escribiendo")
    text.focus()
    go_to_end(page)
    page.keyboard.type(" escrito sin red")
    expect(state).to_have_attribute("data-state", "device")
    expect(page.locator("#save-told")).to_contain_text("Guardado en este dispositivo")
    context.set_offline(False)
    expect(state).to_have_attribute("data-state", "saved")
    page.reload()
    expect(text).to_contain_text("escrito sin red")


def test_who_loses_the_right_keeps_the_text_and_is_told(browser: Browser, server: ServerProcess) -> None:
    diego, ana = (browser.new_context(base_url=server.url) for _ in range(2))
    reader, boss = enter(diego, "Diego Lahoz"), enter(ana, "Ana García")
    open_document(reader)
    boss.goto("/")
    boss.goto(href(boss, ".card-link a") + "/people")
    boss.locator(".members > li", has_text="Diego Lahoz").get_by_role("button").click()
    refused = reader.locator("#refused")
    expect(refused).to_contain_text("Ya no puedes editar ni ver este documento")
    expect(reader.locator("#editor [contenteditable=false]")).to_contain_text("Convocatoria")
    expect(reader.locator("#save-state")).to_be_hidden()
    reader.reload()
    expect(reader.locator("h1")).to_have_text("Aquí no hay nada")
    for context in (diego, ana):
        context.close()


def test_plain_text_is_written_by_two(browser: Browser, server: ServerProcess) -> None:
    contexts = [browser.new_context(base_url=server.url) for _ in range(2)]
    lucia, marco = enter(contexts[0], "Lucia Conti"), enter(contexts[1], "Marco Ferri")
    lucia.goto(href(lucia, ".card-link a") + "/plan")
    lucia.goto(href(lucia, ".task-title a"))
    lucia.get_by_text("Aggiungi un documento").click()
    form = lucia.locator("form[action$='/assets/document']")
    form.get_by_label("Titolo").fill("Appunti")
    form.get_by_label("Tipo").select_option("text")
    form.get_by_role("button").click()
    text = "#editor .cm-content"
    expect(lucia.locator(text)).to_be_visible()
    marco.goto(lucia.url)
    lucia.locator(text).click()
    lucia.keyboard.type("uno\ndue")
    expect(marco.locator(text)).to_contain_text("due")
    marco.locator(text).press("Control+End")
    marco.keyboard.type(" tre")
    expect(lucia.locator(".cm-line").last).to_contain_text("due tre")
    expect(lucia.locator(".caret-label")).to_have_text("Marco Ferri")
    for _ in "uno\ndue":  # it is undone at once, unless this machine stood still while she typed
        lucia.locator(text).press("Control+z")
    expect(marco.locator(text)).to_have_text(re.compile("tre$"))
    expect(marco.locator(text)).not_to_contain_text("uno")
    for page in (lucia, marco):
        expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")
        assert violations(page) == []
        page.locator(text).press("Escape")
        expect(page.locator("[data-command=undo]")).to_be_focused()
    for context in contexts:
        context.close()


def test_without_scripts_pages_are_read_and_the_plan_is_changed(
    browser: Browser, server: ServerProcess
) -> None:
    context = browser.new_context(base_url=server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Jānis Ozols").click()
    page.goto(href(page, ".card-link a") + "/plan")
    expect(page.locator(".task-title").first).to_be_visible()
    page.locator(".files a[href^='/documents']").first.click()
    expect(page.locator("#reading h2")).to_have_text("Ieinteresēto pušu karte")
    expect(page.locator(".note.info")).to_contain_text("skriptus")
    context.clear_cookies()
    page.goto("/")
    page.get_by_role("button", name="Ilze Bērziņa").click()
    page.goto(href(page, ".card-link a") + "/plan")
    page.locator("main > .card summary").click()
    form = page.locator("main > .card form")
    form.locator("input[name=title]").fill("Bez skriptiem")
    form.get_by_role("button").click()
    expect(page.get_by_role("link", name="Bez skriptiem")).to_be_visible()
    context.close()


def test_errors_take_the_focus_and_lead_to_their_field(context: BrowserContext) -> None:
    page = enter(context)
    page.goto("/processes/new")
    page.locator("textarea").fill("kept")
    page.locator("main form button").click()
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(page.locator("textarea")).to_have_value("kept")
    summary.get_by_role("link").click()
    expect(page.locator("#start-title")).to_be_focused()
    assert violations(page) == []


def test_typed_text_is_not_left_without_asking(context: BrowserContext) -> None:
    page = enter(context)
    page.goto("/processes/new")
    page.locator("#start-title").press_sequentially("half a")
    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog", timeout=60_000) as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    expect(page.locator("#start-title")).to_have_value("half a")


def test_pages_print_without_their_controls(context: BrowserContext, tmp_path: Path) -> None:
    page = enter(context)
    page.goto(href(page, ".card-link a") + "/plan")
    page.emulate_media(media="print")
    for selector in ("header.bar", "footer", ".controls >> nth=0", ".skip"):
        expect(page.locator(selector)).to_be_hidden()
    expect(page.locator(".task-title").first).to_be_visible()

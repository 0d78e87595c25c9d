"""Files in a real browser: a Word file in, everybody sees it, other kinds out; a picture by keyboard."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.conversion.limits import ConversionLimits
from app.conversion.reading import File, Into, read
from app.conversion.writing import write
from app.web.bundle import DIST
from tests.app.conversion.documents import EVERYTHING, PICTURE, doc, par
from tests.browser import chromium
from tests.serving import ServerProcess, served
from tests.workspace import workspace

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHOTS = os.environ.get("INTERLINK_SCREENSHOTS")
AXE = (DIST.parent / "node_modules" / "axe-core" / "axe.min.js").read_text()
TEXT = "#editor [contenteditable=true]"
LIMITS = ConversionLimits()
INTO = Into("Text", "en")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with served(tmp_path) as running:
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def enter(browser: Browser, server: ServerProcess, author: int, document: str) -> Page:
    """Open the document as one of its authors."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=server.url, locale="en")
    body = {"email": f"author{author}@example.org", "name": f"Author {author}"}
    assert context.request.post("/auth/demo", data=body).ok
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"author {author}'s page: {error}"))
    page.goto(f"/documents/{document}")
    expect(page.locator(TEXT)).to_be_visible()
    return page


def test_a_word_file_in_and_other_kinds_out(server: ServerProcess, browser: Browser, tmp_path: Path) -> None:
    work = workspace(server, 2, "richtext")
    content = f"/api/v1/documents/{work.document}/content"
    word = tmp_path / "plāns.docx"
    word.write_bytes(write(EVERYTHING, "docx", LIMITS, title="Text", language="en"))
    ana, bruno = (enter(browser, server, i, work.document) for i in range(2))

    ana.get_by_text("Import a file").click()
    ana.get_by_label("File", exact=True).set_input_files(word)
    shoot(ana, "import")
    ana.get_by_role("button", name="Import").click()
    expect(ana.get_by_role("status").filter(has_text="The file was imported.")).to_be_visible()
    for page in (ana, bruno):  # Bruno has not touched his page
        text = page.locator(TEXT)
        expect(text.get_by_role("heading", name="Virsraksts ādā")).to_be_visible()
        expect(text.locator("img[src]")).to_have_attribute("alt", "a “picture”")
        expect(text.locator("th")).to_have_count(7)
        expect(text.locator('span[lang="es"]')).to_have_text("hola amigo")
        expect(page.locator("#save-text")).to_have_text("Saved")
    shoot(bruno, "imported")
    # two editors have it open, and changed nothing
    assert work.authors[0].get(content).json() == doc(*EVERYTHING["content"], par())

    for kind, begins in (("odt", b"PK"), ("pdf", b"%PDF-")):
        with ana.expect_download() as download:
            ana.get_by_role("link", name=f".{kind}").click()
        assert download.value.suggested_filename == f"Text.{kind}"
        made = Path(download.value.path()).read_bytes()
        assert made.startswith(begins)
        if kind == "odt":
            assert read(File("odt", made), INTO, LIMITS).document == EVERYTHING


def test_a_picture_by_keyboard(server: ServerProcess, browser: Browser, tmp_path: Path) -> None:
    work = workspace(server, 1, "richtext")
    file = tmp_path / "map.png"
    file.write_bytes(base64.b64decode(PICTURE.partition(",")[2]))
    page = enter(browser, server, 0, work.document)
    page.locator(TEXT).focus()
    page.keyboard.type("See ")
    page.keyboard.press("Escape")
    for _ in range(30):
        if page.evaluate("document.activeElement.dataset.command") == "image":
            break
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Picture")
    expect(dialog).to_be_visible()
    page.evaluate(AXE)
    assert page.evaluate("axe.run('#image-dialog').then(r => r.violations.map(v => v.id))") == []
    dialog.get_by_label("Picture from this device").set_input_files(file)
    dialog.get_by_role("button", name="Insert").press("Enter")
    expect(dialog).to_be_visible()  # a picture needs a description
    shoot(page, "picture")
    dialog.get_by_label("Description").fill("A map of the town")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator(f"{TEXT} img[src]")).to_have_attribute("alt", "A map of the town")
    expect(page.locator("#save-text")).to_have_text("Saved")

    page.locator(f"{TEXT} img[src]").click()
    page.locator('[data-command="image"]').click()
    expect(dialog.get_by_label("Description")).to_have_value("A map of the town")
    dialog.get_by_label("Or its address").fill("http://example.org/a.png")
    dialog.get_by_role("button", name="Insert").click()
    expect(dialog).to_be_visible()  # by https only
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def shoot(page: Page, name: str) -> None:
    """A picture for human eyes, when somebody wants them."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)

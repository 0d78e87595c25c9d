"""Somebody's text is redacted while a browser keeps an offline copy that holds it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.desk import TEXT, Desk, enter, kept, open_document, said, state, until, write
from tests.relay import Relay
from tests.serving import INTERLINK, ServerProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SECRET = "Diego lo cuenta todo."
REGRET = "Diego lo lamenta."
WATCH = f"""new MutationObserver(() => {{
    if (document.getElementById('editor')?.innerText.includes({SECRET!r})) console.error('shown again')
}}).observe(document, {{ childList: true, subtree: true, characterData: true }})"""
STORED = """async secret => {
    for (const { name } of await indexedDB.databases()) {
        if (!name.startsWith('interlink:')) continue
        const database = await new Promise(resolve => {
            const asked = indexedDB.open(name)
            asked.onsuccess = () => resolve(asked.result)
        })
        const updates = await new Promise(resolve => {
            const asked = database.transaction('updates').objectStore('updates').getAll()
            asked.onsuccess = () => resolve(asked.result)
        })
        database.close()
        const text = new TextDecoder()
        if (updates.some(update => text.decode(update).includes(secret))) return true
    }
    return false
}"""


def erase(server: ServerProcess, email: str) -> None:
    subprocess.run(
        [INTERLINK, "erase", email, "--reason", "consent_withdrawn", "--yes"],
        env={**os.environ, "DATA_DIR": str(server.data_dir)},
        check=True,
        timeout=120,
    )


def stored(page: Page) -> bool:
    """Whether the text is in what this browser keeps of documents."""
    return bool(page.evaluate(STORED, SECRET))


def deleting(browser: Browser, server: ServerProcess, path: str, diego: Page) -> Page:
    """A browser of Ana's in which she deleted something that Diego wrote, and could undo it."""
    ana = enter(browser.new_context(base_url=server.url), server.url, "Ana García")
    ana.goto(path)
    state(ana, "saved")
    diego.keyboard.press("Enter")
    diego.keyboard.insert_text(REGRET)
    expect(ana.locator(TEXT)).to_contain_text(REGRET)
    ana.get_by_text(REGRET).click(click_count=3)
    ana.keyboard.press("Backspace")
    ana.keyboard.press("Control+z")
    expect(ana.locator(TEXT)).to_contain_text(REGRET)
    ana.keyboard.press("Control+Shift+z")
    expect(ana.locator(TEXT)).not_to_contain_text(REGRET)
    state(ana, "saved")
    return ana


def test_neither_an_offline_copy_nor_an_undo_shows_redacted_text_or_brings_it_back(
    server: ServerProcess, browser: Browser, desk: Callable[[str], Desk], line: Relay
) -> None:
    ana_desk = desk(line.url)
    ana = enter(ana_desk.context, line.url, "Ana García")
    path = open_document(ana)
    diego = enter(browser.new_context(base_url=server.url), server.url, "Diego Lahoz")
    diego.goto(path)
    diego.locator(TEXT).focus()
    diego.keyboard.insert_text(SECRET)  # in one piece, so that it can be found in stored bytes
    expect(ana.locator(TEXT)).to_contain_text(SECRET)
    state(ana, "saved")
    here = deleting(browser, server, path, diego)
    expect(ana.locator(TEXT)).not_to_contain_text(REGRET)
    kept(ana)
    until(ana, lambda: stored(ana))
    line.cut()
    write(ana, "Ana sin red.")
    state(ana, "device")
    ana.close()

    with here.expect_event("load", timeout=120_000):  # what it could undo goes
        erase(server, "diego.lahoz@example.org")
    diego.context.close()
    here.locator(TEXT).focus()
    for _ in range(5):
        here.keyboard.press("Control+z")
    write(here, "Fin.")
    state(here, "saved")
    assert "Fin." in said(here)
    assert REGRET not in said(here)
    here.context.close()

    line.mend()
    ana = ana_desk.context.new_page()
    ana.add_init_script(WATCH)  # what it says is a complaint of the desk's
    ana.goto(path)
    state(ana, "saved")
    expect(ana.locator(TEXT)).to_contain_text("Ana sin red.")
    assert SECRET not in said(ana)
    ana.reload()
    state(ana, "saved")
    expect(ana.locator(TEXT)).to_contain_text("Ana sin red.")
    until(ana, lambda: not stored(ana))

    other = enter(browser.new_context(base_url=server.url), server.url, "Ana García")
    other.goto(path)
    expect(other.locator(TEXT)).to_contain_text("Ana sin red.")
    assert "Fin." in said(other)
    assert REGRET not in said(other)
    assert said(other) == said(ana)
    assert SECRET not in said(other)
    other.context.close()

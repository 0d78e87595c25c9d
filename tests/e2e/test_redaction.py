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


def test_an_offline_copy_neither_shows_redacted_text_nor_brings_it_back(
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
    kept(ana)
    until(ana, lambda: stored(ana))
    line.cut()
    write(ana, "Ana sin red.")
    state(ana, "device")
    ana.close()

    erase(server, "diego.lahoz@example.org")
    diego.context.close()

    line.mend()
    ana = ana_desk.context.new_page()
    ana.add_init_script(WATCH)  # what it says is a complaint of the desk's
    ana.goto(path)
    state(ana, "saved", 30_000)
    expect(ana.locator(TEXT)).to_contain_text("Ana sin red.")
    assert SECRET not in said(ana)
    ana.reload()
    state(ana, "saved")
    expect(ana.locator(TEXT)).to_contain_text("Ana sin red.")
    until(ana, lambda: not stored(ana))

    other = enter(browser.new_context(base_url=server.url), server.url, "Ana García")
    other.goto(path)
    expect(other.locator(TEXT)).to_contain_text("Ana sin red.")
    assert said(other) == said(ana)
    assert SECRET not in said(other)
    other.context.close()

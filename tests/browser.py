"""A real Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

PATIENCE = 60_000  # ms, of all that is waited for in pages; a busy machine takes long
expect.set_options(timeout=PATIENCE)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def chromium_path() -> str:
    """The Chromium on the PATH. Without one: skipped; in CI: failed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on the PATH")
        pytest.skip("no Chromium on the PATH")
    return path


def launched(playwright: Playwright) -> Browser:
    """A browser whose pages are waited for; it is the caller's to close."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    browser.on("context", be_patient)
    return browser


def be_patient(context: BrowserContext) -> None:
    """Wait for clicks and pages as long as for what they show."""
    context.set_default_timeout(PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own."""
    chromium_path()
    with sync_playwright() as playwright:
        browser = launched(playwright)
        try:
            yield browser
        finally:
            browser.close()

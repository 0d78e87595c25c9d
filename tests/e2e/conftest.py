"""A seeded server, browsers, and lines between them that can be cut. Tests may have others of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser import chromium_path, launched
from tests.e2e.desk import Desk
from tests.relay import Relay, relay
from tests.serving import ServerProcess, served


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
    running = launched(playwright)
    yield running
    running.close()


@pytest.fixture
def line(server: ServerProcess) -> Iterator[Relay]:
    """One person's own line to the server."""
    with relay(server.port) as made:
        yield made


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

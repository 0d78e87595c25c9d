"""Unmodified @hocuspocus/provider clients in Node and in Chromium, taking the same orders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser

from tests.browser import chromium
from tests.nodejs import Node

Ask = Callable[[dict[str, Any]], Any]


class Clients:
    """All clients of one runtime. Orders are those of hocuspocus_client.mjs."""

    def __init__(self, ask: Ask, thread: ThreadPoolExecutor) -> None:
        self._ask = ask
        self._thread = thread

    async def ask(self, do: str, **order: Any) -> Any:
        """Carry out an order; its answer."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, {"do": do, **order})

    async def open(self, id: str, **options: Any) -> Client:
        """A new hocuspocus client."""
        await self.ask("open", id=id, **options)
        return Client(id, self)

    async def open_websocket(self, id: str, **options: Any) -> Client:
        """A new y-websocket client."""
        await self.ask("openWebsocket", id=id, **options)
        return Client(id, self)


@dataclass(frozen=True)
class Client:
    """One of them."""

    id: str
    clients: Clients

    async def ask(self, do: str, **order: Any) -> Any:
        return await self.clients.ask(do, id=self.id, **order)

    async def type(self, words: str, at: int = -1) -> None:
        await self.ask("insert", words=words, at=at)

    async def look(self) -> dict[str, Any]:
        """How it stands now."""
        found: dict[str, Any] = await self.ask("look")
        return found

    async def until(
        self, holds: Callable[[dict[str, Any]], bool], what: str = "", seconds: float = 60
    ) -> dict[str, Any]:
        """Its state once `holds` of it; raises AssertionError after some seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not holds(state := await self.look()):
            assert loop.time() < deadline, f"{self.id}: {what}: {state}"
            await asyncio.sleep(0.01)
        return state

    async def saved(self) -> dict[str, Any]:
        """Its state once it is synced and knows everything saved."""
        return await self.until(lambda state: state["synced"] and not state["hasUnsyncedChanges"], "saved")

    async def reads(self, text: str) -> dict[str, Any]:
        """Its state once it has this text."""
        return await self.until(lambda state: state["text"] == text, f"reads {text!r}")


class Chromium:
    """A browser, and the thread that it has to be spoken to from."""

    def __init__(self, thread: ThreadPoolExecutor, browser: Browser, script: str) -> None:
        self.thread = thread
        self._browser = browser
        self._script = script

    def tab(self, origin: str) -> tuple[Ask, Callable[[], None]]:
        """A tab with a page of this origin, and how to close it; on the thread."""
        page = self._browser.new_page()
        page.goto(f"{origin}/nothing-here")  # really loaded from there: other pages may not connect to it
        page.evaluate(self._script)
        return (lambda order: page.evaluate("order => handle(order)", order)), page.close


@contextmanager
def browsing(node: Node) -> Iterator[Chromium]:
    """Chromium for the block."""
    script = node.run("bundle.mjs", "hocuspocus_client.mjs")
    with ThreadPoolExecutor(1) as thread, ExitStack() as stack:
        browser = thread.submit(stack.enter_context, chromium()).result()
        try:
            yield Chromium(thread, browser, script)
        finally:
            thread.submit(stack.close).result()


@asynccontextmanager
async def clients_in_tab(browser: Chromium, origin: str) -> AsyncIterator[Clients]:
    """A tab for the block, on a page of this origin."""
    run = asyncio.get_running_loop().run_in_executor
    ask, close = await run(browser.thread, browser.tab, origin)
    try:
        yield Clients(ask, browser.thread)
    finally:
        await run(browser.thread, close)


@asynccontextmanager
async def clients_in_node(node: Node) -> AsyncIterator[Clients]:
    """A Node process for the block."""
    with ThreadPoolExecutor(1) as thread, node.started("hocuspocus_node.mjs") as conversation:
        yield Clients(lambda order: conversation.ask(json.dumps(order)), thread)

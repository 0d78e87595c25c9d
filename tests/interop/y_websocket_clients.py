"""Unmodified y-websocket clients of three generations, in Node and in Chromium, taking the same orders."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from playwright.sync_api import Browser, BrowserContext

from tests.nodejs import Conversation, Node

VERSIONS = (2, 3, 4)  # npm: y-websocket 2.0.4 and 3.1.0 on Yjs 13, @y/websocket 4.0.0-3 on Yjs 14


class Runtime(Protocol):
    """Where clients live."""

    def ask(self, order: dict[str, Any]) -> Any:
        """Carry out an order of y_websocket_client.mjs; its answer."""
        ...


class InNode:
    """A Node process."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def ask(self, order: dict[str, Any]) -> Any:
        return self._conversation.ask(json.dumps(order))


class InTab:
    """A page in Chromium, whose origin is the server's."""

    def __init__(self, context: BrowserContext, origin: str, script: str) -> None:
        self.page = context.new_page()
        self.page.goto(f"{origin}/healthz")  # any page of that origin, without scripts of its own
        self.page.evaluate(script)

    def ask(self, order: dict[str, Any]) -> Any:
        return self.page.evaluate("order => handle(order)", order)


@dataclass(frozen=True)
class Client:
    """One client; `name` says which and where."""

    name: str
    version: int
    runtime: Runtime

    def ask(self, do: str, **order: Any) -> Any:
        return self.runtime.ask({"do": do, "id": self.name, **order})

    def open(self, url: str, document: str, token: str, **options: bool) -> None:
        self.ask("open", version=self.version, url=url, name=document, token=token, **options)

    def type(self, words: str, at: int = -1) -> None:
        self.ask("insert", at=at, words=words)

    def look(self) -> dict[str, Any]:
        """How it stands now."""
        found: dict[str, Any] = self.ask("look")
        return found

    def wait(self, holds: Callable[[dict[str, Any]], bool], what: str, seconds: float = 60) -> dict[str, Any]:
        """Its state once `holds` of it; raises AssertionError after some seconds."""
        deadline = time.monotonic() + seconds
        while not holds(state := self.look()):
            assert time.monotonic() < deadline, f"{self.name}: {what}: {state}"
            time.sleep(0.01)
        return state


@contextmanager
def in_node(node: Node) -> Iterator[InNode]:
    """A Node process for the block."""
    with node.started("y_websocket_node.mjs") as conversation:
        yield InNode(conversation)


@cache
def _bundled(node: Node) -> str:
    return node.run("bundle.mjs", "y_websocket_client.mjs")


@contextmanager
def in_tabs(node: Node, browser: Browser, origin: str, count: int) -> Iterator[list[InTab]]:
    """Tabs of one browser profile for the block."""
    script = _bundled(node)
    with ExitStack() as stack:
        context = browser.new_context(bypass_csp=True)
        stack.callback(context.close)
        yield [InTab(context, origin, script) for _ in range(count)]

"""Writing by plain HTTP where websockets do not get through, and the switch both ways."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.desk import TEXT, Desk, enter, open_document, said, shoot, state, until, write
from tests.e2e.test_pages import violations
from tests.relay import Relay
from tests.serving import ServerProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_websockets_blocked_and_back(
    server: ServerProcess, browser: Browser, desk: Callable[[str], Desk], line: Relay
) -> None:
    ilze = enter(browser.new_context(base_url=server.url), server.url, "Ilze Bērziņa")
    path = open_document(ilze)
    line.block_websockets()
    janis = enter(desk(line.url).context, line.url, "Jānis Ozols")
    janis.goto(path)
    state(janis, "saved")
    assert line.refused > 0
    write(janis, "Bez ligzdas.")
    expect(ilze.locator(TEXT)).to_contain_text("Bez ligzdas.")
    state(janis, "saved")
    write(ilze, "Ar ligzdu.")
    expect(janis.locator(TEXT)).to_contain_text("Ar ligzdu.")
    for page, other in ((ilze, "Jānis Ozols"), (janis, "Ilze Bērziņa")):
        expect(page.locator("#presence")).to_contain_text(other)
        expect(page.locator(".caret-label").first).to_have_text(other)
    shoot(janis, "fallback")
    assert violations(janis) == []

    frames: list[str | bytes] = []
    requests: list[str] = []

    def came(frame: str | bytes) -> None:
        frames.append(frame)

    janis.on("websocket", lambda socket: socket.on("framereceived", came))
    janis.on("request", lambda request: requests.append(request.url))
    line.allow_websockets()
    janis.keyboard.type(" Vidū.")
    until(janis, lambda: any(frame[:2] == b"\x00\x01" for frame in frames))  # step 2: it is in step
    state(janis, "saved")
    requests.clear()
    janis.keyboard.type(" Atkal ar.")
    state(janis, "saved")
    expect(ilze.locator(TEXT)).to_contain_text("Vidū. Atkal ar.")
    assert not any("/updates?" in url for url in requests)

    line.block_websockets()  # in the middle of a session
    janis.keyboard.type(" Un bez.")
    state(janis, "saved")
    expect(ilze.locator(TEXT)).to_contain_text("Atkal ar. Un bez.")
    assert any("/updates?" in url for url in requests)
    write(ilze, "Beigas.")
    expect(janis.locator(TEXT)).to_contain_text("Beigas.")
    assert said(ilze) == said(janis)
    assert said(ilze).count("Vidū.") == said(ilze).count("Un bez.") == 1
    ilze.context.close()


@pytest.mark.parametrize("kind", ["cannot be made", "never opens"])
def test_a_websocket_that(kind: str, server: ServerProcess, browser: Browser) -> None:
    contexts = [browser.new_context(base_url=server.url) for _ in range(2)]
    if kind == "cannot be made":
        contexts[0].add_init_script("WebSocket = class { constructor() { throw new Error('not here') } }")
    else:
        contexts[0].route_web_socket("**/live/**", lambda socket: None)
    held, free = (enter(context, server.url, "Ilze Bērziņa") for context in contexts)
    path = open_document(free)
    errors: list[str] = []
    held.on("pageerror", lambda error: errors.append(str(error)))
    held.goto(path)
    state(held, "saved")
    write(held, f"WebSocket {kind}.")
    expect(free.locator(TEXT)).to_contain_text(f"WebSocket {kind}.")
    state(held, "saved")
    assert errors == []
    for context in contexts:
        context.close()

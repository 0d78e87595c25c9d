"""Integrations in a real browser, with a receiver and a worker that are programs of their own."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from standardwebhooks import Webhook

from tests.browser import chromium
from tests.e2e.desk import until
from tests.e2e.test_pages import enter, no_complaints, violations
from tests.serving import ServerProcess, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.usefixtures("no_complaints")]

SHOTS = os.environ.get("INTERLINK_SCREENSHOTS")
__all__ = ["no_complaints"]


class Receiver(ThreadingHTTPServer):
    """Takes messages on loopback, and answers as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.status = 204
        self.received: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("subscriptions")
    retries = ",".join(["0", *["5"] * 19])  # soon, however long the pages were looked at in between
    with served(folder, "--seed", WEBHOOK_ALLOW_PRIVATE="1", WEBHOOK_RETRY_DELAYS=retries) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def at_desk(
    browser: Browser, server: ServerProcess, name: str, **options: Any
) -> tuple[BrowserContext, Page]:
    """Somebody signed in who reads English."""
    context = browser.new_context(base_url=server.url, locale="en", reduced_motion="reduce", **options)
    page = enter(context, name)
    page.locator('footer button[value="en"]').click()
    expect(page.locator('html[lang="en"]')).to_be_attached()
    return context, page


def describe_process(context: BrowserContext, text: str) -> None:
    """Something happens: the description of one's first process changes."""
    page = context.new_page()
    page.goto("/")
    page.locator(".card-link a").first.click()
    page.get_by_role("link", name="Change description").click()
    page.get_by_label("Description").fill(text)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    page.close()


def shows(page: Page, words: str) -> None:
    """Look at the page again until it says this."""

    def said() -> bool:
        page.reload()
        return words in page.locator("main").inner_text()

    until(page, said)


def on_a_phone(page: Page, name: str) -> None:
    """No violation, nothing to scroll sideways, wide or narrow, light or dark; pictures if wanted."""
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
    assert violations(page) == [], name
    page.emulate_media(color_scheme="dark")
    assert violations(page) == [], name
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_webhook_is_made_tried_broken_mended_and_replayed(
    server: ServerProcess, browser: Browser, receiver: Receiver
) -> None:
    context, page = at_desk(browser, server, "Ilze Bērziņa")
    page.goto("/profile")
    page.get_by_role("link", name="Webhooks and pull groups").click()
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("Name of the subscription").fill("Board")
    page.get_by_label("Address to send to").fill("ftp://nowhere")
    page.get_by_label("The process and its people").check()
    page.get_by_role("button", name="Create").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    on_a_phone(page, "subscription-refused")
    summary.get_by_role("link").click()
    expect(page.get_by_label("Address to send to")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type(receiver.url)
    page.get_by_role("button", name="Create").click()
    secret = page.locator("#secret").inner_text()
    on_a_phone(page, "subscription-secret")
    page.get_by_role("link", name="go on").click()
    expect(page.locator("main")).not_to_contain_text(secret)

    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_role("status")).to_contain_text("Test message: Delivered.")
    headers, body = receiver.received[-1]
    assert Webhook(secret).verify(body, headers)["type"] == "webhook.ping"

    describe_process(context, "One")
    shows(page, "process.described")
    headers, body = receiver.received[-1]
    assert Webhook(secret).verify(body, headers)["type"] == "process.described"
    row = page.get_by_role("row").filter(has_text="process.described")
    expect(row).to_contain_text("Delivered")

    receiver.status = 500
    describe_process(context, "Two")
    shows(page, "Failing")
    expect(page.locator("main")).to_contain_text("it has a fault of its own")
    expect(page.get_by_role("row").filter(has_text="Failed, will be tried again").first).to_be_visible()
    page.get_by_role("button", name="Send again").first.click()
    expect(page.get_by_role("status")).to_contain_text("Sent again by hand: Failed.")
    on_a_phone(page, "subscription-failing")

    receiver.status = 204
    shows(page, "Active")  # it was tried again by itself
    page.get_by_text("Deliver past events again").click()
    page.get_by_role("button", name="Deliver again").click()
    expect(page.get_by_role("status")).to_contain_text("The events will be delivered again.")
    shows(page, "Replay")
    assert receiver.received[-1][0]["interlink-replayed"] == "true"

    receiver.status = 410
    describe_process(context, "Three")
    shows(page, "Switched off")
    expect(page.locator("main")).to_contain_text("it wants no more events")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_contain_text("It goes on.")
    context.close()


def test_what_a_worker_could_not_do_is_told_and_handed_out_again(
    server: ServerProcess, browser: Browser
) -> None:
    context, page = at_desk(browser, server, "Lucia Conti")
    page.goto("/integrations/tokens")
    page.get_by_label("Name of the token").fill("Importer")
    page.get_by_role("button", name="Create a token").click()
    secret = page.locator("#secret").inner_text()
    page.goto("/integrations/new/pull-group")
    page.get_by_label("Name of the subscription").press("Tab")  # by keyboard from here on
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("Import")
    page.get_by_label("From now on").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Import")
    group = f"/api/v1/subscriptions/{page.url.partition('?')[0].rpartition('/')[2]}"
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Bearer {secret}"}, timeout=60
    ) as worker:
        [taken] = worker.post(f"{group}/pull", json={"max": 1, "wait": 30}).json()["items"]
        answer = {"ack_id": taken["ack_id"], "action": "park", "error": "the disk is full"}
        assert worker.post(f"{group}/nack", json=answer).json() == {"count": 1}
        page.reload()
        parked = page.get_by_role("table", name="Parked events")
        expect(parked).to_contain_text("the disk is full")
        expect(parked).to_contain_text(taken["event"]["type"])
        on_a_phone(page, "subscription-parked")
        parked.get_by_role("button").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("What was parked is delivered again.")
        expect(parked).to_have_count(0)
        [again] = worker.post(f"{group}/pull", json={"max": 1, "wait": 30}).json()["items"]
        assert (again["event"]["id"], again["replayed"]) == (taken["event"]["id"], True)
    page.goto("/integrations")
    expect(page.get_by_role("row").filter(has_text="Import")).to_contain_text("the disk is full")
    on_a_phone(page, "subscriptions")
    context.close()


def test_without_scripts_made_paused_and_deleted(server: ServerProcess, browser: Browser) -> None:
    context, page = at_desk(browser, server, "Jānis Ozols", java_script_enabled=False)
    page.goto("/integrations/new/pull-group")
    page.get_by_label("Name of the subscription").fill("By hand")
    page.get_by_label("After a place in the log").check()
    page.get_by_role("spinbutton", name="Place in the log").fill("99999999")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#subscription-start-position-error")).to_be_visible()
    page.get_by_role("spinbutton", name="Place in the log").fill("1")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("h1")).to_have_text("By hand")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_have_text("It is paused.")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status")).to_have_text("The subscription was deleted.")
    expect(page.locator("main")).to_contain_text("You have no subscriptions.")
    context.close()


def test_being_erased_is_asked_for_and_called_back_by_keyboard(
    server: ServerProcess, browser: Browser
) -> None:
    context, page = at_desk(browser, server, "Ana García")
    page.goto("/privacy")
    page.get_by_role("button", name="Erase me").press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("alert").get_by_role("link").press("Enter")
    sure = page.get_by_label("Yes, I want to be erased")
    expect(sure).to_be_focused()
    expect(sure).to_have_accessible_description("Mark that you want this.")
    on_a_phone(page, "privacy-refused")
    sure.press("Space")
    page.get_by_label("Remove the text that I wrote").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Erase me").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You will be erased.")
    expect(page.locator("#erase")).to_contain_text("Keep the text")
    on_a_phone(page, "privacy-pending")
    page.get_by_role("button", name="Do not erase me").press("Enter")
    expect(page.get_by_role("status")).to_have_text("You will not be erased.")
    context.close()

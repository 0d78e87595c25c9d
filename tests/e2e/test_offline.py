"""Writing without a network, also after the browser was closed; and whose copies stay where."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect

from tests.e2e.desk import (
    TEXT,
    Desk,
    answering_no,
    enter,
    holds,
    kept,
    open_document,
    said,
    shoot,
    state,
    until,
    write,
)
from tests.e2e.test_pages import violations
from tests.relay import Relay
from tests.serving import ServerProcess
from tests.workspace import post

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def remove(page: Page, name: str) -> None:
    """Take away all rights of one of the people on the page."""
    member = page.locator(".members > li", has_text=name)
    member.get_by_role("button").click()
    expect(member).to_have_count(0)


def test_offline_the_browser_closed_and_back(
    server: ServerProcess, browser: Browser, desk: Callable[[str], Desk], line: Relay
) -> None:
    ana_desk = desk(line.url)
    ana = enter(ana_desk.context, line.url, "Ana García")
    path = open_document(ana)
    other = browser.new_context(base_url=server.url)
    diego = enter(other, server.url, "Diego Lahoz")
    diego.goto(path)
    write(diego, "Diego antes.")
    expect(ana.locator(TEXT)).to_contain_text("Diego antes.")
    state(ana, "saved")
    kept(ana)

    line.cut()
    state(ana, "reconnecting")
    shoot(ana, "reconnecting")
    write(ana, "Ana sin red.")
    state(ana, "device")
    shoot(ana, "device")
    assert violations(ana) == []
    write(diego, "Diego mientras tanto.")
    state(diego, "saved")

    ana_desk.restart()  # nobody asks: what is on the device is not lost
    ana = ana_desk.context.new_page()
    ana.goto(path)
    expect(ana.locator(TEXT)).to_contain_text("Ana sin red.")
    state(ana, "device")
    write(ana, "Ana reabre.")
    state(ana, "device")
    shoot(ana, "reopened")

    line.mend()
    state(ana, "saved")
    expect(ana.locator("#returned-text")).to_contain_text("el texto cambió")
    shoot(ana, "returned")
    assert violations(ana) == []
    for text in ("Diego antes.", "Ana sin red.", "Diego mientras tanto.", "Ana reabre."):
        for page in (ana, diego):
            expect(page.locator(TEXT)).to_contain_text(text)
    assert said(ana) == said(diego)
    assert said(ana).count("Ana sin red.") == 1
    other.close()


def test_who_loses_the_right_while_writing_is_told_and_nothing_more_is_stored(
    server: ServerProcess, browser: Browser, desk: Callable[[str], Desk], line: Relay
) -> None:
    marco = enter(desk(line.url).context, line.url, "Marco Ferri")
    path = open_document(marco)
    kept(marco)
    write(marco, "Prima.")
    state(marco, "saved")
    lucia = enter(browser.new_context(base_url=server.url), server.url, "Lucia Conti")
    people = lucia.locator(".card-link a").first.get_attribute("href") or ""
    line.cut()
    write(marco, "Senza rete.")
    state(marco, "device")
    lucia.goto(f"{people}/people")
    remove(lucia, "Marco Ferri")
    line.mend()
    refused = marco.locator("#refused")
    expect(refused).to_contain_text("non è più condiviso con te")
    expect(marco.locator("#editor [contenteditable=false]")).to_contain_text("Senza rete.")
    marco.locator("#editor [contenteditable=false]").click()
    marco.keyboard.type("Dopo.")
    expect(marco.locator("#editor [contenteditable=false]")).not_to_contain_text("Dopo.")
    shoot(marco, "refused")
    assert violations(marco) == []
    marco.context.grant_permissions(["clipboard-read", "clipboard-write"])
    refused.locator("#refused-copy").click()
    until(marco, lambda: "Senza rete." in marco.evaluate("navigator.clipboard.readText()"))
    until(marco, lambda: not holds(marco, path))  # what one may not see does not stay on the device
    lucia.goto(path)
    expect(lucia.locator(TEXT)).to_contain_text("Prima.")
    expect(lucia.locator(TEXT)).not_to_contain_text("Senza rete.")
    lucia.context.close()


def test_copies_belong_to_one_person_and_go_with_them(
    server: ServerProcess, desk: Callable[[str], Desk], line: Relay
) -> None:
    shared = desk(line.url)
    ilze = enter(shared.context, line.url, "Ilze Bērziņa")
    path = open_document(ilze)
    kept(ilze)
    line.cut()
    write(ilze, "Tikai Ilzei.")
    state(ilze, "device")
    line.mend()
    state(ilze, "saved")
    line.cut()
    write(ilze, "Nenosūtīts.")
    state(ilze, "device")
    asked = answering_no(ilze)
    ilze.locator("form[action='/sign-out'] button").click()
    until(ilze, lambda: len(asked) == 1)
    assert "nenosūtītas izmaiņas" in asked[0].message
    expect(ilze.locator(TEXT)).to_contain_text("Nenosūtīts.")
    assert holds(ilze, path)
    line.mend()
    state(ilze, "saved")
    ilze.locator("form[action='/sign-out'] button").click()
    expect(ilze.get_by_role("button", name="Marco Ferri")).to_be_visible()
    assert not holds(ilze, path)

    ilze.get_by_role("button", name="Jānis Ozols").click()
    expect(ilze.locator("[data-person] main h1")).to_be_visible()
    janis = ilze
    janis.goto(path)
    state(janis, "saved")
    kept(janis)
    # The next person signs in without the first having signed out.
    shared.context.clear_cookies()
    janis.goto("/")
    janis.get_by_role("button", name="Marco Ferri").click()
    expect(janis.locator("[data-person] main h1")).to_be_visible()
    until(janis, lambda: janis.evaluate("async () => (await caches.keys()).length") <= 1)
    line.cut()
    with pytest.raises(Exception, match="ERR_"):
        janis.goto(path)
    line.mend()


def test_what_cannot_be_sent_any_more_is_shown_before_it_goes(
    server: ServerProcess, browser: Browser, desk: Callable[[str], Desk], line: Relay
) -> None:
    diego_desk = desk(line.url)
    diego = enter(diego_desk.context, line.url, "Diego Lahoz")
    path = open_document(diego)
    kept(diego)
    line.cut()
    write(diego, "Diego sin red.")
    state(diego, "device")
    diego.close()
    ana = enter(browser.new_context(base_url=server.url), server.url, "Ana García")
    process = ana.locator(".card-link a").first.get_attribute("href")
    ana.goto(f"{process}/people")
    remove(ana, "Diego Lahoz")
    line.mend()
    diego = diego_desk.context.new_page()
    diego.goto(path)
    expect(diego.locator("h1")).to_have_text("Aquí no hay nada")
    notice = diego.locator(".leftover")
    expect(notice.locator("textarea")).to_have_value(re.compile("Diego sin red."))
    shoot(diego, "leftover")
    assert violations(diego) == []
    notice.locator("[data-do=remove]").click()
    expect(notice).to_have_count(0)
    assert not holds(diego, path)
    ana.context.close()


def test_where_the_browser_keeps_nothing_closing_is_asked_about(
    server: ServerProcess, desk: Callable[[str], Desk], line: Relay
) -> None:
    context = desk(line.url).context
    context.add_init_script("indexedDB.open = () => { throw new Error('not here') }")
    lucia = enter(context, line.url, "Lucia Conti")
    open_document(lucia)
    line.cut()
    state(lucia, "reconnecting")
    write(lucia, "Solo qui.")
    state(lucia, "unsaved")
    shoot(lucia, "unsaved")
    assert violations(lucia) == []
    asked = answering_no(lucia)
    lucia.close(run_before_unload=True)
    until(lucia, lambda: [dialog.type for dialog in asked] == ["beforeunload"])
    line.mend()
    state(lucia, "saved")
    expect(lucia.locator(TEXT)).to_contain_text("Solo qui.")


def test_who_may_only_read_now_sends_nothing_written_before(
    server: ServerProcess, desk: Callable[[str], Desk], line: Relay
) -> None:
    janis_desk = desk(line.url)
    janis = enter(janis_desk.context, line.url, "Jānis Ozols")
    path = open_document(janis)
    kept(janis)
    line.cut()
    write(janis, "Jānis bez tīkla.")
    state(janis, "device")
    janis.close()
    admin = server.client("ilze.berzina@example.org", "Ilze Bērziņa")
    person = server.client("janis.ozols@example.org", "Jānis Ozols").get("/api/v1/me").json()["person"]
    process = admin.get(f"/api/v1{path}").json()["process"]
    for held in admin.get(f"/api/v1/processes/{process}/permissions").json()["items"]:
        if held["grantee"] == person:
            assert admin.delete(f"/api/v1/permissions/{held['id']}").is_success
    post(
        admin,
        f"/api/v1/processes/{process}/permissions",
        {"grantee": {"person": person}, "rights": ["view"]},
    )
    line.mend()
    janis = janis_desk.context.new_page()
    janis.goto(path)
    expect(janis.locator(".leftover textarea")).to_have_value(re.compile("Jānis bez tīkla."))
    state(janis, "saved")
    expect(janis.locator("#editor [contenteditable=false]")).not_to_contain_text("bez tīkla")
    expect(janis.locator("#refused")).to_be_hidden()
    assert violations(janis) == []
    janis.locator(".leftover [data-do=remove]").click()
    expect(janis.locator(".leftover")).to_have_count(0)
    janis.reload()
    state(janis, "saved")
    expect(janis.locator(".leftover")).to_have_count(0)


def test_a_kept_editor_older_than_the_server_s_starts_again_before_it_sends(
    server: ServerProcess, desk: Callable[[str], Desk], line: Relay
) -> None:
    lucia_desk = desk(line.url)
    lucia = enter(lucia_desk.context, line.url, "Lucia Conti")
    path = open_document(lucia)
    kept(lucia)
    line.cut()
    lucia_desk.restart()
    lucia = lucia_desk.context.new_page()
    lucia.goto(path)
    write(lucia, "Con il vecchio.")
    state(lucia, "device")
    sent: list[str] = []
    lucia.on("websocket", lambda socket: sent.append(socket.url))

    def newer(route: Route) -> None:
        try:
            answer = route.fetch()
        except Error:  # it asks a moment too early, and will again
            once_more()
            route.abort()
            return
        body = re.sub(r"/static/assets/editor-[^\"]+\.js", "/static/assets/editor-newer.js", answer.text())
        assert not sent
        route.fulfill(response=answer, body=body)

    def once_more() -> None:
        lucia_desk.context.route("**/documents/*?offline", newer, times=1)

    once_more()
    with lucia.expect_navigation(timeout=60_000):
        line.mend()
    state(lucia, "saved")
    expect(lucia.locator(TEXT)).to_contain_text("Con il vecchio.")

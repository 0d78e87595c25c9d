"""y-websocket 2.0.4, 3.1.0 and 4.0.0-3, unmodified, in Node and in Chromium, against a whole server.

All six edit together where they can: generations must understand each other through the server too.
Only 3.1 takes a final close code as final; the others are refused each time they come back.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.interop.y_websocket_clients import VERSIONS, Client, InNode, InTab, in_node, in_tabs
from tests.nodejs import Node
from tests.serving import ServerProcess, served
from tests.workspace import Workspace, post, workspace

pytestmark = [pytest.mark.interop, pytest.mark.e2e]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def tabs(node: Node, browser: Browser, server: ServerProcess) -> Iterator[list[InTab]]:
    with in_tabs(node, browser, server.url, 2) as opened:
        yield opened


@pytest.fixture(scope="module")
def process(node: Node) -> Iterator[InNode]:
    with in_node(node) as running:
        yield running


@pytest.fixture
def clients(process: InNode, tabs: list[InTab]) -> Iterator[list[Client]]:
    """Each version in Node and in Chromium; not connected yet."""
    runtimes = (("node", process), ("chromium", tabs[0]))
    made = [
        Client(f"{version} in {where}", version, there) for where, there in runtimes for version in VERSIONS
    ]
    yield made
    for client in made:
        client.ask("destroy")


def test_they_edit_together(server: ServerProcess, clients: list[Client]) -> None:
    work = workspace(server, 2)
    _enter(work, clients)
    for client in clients:
        assert client.look()["events"][-1] == "sync true"
        client.type(f"[{client.name} ā😀]", at=0)
    text = _agree(clients, *(f"[{client.name} ā😀]" for client in clients))
    for client in clients:
        client.ask("remove", at=0, count=1)
    _agree(clients)
    for client in clients:  # shown back: committed
        client.wait(lambda state: state["echoed"] == state["own"] > 0, "its own edits are shown back")
    assert work.content() == clients[0].look()["text"] != text


def test_they_come_back_after_a_restart(server: ServerProcess, clients: list[Client]) -> None:
    work = workspace(server, 2)
    _enter(work, clients)
    clients[0].type("before ")
    _agree(clients, "before ")
    server.stop()
    for client in clients:
        client.wait(lambda state: not state["synced"], "it notices")
        client.type(f"[{client.name}]")
    server.start()
    text = _agree(clients, "before ", *(f"[{client.name}]" for client in clients))
    assert text.count("before ") == 1, "nothing is doubled"
    for client in clients:
        state = client.wait(lambda state: state["synced"], "it is synced again")
        assert state["events"].count("sync true") >= 2
    assert work.content() == text


def test_a_reader_reads_shows_and_does_not_write(server: ServerProcess, clients: list[Client]) -> None:
    work, reader = workspace(server, 1), server.client("reader@example.org", "Vera")
    _grant(work, reader, "view")
    ticket = post(reader, "/api/v1/live-tickets", {"document": work.document})["token"]
    writer, *readers = clients
    writer.open(work.live, work.document, work.tickets[0])
    writer.type("for all to read")
    for client in readers:
        client.open(work.live, work.document, ticket)
        client.wait(lambda state: state["text"] == "for all to read", "it reads")
        client.ask("presence", state={"cursor": 1})
        number = client.look()["client"]
        writer.wait(lambda state, number=number: number in dict(state["people"]), "its presence shows")
        client.type("!!!")
        state = client.wait(lambda state: 4403 in state["codes"], "it is told")
        if client.version == 3:
            assert (state["wants"], state["events"][-1]) == (False, "closed")
    writer.type(".")
    writer.wait(lambda state: state["echoed"] == state["own"], "the writer goes on")
    assert work.content() == writer.look()["text"] == "for all to read."


def test_a_right_taken_ends_the_connection(server: ServerProcess, clients: list[Client]) -> None:
    work, guest = workspace(server, 1), server.client("guest@example.org", "Guest")
    permission = _grant(work, guest, "view", "edit")
    ticket = post(guest, "/api/v1/live-tickets", {"document": work.document})["token"]
    for client in clients:
        client.open(work.live, work.document, ticket)
        client.wait(lambda state: state["synced"], "it is let in")
    clients[0].type("so far")
    _agree(clients, "so far")
    assert work.authors[0].delete(f"/api/v1/permissions/{permission}").is_success
    for client in clients:
        state = client.wait(lambda state: bool(state["codes"]), "it is told")
        assert 4400 <= state["codes"][0] < 4500
        client.type(" and no further")
        if client.version == 3:
            assert (state["wants"], state["connected"]) == (False, False)
        else:
            state = client.wait(lambda state: len(state["codes"]) > 2, "it tries, and is refused again")
            assert set(state["codes"]) <= {4403, 4404}
            assert state["events"].count("sync true") == 1, "it never got in again"
    assert work.content() == "so far"


def test_a_wrong_token(server: ServerProcess, clients: list[Client]) -> None:
    work = workspace(server, 1)
    for client in clients:
        client.open(work.live, work.document, "never given out")
    for client in clients:
        state = client.wait(lambda state: bool(state["codes"]), "it is refused")
        assert set(state["codes"]) == {4401}
        assert "sync true" not in state["events"]
        if client.version == 3:
            assert state["wants"] is False


def test_they_see_who_is_there(server: ServerProcess, clients: list[Client]) -> None:
    work = workspace(server, 2)
    _enter(work, clients)
    numbers = {client.look()["client"] for client in clients}
    for place, client in enumerate(clients):
        client.ask("presence", state={"user": {"name": "Somebody else"}, "cursor": place})
    for client in clients:
        state = client.wait(
            lambda state: {n for n, seen in state["people"] if "cursor" in seen} == numbers, "it sees all"
        )
        own = client.look()["client"]
        names = {seen["user"]["name"] for number, seen in state["people"] if number != own}
        assert names == {"Author 0", "Author 1"}, "as the server knows them"
    gone, left, *others = clients
    gone.ask("presence", state=None)
    left.ask("disconnect")
    absent = {gone.look()["client"], left.look()["client"]}
    for client in others:
        client.wait(lambda state: not absent & dict(state["people"]).keys(), "who left is gone")


@pytest.mark.parametrize("version", VERSIONS)
def test_tabs_share_edits_behind_the_servers_back(
    server: ServerProcess, process: InNode, tabs: list[InTab], version: int
) -> None:
    """One tab's socket never opens; what it writes reaches the other by BroadcastChannel, which does not
    send it on. What is then written after it leans on what the server never got: it must ask."""
    work = workspace(server, 2)
    dark, lit = (Client(name, version, tab) for name, tab in zip(("dark", "lit"), tabs, strict=True))
    observer = Client("observer", 3, process)
    observer.open(work.live, work.document, work.tickets[1])
    lit.open(work.live, work.document, work.tickets[0], tabs=True)
    lit.wait(lambda state: state["synced"], "it is let in")
    dark.open(work.live, work.document, work.tickets[0], tabs=True, deaf=True)
    dark.type("unseen by the server ")
    lit.wait(lambda state: state["text"] == "unseen by the server ", "the tab beside sees it")
    assert observer.look()["text"] == "", "so far the server knows nothing"
    lit.type("and what leans on it")
    whole = "unseen by the server and what leans on it"
    observer.wait(lambda state: state["text"] == whole, "the server asked for what was missing")
    dark.wait(lambda state: state["text"] == whole, "the tab without a socket has it too")
    assert work.content() == whole
    for client in (dark, lit, observer):
        client.ask("destroy")


def _enter(work: Workspace, clients: list[Client]) -> None:
    """All connect, by turns as one author and as the other, and are synced."""
    for place, client in enumerate(clients):
        client.open(work.live, work.document, work.tickets[place % 2])
    for client in clients:
        client.wait(lambda state: state["synced"], "it is synced")


def _agree(clients: list[Client], *words: str) -> str:
    """The text that all have, with all these words in it, and nothing on its way from them."""
    first, *others = clients
    text: str = first.wait(lambda state: all(word in state["text"] for word in words), f"has {words}")["text"]
    for client in others:
        client.wait(lambda state: all(word in state["text"] for word in words), f"has {words}")
    for client in clients:
        client.wait(lambda state: state["text"] == first.look()["text"], "has the same text")
        text = first.look()["text"]
    return text


def _grant(work: Workspace, client: object, *rights: str) -> str:
    """The id of a permission on the process."""
    person = client.get("/api/v1/me").json()["person"]  # type: ignore[attr-defined]
    body = {"grantee": {"person": person}, "rights": list(rights)}
    permission: str = post(work.authors[0], f"/api/v1/processes/{work.process}/permissions", body)["id"]
    return permission

"""People at work over HTTP: a process, a document in it, and who may write there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.serving import ServerProcess


@dataclass(frozen=True)
class Workspace:
    """One document, the client of each of its authors, and their live tickets."""

    server: ServerProcess
    process: str
    document: str
    authors: list[httpx.Client]
    tickets: list[str]

    @property
    def live(self) -> str:
        """Where y-websocket clients connect."""
        return self.server.url.replace("http", "ws", 1) + "/live"

    def content(self) -> str:
        """The text as the server has it."""
        answer = self.authors[0].get(f"/api/v1/documents/{self.document}/content", params={"format": "text"})
        assert answer.status_code == 200, answer.text
        return answer.text


def workspace(server: ServerProcess, authors: int, format: str = "text") -> Workspace:
    """A new process with one document that this many people may edit; the first one administers."""
    clients = [server.client(f"author{i}@example.org", f"Author {i}") for i in range(authors)]
    owner = clients[0]
    process = post(owner, "/api/v1/processes", {"title": "Work", "language": "en"})["id"]
    parent = None
    for kind in ("phase", "objective", "task"):
        body = {"kind": kind, "title": kind, "parent": parent}
        parent = post(owner, f"/api/v1/processes/{process}/nodes", body)["id"]
    body = {"kind": "document", "title": "Text", "format": format}
    document = post(owner, f"/api/v1/nodes/{parent}/assets", body)["document"]
    for client in clients[1:]:
        person = client.get("/api/v1/me").json()["person"]
        grant = {"grantee": {"person": person}, "rights": ["view", "edit"]}
        post(owner, f"/api/v1/processes/{process}/permissions", grant)
    tickets = [post(client, "/api/v1/live-tickets", {"document": document})["token"] for client in clients]
    return Workspace(server, process, document, clients, tickets)


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a write that must succeed."""
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    result: dict[str, Any] = answer.json()
    return result

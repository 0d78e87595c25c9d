"""The whole application on real PostgreSQL, and people who talk to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from app import api, http
from app.http.streaming import StreamingProtocol
from app.settings import Settings
from app.system import System
from app.wiring import system as wired


@pytest.fixture
async def system(database: str, tmp_path: Path) -> AsyncIterator[System]:
    """Everything, started."""
    settings = Settings.model_validate({"data_dir": tmp_path, "secret_key": "a key for tests alone"})
    async with wired(settings, database) as running:
        yield running


@pytest.fixture
def app(system: System) -> Starlette:
    """The API as the server has it, without pages."""
    found = Starlette(
        routes=api.routes, middleware=http.middleware, exception_handlers=http.exception_handlers
    )
    found.state.system = system
    return found


@dataclass
class Somebody:
    """A person with an access token. Each write has to succeed unless a status is asked for."""

    client: httpx.AsyncClient
    person: UUID
    token: str
    position: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, path: str, body: Any = None, *, status: int | None = None) -> dict[str, Any]:
        return await self._write("POST", path, body, status)

    async def patch(self, path: str, body: Any, *, status: int | None = None) -> dict[str, Any]:
        return await self._write("PATCH", path, body, status)

    async def delete(self, path: str, *, status: int | None = None) -> dict[str, Any]:
        return await self._write("DELETE", path, None, status)

    async def get(self, path: str, *, status: int = 200, **query: Any) -> Any:
        """The answer's JSON, after everything that this person wrote."""
        headers = {"If-Position-At-Least": str(self.position)}
        if path.startswith("/api/v1/events"):
            headers = {}
        answer = await self.client.get(path, params=query or None, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def _write(self, method: str, path: str, body: Any, status: int | None) -> dict[str, Any]:
        sent = {} if body is None else {"json": body}
        answer = await self.client.request(method, path, headers=self.headers, **sent)
        expected = {status} if status else {200, 201, 204}
        assert answer.status_code in expected, f"{answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json() if answer.content else {}
        self.position = max(self.position, found.get("position", 0))
        return found

    async def a_process(self, title: str = "Process") -> str:
        """A process that this person administers."""
        id: str = (await self.post("/api/v1/processes", {"title": title, "language": "en"}))["id"]
        return id

    async def a_task(self, process: str) -> tuple[str, str, str]:
        """A phase, an objective in it, a task in that."""
        made: list[str] = []
        for kind in ("phase", "objective", "task"):
            body = {"kind": kind, "title": kind, "parent": made[-1] if made else None}
            made.append((await self.post(f"/api/v1/processes/{process}/nodes", body))["id"])
        return made[0], made[1], made[2]

    async def a_document(self, task: str, format: str = "text") -> dict[str, Any]:
        """A document under a task."""
        return await self.post(
            f"/api/v1/nodes/{task}/assets", {"kind": "document", "title": "Text", "format": format}
        )

    async def let_in(
        self, other: Somebody, process: str, *rights: str, node: str | None = None
    ) -> dict[str, Any]:
        """Give somebody rights."""
        body = {"grantee": {"person": str(other.person)}, "rights": list(rights), "node": node}
        return await self.post(f"/api/v1/processes/{process}/permissions", body)


SignUp = Callable[[str], Awaitable[Somebody]]


@pytest.fixture
async def visitor(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has not signed in."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
async def sign_up(app: Starlette, visitor: httpx.AsyncClient) -> AsyncIterator[SignUp]:
    """Makes people."""
    clients: list[httpx.AsyncClient] = []

    async def make(name: str) -> Somebody:
        body = {"email": f"{uuid4().hex}@example.org", "name": name}
        answer = (await visitor.post("/auth/demo", json=body)).json()
        visitor.cookies.clear()
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://127.0.0.1:8000",
            headers={"Authorization": f"Bearer {answer['token']}"},
        )
        clients.append(client)
        return Somebody(client, UUID(answer["person"]), answer["token"])

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def ana(sign_up: SignUp) -> Somebody:
    """Somebody."""
    return await sign_up("Ana")


@pytest.fixture
async def bruno(sign_up: SignUp) -> Somebody:
    """Somebody else."""
    return await sign_up("Bruno")


@pytest.fixture
async def address(app: Starlette) -> AsyncIterator[str]:
    """The same application behind a real server on loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=StreamingProtocol, lifespan="off", log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    async with asyncio.timeout(60):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await task

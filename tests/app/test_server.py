"""The served application: health, figures, what the log says and doesn't say, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app import server
from app.settings import Settings, load
from app.system import System


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return load({"DATA_DIR": str(tmp_path), "DATABASE_URL": database, "SECRET_KEY": "for tests alone"})


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[tuple[System, httpx.AsyncClient]]:
    listener = server.listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        server.serving(settings, listener) as system,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        yield system, client


async def sign_in(client: httpx.AsyncClient, email: str) -> dict[str, str]:
    answer = await client.post("/auth/demo", json={"email": email, "name": "Ilze Bērziņa"})
    client.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def read_all(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def a_document(client: httpx.AsyncClient, headers: dict[str, str]) -> str:
    async def post(path: str, **body: object) -> dict[str, str]:
        answer = await client.post("/api/v1" + path, json=body, headers=headers)
        assert answer.is_success, answer.text
        made: dict[str, str] = answer.json()
        return made

    process = (await post("/processes", title="Work", language="en"))["id"]
    parent = None
    for kind in ("phase", "objective", "task"):
        parent = (await post(f"/processes/{process}/nodes", kind=kind, title=kind, parent=parent))["id"]
    return (await post(f"/nodes/{parent}/assets", kind="document", title="Text", format="text"))["document"]


async def test_alive_ready_and_versioned(running: tuple[System, httpx.AsyncClient]) -> None:
    _, client = running
    assert (await client.get("/healthz")).text == "ok\n"
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["database"] == "ok"
    assert (await client.get("/version")).json()["name"] == "interlink"


async def test_not_ready_while_a_view_has_stopped(running: tuple[System, httpx.AsyncClient]) -> None:
    system, client = running
    await system.pool.execute(
        "UPDATE views SET failed_position = 7, failed_type = 'plan.opened', failed_error = 'KeyError' "
        "WHERE name = 'plan'"
    )
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["view plan"] == "KeyError at position 7 (plan.opened)"
    assert answer.json()["checks"]["view access"] == "ok"


async def test_figures_count_requests_by_template_and_hold_no_ids(
    running: tuple[System, httpx.AsyncClient],
) -> None:
    _, client = running
    headers = await sign_in(client, "ilze@example.org")
    document = await a_document(client, headers)
    await client.get(f"/api/v1/documents/{document}", headers=headers)
    await client.get("/no/such/page?token=b4c0ffee")
    text = (await client.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted = {(s.labels["route"], s.labels["status"]) for s in families["interlink_http_requests"].samples}
    assert ("/api/v1/documents/{id}", "200") in counted
    assert families["interlink_log_position"].samples[0].value >= 8
    assert {s.labels["view"] for s in families["interlink_view_lag_events"].samples} >= {"plan", "access"}
    for private in (document, "b4c0ffee", "ilze", "no/such"):
        assert private not in text


async def test_stopping_seals_and_tells_editors_to_come_back(settings: Settings) -> None:
    listener = server.listen("127.0.0.1", 0)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    async with server.serving(settings, listener) as system:
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as client:
            headers = await sign_in(client, "ilze@example.org")
            document = await a_document(client, headers)
        before = await system.log.head()
        url = f"ws://{address}/live/{document}"
        editor = await connect(url, additional_headers=headers, open_timeout=60)
        await editor.send(bytes.fromhex("0002 12 01 01 2a 00 04 01 07 636f6e74656e74 02 6869 00"))
        while (frame := await editor.recv())[:2] != b"\x00\x02":
            assert isinstance(frame, bytes)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(read_all(editor), 60)
    assert editor.close_code == 4503
    listener = server.listen("127.0.0.1", 0)
    async with server.serving(settings, listener) as system:
        assert await system.log.head() > before
        [event] = await system.log.read(after=before)
        assert event.type == "document.edited"


async def test_log_lines_hold_no_personal_data(
    running: tuple[System, httpx.AsyncClient], capsys: pytest.CaptureFixture[str]
) -> None:
    from app import logs

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(level="debug")
    try:
        _, client = running
        headers = await sign_in(client, "ilze@example.org")
        await client.get("/api/v1/me?token=secret", headers=headers)
        await client.get("/live/x?token=secret")
        await client.post("/api/v1/processes", content=b"{", headers=headers)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    said = capsys.readouterr()
    for private in ("ilze@example.org", "Bērziņa", "secret", headers["Authorization"][7:]):
        assert private not in said.err + said.out

"""Real editing histories, typed through real clients, read back in every way there is."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from realtime import crdt
from realtime.replay import replay
from tests.data import trace
from tests.nodejs import Node
from tests.serving import ServerProcess, served
from tests.workspace import Workspace, workspace

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

LIMIT = 0.05  # seconds until who wrote this is told


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that lets one connection type as fast as a script can."""
    quick = {"LIVE_UPDATES_PER_SECOND": "1000000", "LIVE_UPDATE_BYTES_PER_SECOND": "1000000000"}
    with served(tmp_path_factory.mktemp("data"), **quick) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "authors"), [("friendsforever.json.gz", 2), ("automerge-paper.json.gz", 1)], ids=["two", "paper"]
)
def test_a_trace_ends_in_its_own_end_text_everywhere(
    server: ServerProcess, node: Node, name: str, authors: int
) -> None:
    path = trace(name)
    expected: str = json.loads(gzip.decompress(path.read_bytes()))["endContent"]
    digest = hashlib.sha256(expected.encode()).hexdigest()
    work = workspace(server, authors)

    typed = json.loads(node.run("type_trace.mjs", work.live, work.document, str(path), *work.tickets))
    print(f"{name}: {typed}")
    assert typed["texts"] == [digest] * authors, "every client"

    assert work.content() == expected, "the server"
    _wait_until_sealed(work, expected)
    server.stop()
    server.start()
    _who_wrote_it_is_told_at_once(work, expected)
    updates = _bursts(work)
    state = _merged(updates)
    assert work.content() == expected, "the server after a restart"
    assert crdt.text_of(state, "text") == expected, "the log alone"
    assert _read_by_yjs(node, updates) == expected, "Yjs"
    if sys.version_info < (3, 13):
        assert _read_by_ypy(state) == expected, "y-py"


def _who_wrote_it_is_told_at_once(work: Workspace, text: str) -> None:
    """For any range in under 50 ms, once the history was read."""
    whole = _authors(work, 0, len(text))
    assert whole["length"] == len(text)
    assert "".join(text[r["from"] : r["to"]] for r in whole["ranges"]) == text
    people = {client.get("/api/v1/me").json()["person"] for client in work.authors}
    assert {r["author"] for r in whole["ranges"]} == people
    slowest = 0.0
    for start in range(0, len(text), len(text) // 40):
        times: list[float] = []
        while len(times) < 5 or (min(times) >= LIMIT and len(times) < 50):  # others may be busy here
            began = time.monotonic()
            part = _authors(work, start, start + 2000)
            times.append(time.monotonic() - began)
            assert part["ranges"][0]["from"] == start
        slowest = max(slowest, min(times))
    print(f"who wrote this: {slowest * 1000:.1f} ms for the slowest of 40 ranges")
    assert slowest < LIMIT


def _authors(work: Workspace, start: int, end: int) -> dict[str, Any]:
    path = f"/api/v1/documents/{work.document}/authors"
    answer = work.authors[0].get(f"{path}?from={start}&to={end}", timeout=60)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def _wait_until_sealed(work: Workspace, expected: str) -> None:
    """A long history takes the sealer its time; until then its newest part is in the journal."""
    deadline = time.monotonic() + 180
    while not _holds(_bursts(work), expected):
        assert time.monotonic() < deadline, "the journal was not sealed"
        time.sleep(1)


def _holds(updates: list[bytes], expected: str) -> bool:
    replica, whole = asyncio.run(replay(None, updates))
    return whole and crdt.text_of(replica.state(), "text") == expected


def _bursts(work: Workspace) -> list[bytes]:
    """The updates of every burst, from the event stream alone."""
    updates: list[bytes] = []
    after = 0
    while True:
        query: dict[str, str | int] = {
            "stream": work.document,
            "type": "document.edited",
            "after": after,
            "limit": 500,
        }
        answer = work.authors[0].get(
            "/api/v1/events", params=query, headers={"Accept": "application/x-ndjson"}
        )
        lines = answer.text.splitlines()
        if not lines:
            return updates
        for line in lines:
            event = json.loads(line)
            updates.append(base64.b64decode(event["data"]["update"]["base64"]))
            after = int(event["sequence"])


def _merged(updates: list[bytes]) -> bytes:
    replica, whole = asyncio.run(replay(None, updates))
    assert whole
    return replica.state()


def _read_by_yjs(node: Node, updates: list[bytes]) -> str:
    lines = "\n".join(base64.b64encode(update).decode() for update in updates)
    return node.run("read_updates.mjs", stdin=lines)


def _read_by_ypy(state: bytes) -> str:
    """One update: y-py loses edits that arrive before what they lean on, as two people's bursts may."""
    import y_py

    document = y_py.YDoc(skip_gc=True)
    text = document.get_text("content")
    y_py.apply_update(document, state)
    return str(text)

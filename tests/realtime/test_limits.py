"""Who exceeds a limit is cut with its close code and counted; nobody else notices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from realtime import protocol
from realtime.hub import Hub
from realtime.limits import Limits
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import Peer, Pipe, admission

PERSON = uuid4()


@pytest.mark.parametrize(
    ("limits", "frames", "code"),
    [
        ({"frame": 100}, [protocol.update(bytes(200))], 4413),
        ({"update_bytes_per_second": 10.0}, [protocol.update(bytes(200))], 4529),
        ({"updates_per_second": 0.3}, [b"\x00\x00\x01\x00"] * 5, 4529),
        ({"awareness_frames_per_second": 0.3}, [protocol.QUERY] * 5, 4529),
        ({"awareness_state": 20}, [(1, 1, {"cursor": "x" * 20})], 4413),
        ({"awareness_clients": 2}, [(1, 1, {}), (2, 1, {}), (3, 1, {})], 4413),
        ({"document_state": 100}, ["x" * 200], 4413),
        ({"dead_after": 0.1, "heartbeat": 0.05}, [], 4508),
    ],
    ids=["frame", "bytes", "updates", "presence", "presence size", "presence ids", "document", "silence"],
)
async def test_beyond_a_limit(limits: dict[str, Any], frames: list[Any], code: int) -> None:
    hub = Hub(MemoryStore(), limits=Limits(**limits), tick=0.02)
    await hub.start()
    document = uuid4()
    one = Peer(hub, admission(document))
    for frame in frames:
        if isinstance(frame, bytes):
            one.say(frame)
        elif isinstance(frame, str):
            one.text += frame
        else:
            one.present(*frame)
    await one.until(lambda: one.pipe.closed is not None)
    assert one.pipe.closed is not None
    assert one.pipe.closed[0] == code
    assert hub.metrics.refused == {code: 1}
    await hub.stop()


async def test_how_deeply_a_document_nests_is_bounded_over_its_loads() -> None:
    store, document, limits = MemoryStore(), uuid4(), Limits(nested_items=40)
    first = await _nest(store, document, limits, 60)
    assert 30 <= first <= 41
    assert await _nest(store, document, limits, 1) == first, "nothing more after it was loaded again"


async def _nest(store: MemoryStore, document: UUID, limits: Limits, levels: int) -> int:
    """Let somebody put element into element until they are cut; how many there are then."""
    hub = Hub(store, limits=limits, tick=0.02)
    await hub.start()
    one = Peer(hub, admission(document, PERSON))
    await one.synced.wait()
    inner: Any = one.doc.get("x", type=pycrdt.XmlFragment)
    while list(inner.children):
        inner = next(iter(inner.children))
    for _ in range(levels):
        inner = inner.children.append(pycrdt.XmlElement("p"))
    await one.until(lambda: one.pipe.closed is not None)
    assert one.pipe.closed == (4413, "the document is too large")
    await one.leave()
    await hub.stop()
    return sum(burst.inserted for burst in store.sealed[document])


def test_what_nests_as_deeply_as_it_may_can_be_deleted() -> None:
    """In a process of its own, for where the stack ends the process does."""
    program = Path(__file__).with_name("delete_nested.py")
    done = subprocess.run(
        [sys.executable, program, str(Limits().nested_items)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "deleted\n"), done.stderr


async def test_connections_per_document_are_bounded() -> None:
    hub = Hub(MemoryStore(), limits=Limits(connections_per_document=2))
    await hub.start()
    document = uuid4()
    peers = [Peer(hub, admission(document)) for _ in range(2)]
    for peer in peers:
        await peer.synced.wait()
    pipe = Pipe()
    await hub.serve(pipe, admission(document))
    assert pipe.closed == (4529, "too many connections")
    assert hub.metrics.refused == {4529: 1}
    await peers[0].leave()
    again = Peer(hub, admission(document))
    await again.synced.wait()
    await hub.stop()

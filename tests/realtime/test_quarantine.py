"""A poisoned document fails alone, says "come back", and is not loaded by each who comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from realtime import backoff
from realtime.hub import Hub
from realtime.limits import Limits
from realtime.quarantine import Quarantine, Quarantined
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import Peer, Pipe, admission

QUICK = Limits(seal_idle=0.0, unload_after=0.1)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def hub(store: MemoryStore) -> AsyncIterator[Hub]:
    hub = Hub(store, limits=QUICK, tick=0.02)
    await hub.start()
    yield hub
    await hub.stop()


async def written(hub: Hub, store: MemoryStore, document: UUID, *words: str) -> None:
    """Each word a burst of its own, everybody gone and the room closed."""
    for count, word in enumerate(words, 1):
        peer = Peer(hub, admission(document))
        await peer.synced.wait()
        peer.text += word
        await peer.leave()
        await peer.until(lambda: hub.metrics.rooms == 0)
        assert len(store.sealed[document]) == count


async def refusal(hub: Hub, document: UUID) -> tuple[int, str]:
    pipe = Pipe()
    await hub.serve(pipe, admission(document))
    assert pipe.closed is not None
    return pipe.closed


def poison(store: MemoryStore, document: UUID) -> None:
    store.sealed[document][0] = replace(store.sealed[document][0], update=b"\x07bad")


async def test_a_poisoned_document_fails_alone(
    hub: Hub, store: MemoryStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = uuid4(), uuid4()
    await written(hub, store, bad, "bad")
    neighbour = Peer(hub, admission(good))
    await neighbour.synced.wait()
    poison(store, bad)
    loads = store.loads
    with caplog.at_level(logging.WARNING):
        herd = await asyncio.gather(*(refusal(hub, bad) for _ in range(50)))
        again = await asyncio.gather(*(refusal(hub, bad) for _ in range(50)))
    assert set(herd) | set(again) == {(4503, "the document can't be read now")}
    assert store.loads == loads + 1, "one try for all of them, and none right after"
    assert len([each for each in caplog.messages if str(bad) in each]) == 1, "told once"
    assert (hub.metrics.quarantined, hub.metrics.load_failures) == (1, 1)
    with pytest.raises(Quarantined):
        await hub.read(bad)
    neighbour.text += "fine"
    await neighbour.until(lambda: store.edits(good) == 1)

    store.sealed[bad].clear()
    monkeypatch.setattr(backoff.Backoff, "may_try", lambda *_: True)  # the pause is over
    healed = Peer(hub, admission(bad))
    await healed.synced.wait()
    assert (hub.metrics.quarantined, hub.metrics.load_failures) == (0, 1)


async def test_a_bad_snapshot_is_passed_over(hub: Hub, store: MemoryStore) -> None:
    document = uuid4()
    await written(hub, store, document, "first ", "second")
    store.snapshots[document] = (1, b"\x07bad")
    peer = Peer(hub, admission(document))
    await peer.until(lambda: sorted(str(peer.text)) == sorted("first second"))
    assert hub.metrics.quarantined == 0


async def test_a_store_that_does_not_answer_is_no_reason(store: MemoryStore) -> None:
    document, quarantine = uuid4(), Quarantine(store, Hub(store).metrics)

    async def fails(*_: object, **__: object) -> None:
        raise OSError("no database")

    kept, store.load = store.load, fails  # type: ignore[method-assign,assignment]
    with pytest.raises(OSError, match="no database"):
        await quarantine.restored(document)
    quarantine.check(document)
    store.load = kept  # type: ignore[method-assign]
    await quarantine.restored(document)


async def test_a_room_given_up_again_and_again_has_to_wait(hub: Hub, store: MemoryStore) -> None:
    document = uuid4()
    for expected in (None, (4503, "the document is loaded again in a moment")):
        peer = Peer(hub, admission(document))
        await peer.synced.wait()
        cell = hub._rooms.get(document)
        assert cell is not None
        cell.retire("a test says so")
        late = Pipe()
        serving = asyncio.create_task(hub.serve(late, admission(document)))
        if expected is None:
            await peer.until(lambda: hub._rooms.get(document) not in (None, cell))  # noqa: B023
            late.inbound.put_nowait(None)
        await serving
        assert late.closed == expected

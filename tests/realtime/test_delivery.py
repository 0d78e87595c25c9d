"""An edit of the server's own keeps to the rules of everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pycrdt
import pytest

from realtime import crdt, delivery
from realtime.delivery import deliver
from realtime.hub import Hub
from realtime.limits import Limits
from realtime.protocol import Close
from realtime.seat import Refused
from realtime.wire import Malformed
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import Peer, admission


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def hub(store: MemoryStore) -> AsyncIterator[Hub]:
    hub = Hub(store, limits=Limits(document_state=4096), tick=0.02)
    await hub.start()
    yield hub
    store.let_go()
    await hub.stop()


def update(words: str, client: int = 9) -> bytes:
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=client)
    doc.get("content", type=pycrdt.Text).insert(0, words)
    return doc.get_update()


async def test_it_is_answered_when_committed_and_others_see_it(hub: Hub, store: MemoryStore) -> None:
    document = uuid4()
    peer = Peer(hub, admission(document))
    await peer.synced.wait()
    store.hold()
    ana = admission(document)
    delivering = asyncio.create_task(deliver(hub, ana, update("brought back")))
    await asyncio.sleep(0.1)
    assert not delivering.done()
    assert str(peer.text) == ""
    store.let_go()
    await delivering
    await peer.until(lambda: str(peer.text) == "brought back")
    assert crdt.text_of(await hub.read(document), "text") == "brought back"
    await deliver(hub, ana, update("brought back"))  # nothing new


async def test_what_may_not_be_is_refused(hub: Hub) -> None:
    document, ana = uuid4(), uuid4()
    with pytest.raises(Refused) as refusal:
        await deliver(hub, admission(document, may_edit=False), update("x"))
    assert refusal.value.code == Close.FORBIDDEN
    await deliver(hub, admission(document, ana), update("x"))
    with pytest.raises(Refused) as refusal:
        await deliver(hub, admission(document), update("other words"))  # under Ana's client id
    assert refusal.value.code == Close.FORGED
    with pytest.raises(Refused) as refusal:
        await deliver(hub, admission(document), update("x" * 5000, client=10))
    assert refusal.value.code == Close.TOO_LARGE
    with pytest.raises(Malformed):
        await deliver(hub, admission(document), b"\x01")
    assert crdt.text_of(await hub.read(document), "text") == "x"


async def test_it_does_not_wait_for_ever(
    hub: Hub, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_PATIENCE", 0.05)
    store.hold()
    with pytest.raises(Refused) as refusal:
        await deliver(hub, admission(uuid4()), update("x"))
    assert refusal.value.code == Close.SHUTTING_DOWN

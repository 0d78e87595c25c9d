"""A replica that is built when it is needed gives what one gives that is there from the start."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pycrdt
import pytest

from realtime import crdt, late, wire
from realtime.content import Content
from realtime.crdt import EngineError, Replica
from realtime.late import LateReplica, late_replica
from realtime.ports import Stored
from realtime.wire import Malformed
from tests.realtime.samples import updates
from tests.realtime.test_replay import dialogue


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "_WORTH_IT", 1)


def stored(snapshot: bytes | None, bursts: Sequence[bytes]) -> Stored:
    return Stored(snapshot, 1, 2, bursts, (), {})


@pytest.fixture
def parts() -> tuple[bytes, list[bytes]]:
    made = updates(count=80)
    return crdt.merge(made[:40]), made[40:]


@pytest.fixture
def replica(parts: tuple[bytes, list[bytes]]) -> Replica:
    replica = Replica()
    replica.apply(crdt.merge([parts[0], *parts[1]]))
    return replica


USES: dict[str, Callable[[Replica], Any]] = {
    "state": lambda it: len(it.state()),
    "deleted": lambda it: sorted(it.deleted()),
    "diff": lambda it: len(it.diff(b"\x00")),
    "clocks": lambda it: it.clocks(),
}


@pytest.mark.parametrize("use", USES)
async def test_it_is_the_same_in_all_uses(
    parts: tuple[bytes, list[bytes]], replica: Replica, use: str
) -> None:
    made = await late_replica(stored(*parts))
    assert made is not None
    assert made.clocks() == replica.clocks(), "known without an engine"
    assert len(made.encoded()) == 2
    assert USES[use](made) == USES[use](replica)
    extra: pycrdt.Doc[Any] = pycrdt.Doc(client_id=5)
    extra.get("content", type=pycrdt.Text).insert(0, "more")
    for each in (made, replica):
        each.apply(extra.get_update())
    assert made.clocks() == replica.clocks()
    assert not made.encoded()


async def test_a_newcomer_needs_no_engine(
    parts: tuple[bytes, list[bytes]], replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await late_replica(stored(*parts))
    assert made is not None

    def never(_: LateReplica) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(LateReplica, "_build", never)
        content = Content(made)
        assert content.size() >= len(parts[0])
        frames = content.since(b"\x00")
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    for frame in frames:
        doc.apply_update(wire.read_bytes(frame, 2)[0])
    assert wire.read_state_vector(doc.get_state()) == replica.clocks()
    assert content.state() == made.state()


async def test_bursts_that_lean_on_each_other() -> None:
    turns, expected = dialogue(300)
    random.Random(3).shuffle(turns[100:])
    made = await late_replica(stored(crdt.merge(turns[:100]), turns[:99:-1]))
    assert made is not None
    assert sum(made.clocks().values()) == len(expected)
    assert crdt.text_of(made.state(), "text") == expected


async def test_when_it_is_not_possible(parts: tuple[bytes, list[bytes]]) -> None:
    turns, _ = dialogue(4)
    assert await late_replica(stored(None, turns)) is None
    assert await late_replica(stored(turns[0], turns[2:])) is None, "one is missing in between"
    with pytest.raises(EngineError):
        await late_replica(stored(b"\x07bad", ()))
    with pytest.raises(Malformed):
        await late_replica(stored(turns[0], [b"\x07bad"]))


async def test_small_documents_are_built_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "_WORTH_IT", 64 * 1024)
    turns, _ = dialogue(4)
    assert await late_replica(stored(turns[0], turns[1:])) is None

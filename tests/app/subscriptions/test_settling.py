"""What became of messages is stored together, waits for a database that is away, and is lost for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

import pytest

from app.background import background
from app.subscriptions import settling
from app.subscriptions.outbox import Outbox, Result
from app.subscriptions.settling import Settling
from app.subscriptions.webhook import Webhook
from domain.errors import Unavailable


class Stores:
    """An outbox that may be away, and cannot store some results."""

    def __init__(self) -> None:
        self.calls: list[list[Result]] = []
        self.failures: list[Exception] = []
        self.bad: Result | None = None

    async def settle(self, results: Sequence[Result]) -> None:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        if self.bad in results:
            raise ValueError("not to be stored")
        self.calls.append(list(results))


def a_result() -> Result:
    return Result(Webhook(uuid4(), uuid4(), "", "active"), datetime.now(UTC))


class Scene:
    def __init__(self) -> None:
        self.outbox = Stores()
        self.done: list[Result] = []
        self.all_done = asyncio.Event()
        self.settling = Settling(cast(Outbox, self.outbox), self._stored)

    def _stored(self, result: Result) -> None:
        self.done.append(result)
        if not self.settling._waiting:
            self.all_done.set()

    async def play(self, *results: Result) -> None:
        for result in results:
            self.settling.put(result)
        async with asyncio.timeout(60), background(self.settling.run()):
            await self.all_done.wait()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(settling, "RETRY", 0.0)
    monkeypatch.setattr(settling, "GATHER", 0.0)
    return Scene()


async def test_what_comes_together_is_stored_together(scene: Scene) -> None:
    results = [a_result() for _ in range(5)]
    await scene.play(*results)
    assert scene.outbox.calls == [results]
    assert scene.done == results


async def test_nothing_is_lost_while_the_database_is_away(scene: Scene) -> None:
    scene.outbox.failures = [Unavailable("away")] * 3
    results = [a_result() for _ in range(2)]
    await scene.play(*results)
    assert scene.outbox.calls == [results]
    assert scene.done == results


async def test_one_that_cannot_be_stored_keeps_back_no_other(scene: Scene) -> None:
    results = [a_result() for _ in range(3)]
    scene.outbox.bad = results[1]
    await scene.play(*results)
    assert scene.outbox.calls == [[results[0]], [results[2]]]
    assert scene.done == results, "whoever waits for its place is told all the same"


async def test_what_is_left_at_the_end_is_stored(scene: Scene) -> None:
    results = [a_result() for _ in range(2)]
    for result in results:
        scene.settling.put(result)
    await scene.settling.finish(within=60)
    assert scene.outbox.calls == [results]


async def test_the_end_does_not_wait_for_ever(scene: Scene) -> None:
    scene.outbox.failures = [Unavailable("away")] * 1_000_000
    scene.settling.put(a_result())
    async with asyncio.timeout(60):
        await scene.settling.finish(within=0.05)
    assert scene.outbox.calls == []


async def test_a_cancellation_in_the_middle_loses_no_result(scene: Scene) -> None:
    scene.settling.put(result := a_result())
    task = asyncio.create_task(scene.settling.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await scene.settling.finish(within=60)
    assert [result] in scene.outbox.calls

"""Tasks beside everything else: kept until they end, and their failures told and survived."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from realtime.background import Background


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What it told of; another test's garbage may be collected, and told of, meanwhile."""
    return [record.getMessage() for record in caplog.records if record.name == "realtime.background"]


async def fail() -> None:
    raise OSError("postgresql://somebody:secret@database")


async def test_a_task_is_kept_until_its_end_though_nobody_else_holds_it() -> None:
    background, done = Background(), list[str]()
    waiting: list[weakref.ref[asyncio.Future[str]]] = []

    async def work() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting.append(weakref.ref(future))
        done.append(await future)

    background.spawn(work())
    await asyncio.sleep(0)
    gc.collect()
    future = waiting[0]()
    assert future is not None, "asyncio itself holds on to no task"
    future.set_result("done")
    await asyncio.sleep(0)
    assert done == ["done"]


async def test_a_failure_is_told_by_its_kind_alone(caplog: pytest.LogCaptureFixture) -> None:
    background, others = Background(), asyncio.Event()

    async def other() -> None:
        await asyncio.sleep(0)
        others.set()

    background.spawn(fail())
    background.spawn(other())
    async with asyncio.timeout(5):
        await others.wait()
    assert told(caplog) == ["background work on documents failed: OSError"]
    assert "secret" not in caplog.text


async def test_stopping_waits_until_the_last_has_cleaned_up(caplog: pytest.LogCaptureFixture) -> None:
    background, steps = Background(), list[str]()

    async def work() -> None:
        steps.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    background.spawn(work())
    background.spawn(work())
    await asyncio.sleep(0)
    await background.stop()
    assert steps == ["begun", "begun", "cleaned up", "cleaned up"]
    assert told(caplog) == [], "to be stopped is no failure"


async def test_stopping_survives_what_fails_while_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    background = Background()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await fail()

    background.spawn(work())
    await asyncio.sleep(0)
    await background.stop()
    assert told(caplog) == ["background work on documents failed: OSError"]
    await background.stop()  # nothing is left to stop

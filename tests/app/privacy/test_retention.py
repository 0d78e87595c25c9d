"""What was kept long enough is emptied, and the log stays provable."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.audit.checkpoints import Checkpoints
from app.audit.live import verify_log
from app.audit.own import evidence
from app.events.access_log import Reader
from app.privacy import retention
from app.privacy.erasure import erase
from app.privacy.retention import retain
from app.system import System
from domain.catalogue import EVENTS
from domain.errors import Conflict
from domain.payloads import Payloads
from domain.ports import EventFilter
from tests.app.api.conftest import Somebody

NOW = timedelta()
REASON = "because Zebedee-Marker said so"


async def read_something(system: System, person: UUID, times: int) -> None:
    """So many events in the access log."""
    for _ in range(times):
        system.accesses.note(Reader(person, uuid4(), "stream"), await system.log.read(limit=1))
        await system.accesses.write()


async def payloads(system: System, type: str) -> list[dict[str, Any]]:
    events = await system.log.read(where=EventFilter(types=(type,)), limit=1000)
    return [EVENTS.payload(event) for event in events]


async def told(system: System) -> list[Payloads.Expired]:
    events = await system.log.read(where=EventFilter(types=("payloads.expired",)))
    return [event for each in events if isinstance(event := EVENTS.decode(each), Payloads.Expired)]


async def verified(system: System) -> None:
    await Checkpoints.of(system).sign_head()  # as is done in the background, some time or other
    own = await evidence(system.settings, system.pool)
    report = await verify_log(system.pool, own.checkpoints, own.keys)
    assert report.first is None, report.lines()


async def a_named_version(somebody: Somebody) -> UUID:
    """A document with a version that this person named, giving a reason."""
    task = (await somebody.a_task(await somebody.a_process()))[-1]
    document = (await somebody.a_document(task))["document"]
    await somebody.post(f"/api/v1/documents/{document}/versions", {"name": "First", "reason": REASON})
    return UUID(document)


async def test_what_expired_is_emptied_once_and_the_log_verifies(
    system: System, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    await read_something(system, ana.person, 5)
    before = await payloads(system, "access.recorded")
    [dry] = await retain(system, {"access.recorded": NOW}, dry_run=True)
    assert (dry.payloads, await payloads(system, "access.recorded"), await told(system)) == (5, before, [])
    [done] = await retain(system, {"access.recorded": NOW})
    assert done.payloads == 5
    blank = {"credential": None, "events": 0, "first": 0, "last": 0}
    assert await payloads(system, "access.recorded") == [each | blank for each in before]
    assert [event.rewritten for event in await told(system)] == [2, 2, 1]
    assert [each.payloads for each in await retain(system, {"access.recorded": NOW})] == [0]
    assert len(await told(system)) == 3
    await verified(system)


async def test_what_is_young_stays(system: System, ana: Somebody) -> None:
    await read_something(system, ana.person, 1)
    [found] = await retain(system, {"access.recorded": timedelta(days=1)})
    assert found.payloads == 0
    assert (await payloads(system, "access.recorded"))[0]["credential"] is not None


async def test_words_go_from_log_view_and_snapshots_of_the_past(system: System, ana: Somebody) -> None:
    document = await a_named_version(ana)
    await system.views.wait_all(await system.log.head())
    [found] = await retain(system, {"document.version_named": NOW})
    assert found.payloads == 1
    [payload] = await payloads(system, "document.version_named")
    assert (payload["name"], payload["reason"]) == ("First", "")
    shown = await ana.get(f"/api/v1/documents/{document}/versions")
    assert [each["reason"] for each in shown["items"]] == [""]
    await verified(system)
    await erase(system, ana.person, basis="objection", text="redact", by=None)
    await verified(system)


async def test_erasing_first_leaves_nothing_to_expire(system: System, ana: Somebody) -> None:
    await a_named_version(ana)
    await erase(system, ana.person, basis="objection", text="redact", by=None)
    [found] = await retain(system, {"document.version_named": NOW})
    assert (found.payloads, await told(system)) == (0, [])


@pytest.mark.parametrize("step", ["rewriting.stage", "rewriting.put_in_place"])
async def test_what_stopped_goes_on_next_time(
    system: System, ana: Somebody, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def stop(*_: object) -> None:
        raise KilledError

    await read_something(system, ana.person, 1)
    with monkeypatch.context() as here:
        here.setattr(f"app.privacy.retention.{step}", stop)
        with pytest.raises(KilledError):
            await retain(system, {"access.recorded": NOW})
    [found] = await retain(system, {"access.recorded": NOW})
    assert (found.payloads, len(await told(system))) == (1, 1)
    await verified(system)


class KilledError(Exception):
    """Stands for the end of the process."""


async def test_one_node_at_a_time(system: System, ana: Somebody) -> None:
    async with system.pool.acquire() as connection:
        await connection.execute(retention._LOCK)
        with pytest.raises(Conflict):
            await retain(system, {"access.recorded": NOW})
        await connection.execute(retention._UNLOCK)


async def test_everybody_signed_in_may_read_that_payloads_expired(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    await read_something(system, ana.person, 1)
    await retain(system, {"access.recorded": NOW})
    assert "payloads.expired" in json.dumps(await bruno.get("/api/v1/events", type="payloads.expired"))


async def test_it_is_done_by_itself(system: System, ana: Somebody) -> None:
    await read_something(system, ana.person, 1)
    task = asyncio.create_task(retention.retain_daily(system, {"access.recorded": NOW}))
    async with asyncio.timeout(60):
        while not await told(system):  # noqa: ASYNC110  it says so nowhere else
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])

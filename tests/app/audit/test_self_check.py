"""The self-check is content with the log as it is, finds what was changed, and does not forget it."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app.audit import self_check
from app.audit.checkpoints import Checkpoints
from app.audit.figures import Figures
from app.database.postgres import Pool
from app.system import System
from tests.app.api.conftest import ana, app, sign_up, system, visitor

__all__ = ["ana", "app", "sign_up", "system", "visitor"]


@pytest.fixture(autouse=True)
def nobody_else_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What checks in the background leaves it to the test."""
    monkeypatch.setattr(self_check, "AT_FIRST", 3600.0)


async def forge(pool: Pool, change: str, where: str = "position = 1") -> None:
    """With the rights of the tables' owner, which the application does not have."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # what no owner can forbid
        await connection.execute(f"UPDATE events SET {change} WHERE {where}")


async def alarm(system: System) -> bool:
    """As the operator sees it."""
    registry = CollectorRegistry()
    registry.register(await Figures.of(system).prepare())
    return b"interlink_log_check_failed 1.0\n" in generate_latest(registry)


@pytest.mark.parametrize(
    "change",
    ["payload = 'forged'", "recorded_at = recorded_at - interval '1 day'", "leaf_hash = sha256('forged')"],
    ids=["payload", "time", "leaf"],
)
async def test_a_change_is_found(ana: Any, system: System, pool: Pool, change: str) -> None:
    await ana.a_process()
    size = await Checkpoints.of(system).sign_head()
    found = await self_check.check_once(system)
    assert (found.first, found.last, found.size, found.failure) == (1, size, size, None)
    assert not await alarm(system)
    await forge(pool, change)
    assert (await self_check.check_once(system)).failure
    assert await alarm(system)


async def test_an_alarm_stays_until_what_failed_holds_again(
    ana: Any, system: System, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(self_check.WIDTH // 2):
        await ana.a_process()
    size = await Checkpoints.of(system).sign_head()
    assert size > self_check.WIDTH
    monkeypatch.setattr(self_check, "TILES", 1)
    monkeypatch.setattr(self_check.random, "randrange", lambda end: 0)
    await forge(pool, "payload = payload || ' '", f"position = {self_check.WIDTH - 3}")
    assert (await self_check.check_once(system)).failed_from == 1
    monkeypatch.setattr(self_check.random, "randrange", lambda end: end - 1)
    assert (await self_check.check_once(system)).failed_from == 1, "although another range is looked at"
    assert await alarm(system)
    await forge(
        pool, "payload = substr(payload, 1, length(payload) - 1)", f"position = {self_check.WIDTH - 3}"
    )
    assert (await self_check.check_once(system)).failure is None
    assert not await alarm(system)


async def test_one_check_a_day_whatever_restarts(ana: Any, system: System) -> None:
    assert await self_check.check_if_due(system) is not None
    assert await self_check.check_if_due(system) is None
    await system.pool.execute("UPDATE self_check SET checked_at = now() - interval '24 hours'")
    assert await self_check.check_if_due(system) is None, "one has just begun, on whatever node"
    await system.pool.execute("UPDATE self_check SET begun_at = now() - interval '10 minutes'")
    assert await self_check.check_if_due(system) is not None

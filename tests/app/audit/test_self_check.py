"""The self-check is content with the log as it is, and finds what was changed behind its back."""

from __future__ import annotations

from typing import Any

import pytest

from app.audit import self_check
from app.audit.checkpoints import Checkpoints
from app.system import System
from tests.app.api.conftest import ana, app, sign_up, system, visitor

__all__ = ["ana", "app", "sign_up", "system", "visitor"]


@pytest.mark.parametrize(
    "change",
    ["payload = 'forged'", "recorded_at = recorded_at - interval '1 day'", "leaf_hash = sha256('forged')"],
    ids=["payload", "time", "leaf"],
)
async def test_a_change_is_found(ana: Any, system: System, change: str) -> None:
    await ana.a_process()
    await Checkpoints.of(system).sign_head()
    assert await self_check.check_once(system)
    assert self_check.broken._value.get() == 0
    async with system.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # what no owner can forbid
        await connection.execute(f"UPDATE events SET {change} WHERE position = 1")
    assert not await self_check.check_once(system)
    assert self_check.broken._value.get() == 1

"""The whole application with webhooks that may go to this machine (`system`), and webhooks to send."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.settings import Settings
from app.subscriptions.schedule import DELAYS
from app.system import System
from app.wiring import system as wired
from domain.ports import EventLog
from tests.app.api.conftest import Somebody
from tests.builders import make_system


@pytest.fixture
async def system(database: str, tmp_path: Path) -> AsyncIterator[System]:
    """Everything, started. Receivers have a minute; what failed waits until a test has it tried again."""
    values = {
        "data_dir": tmp_path,
        "secret_key": "a key for tests alone",
        "webhook_allow_private": True,
        "webhook_timeout": 60.0,
        "webhook_retry_delays": (DELAYS[0], 3600.0, *DELAYS[2:]),
    }
    async with wired(Settings.model_validate(values), database) as running:
        yield running


def sender(pool: Pool, log: EventLog) -> System:
    """As much of it as sending takes, with nothing at work."""
    settings = {"secret_key": "a key for tests alone", "webhook_allow_private": True}
    return replace(make_system(pool, log), settings=Settings.model_validate(settings))


async def a_webhook(
    system: System, owner: UUID, url: str, *, credential: UUID | None = None, **settings: Any
) -> UUID:
    """A webhook that starts now, and so has nothing to deliver."""
    id = uuid4()
    await system.pool.execute(
        """INSERT INTO subscriptions (id, owner, kind, name, start, cursor, settings, credential)
        VALUES ($1, $2, 'webhook', 'Some', 'now', $3, $4::text::jsonb, $5)""",
        id,
        owner,
        2**40,  # beyond the log: what is to be delivered is put there by hand
        json.dumps({"url": url, **settings}),
        credential,
    )
    return id


async def events_of(somebody: Somebody, process: str) -> list[dict[str, Any]]:
    """All events of a process."""
    found: list[dict[str, Any]] = await somebody.get(f"/api/v1/events?process={process}")
    return found


async def deliver(system: System, webhook: UUID, *positions: int) -> None:
    """Let these events be due."""
    await system.pool.execute(
        """INSERT INTO deliveries (subscription, position, stream)
        SELECT $1, position, stream FROM events WHERE position = ANY ($2::bigint[])""",
        webhook,
        list(positions),
    )
    system.news.tell([webhook])

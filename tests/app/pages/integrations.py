"""Subscriptions made through their forms, in an application whose webhooks may go to this machine."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from app.settings import Settings
from app.subscriptions.store import Subscriptions
from app.subscriptions.subscription import Subscription
from app.system import System
from app.wiring import system as wired
from tests.app.pages.conftest import Reader
from tests.app.subscriptions.receivers import Receiver, receiving

NEW_WEBHOOK = "/integrations/new/webhook"
NEW_PULL = "/integrations/new/pull-group"
SECRET = re.compile(r">(whsec_[\w+/=-]+)</code>")


@pytest.fixture
async def system(database: str, tmp_path: Path) -> AsyncIterator[System]:
    """Everything, started; webhooks may go to this machine."""
    values = {"data_dir": tmp_path, "secret_key": "a key for tests alone", "webhook_allow_private": True}
    async with wired(Settings.model_validate(values), database) as running:
        yield running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def only(system: System, reader: Reader) -> Subscription:
    """The reader's one subscription."""
    [found] = await Subscriptions(system.pool).list(reader.person)
    return found


async def a_webhook(system: System, reader: Reader, url: str, **entered: str) -> tuple[str, UUID]:
    """A webhook made through its form; the path of its page, and its id."""
    await reader.send(NEW_WEBHOOK, NEW_WEBHOOK, status=200, name="Mine", url=url, **entered)
    found = await only(system, reader)
    return f"/integrations/subscriptions/{found.id}", found.id


async def a_pull_group(system: System, reader: Reader, **entered: str) -> tuple[str, UUID]:
    await reader.send(NEW_PULL, NEW_PULL, name="Workers", **entered)
    found = await only(system, reader)
    return f"/integrations/subscriptions/{found.id}", found.id


async def due(system: System, id: UUID, *positions: int) -> None:
    """Let these events be due, as the feeding of subscriptions does."""
    await system.pool.execute(
        """INSERT INTO deliveries (subscription, position, stream)
        SELECT $1, position, stream FROM events WHERE position = ANY ($2::bigint[])
        ON CONFLICT DO NOTHING""",
        id,
        list(positions),
    )


async def park(system: System, id: UUID, error: str, *positions: int) -> None:
    """Let these have been given up."""
    await system.pool.execute("DELETE FROM deliveries WHERE subscription = $1", id)
    await system.pool.execute("UPDATE subscriptions SET cursor = 1000000 WHERE id = $1", id)
    await due(system, id, *positions)
    await system.pool.execute(
        "UPDATE deliveries SET state = 'parked', attempts = 10, last_error = $2 WHERE subscription = $1",
        id,
        error,
    )

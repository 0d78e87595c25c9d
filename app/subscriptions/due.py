"""Tells this process when there is something to deliver, whichever node found it.

A hint: what becomes due by the clock alone is not told, and one may be missed, so whoever waits for it
also looks from time to time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from app.database.failures import is_away, is_lost
from app.database.postgres import Pool

log = structlog.get_logger(__name__)

CHANNEL = "deliveries_due"
RECONNECT = 0.5  # seconds
CHECK = 30.0  # seconds between two proofs that the connection is alive
PATIENCE = 5.0  # seconds for such a proof


async def tell_when_due(pool: Pool, tell: Callable[[], None]) -> None:
    """Call `tell` each time, for ever, on a connection of its own; and after each reconnection."""
    while True:
        try:
            await _listen(pool, tell)
        except Exception as error:
            if not is_away(error):
                log.exception("deliveries_not_announced")
        await asyncio.sleep(RECONNECT)


async def _listen(pool: Pool, tell: Callable[[], None]) -> None:
    """Until the connection is lost; raises driver errors."""
    lost = asyncio.Event()

    def heard(*_: Any) -> None:
        tell()

    def ended(_: Any) -> None:
        lost.set()

    async with pool.acquire() as connection:
        connection.add_termination_listener(ended)
        try:
            await connection.add_listener(CHANNEL, heard)
            tell()
            while not lost.is_set():
                try:
                    async with asyncio.timeout(CHECK):
                        await lost.wait()
                except TimeoutError:
                    await connection.fetchval("SELECT 1", timeout=PATIENCE)
        finally:
            if not is_lost(connection):
                connection.remove_termination_listener(ended)
                await connection.remove_listener(CHANNEL, heard)

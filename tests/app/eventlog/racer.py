"""One of several processes that append to the same log at once; prints what it was told.

Run as `python -m tests.app.eventlog.racer URL EVENTS SEED`, with shared streams made from the seeds of
all: each process writes streams of its own, in order, and streams that all of them write.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from app.database.postgres import connect_pool
from app.eventlog.postgres import PostgresEventLog
from domain.errors import VersionConflict
from domain.ports import Appended, Context, NewEvent

WRITERS = 64
SHARED = [uuid5(NAMESPACE_OID, f"shared {n}") for n in range(5)]


class Racer:
    """Appends until `events` are stored, in every way a caller may."""

    def __init__(self, log: PostgresEventLog, events: int, seed: int) -> None:
        self._log = log
        self._random = random.Random(seed)
        self._left = events
        self.answers: dict[str, tuple[int, int]] = {}
        self.cancelled: dict[str, int] = {}
        self.conflicts = 0

    async def write(self) -> None:
        stream, version = uuid4(), 0
        while self._left > 0:
            size = self._random.randint(1, 16)
            self._left -= size
            kind = self._random.random()
            if kind < 0.1:
                await self._append([self._event(self._random.choice(SHARED)) for _ in range(size)])
            elif kind < 0.15:
                await self._append([self._event(uuid4()), self._event(stream, version + 2)])
            elif kind < 0.2:
                await self._abandon([self._event(uuid4()) for _ in range(size)])
            else:
                events = [self._event(stream, version + n) for n in range(1, size + 1)]
                await self._append(events, twice=kind > 0.95)
                version += size

    def _event(self, stream: UUID, version: int | None = None) -> NewEvent:
        payload = json.dumps({"expected": version}).encode()
        return NewEvent(stream, "race.run", payload, version=version, tags=("race",))

    async def _append(self, events: list[NewEvent], *, twice: bool = False) -> None:
        context = Context()
        attempts = [self._log.append(events, context) for _ in range(2 if twice else 1)]
        for answer in await asyncio.gather(*attempts, return_exceptions=True):
            if isinstance(answer, Appended):
                place = (answer.first, answer.last)
                assert self.answers.setdefault(str(context.command_id), place) == place
            elif isinstance(answer, VersionConflict):
                self.conflicts += 1
            elif answer is not None:
                raise answer

    async def _abandon(self, events: list[NewEvent]) -> None:
        context = Context()
        append = asyncio.create_task(self._log.append(events, context))
        await asyncio.sleep(0)
        append.cancel()
        self.cancelled[str(context.command_id)] = len(events)


async def main(url: str, events: int, seed: int) -> None:
    pool = await connect_pool(url)
    log = PostgresEventLog(pool)
    await log.start()
    racer = Racer(log, events, seed)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(racer.write() for _ in range(WRITERS)))
    await log.stop()
    await pool.close()
    print(json.dumps([racer.answers, racer.cancelled, racer.conflicts]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

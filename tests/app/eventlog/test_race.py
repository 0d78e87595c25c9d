"""Two processes, one log, a hundred thousand events: 0 lost, 0 doubled, 0 reordered, 0 gaps."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from itertools import groupby, pairwise
from pathlib import Path
from uuid import UUID

from app.database.postgres import Pool
from app.eventlog.leaf import leaf
from app.eventlog.merkle import Frontier
from app.eventlog.postgres import PostgresEventLog
from domain.ports import RecordedEvent

EVENTS = 54_000  # that each process tries to store; some are refused
ROOT = Path(__file__).parents[3]


async def start_racer(url: str, seed: int) -> Process:
    arguments = ["-m", "tests.app.eventlog.racer", url, str(EVENTS), str(seed)]
    racer = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    assert racer.stdout is not None
    assert await racer.stdout.readline() == b"ready\n"
    return racer


async def follow(log: PostgresEventLog, seen: list[RecordedEvent]) -> None:
    async for batch in log.follow():
        seen.extend(batch)


async def test_two_racing_processes_and_a_follower(log: PostgresEventLog, database: str, pool: Pool) -> None:
    seen: list[RecordedEvent] = []
    following = asyncio.create_task(follow(log, seen))
    racers = await asyncio.gather(start_racer(database, 1), start_racer(database, 2))
    outputs = await asyncio.gather(*(racer.communicate(b"go\n") for racer in racers))
    assert [racer.returncode for racer in racers] == [0, 0]
    head = await log.head()
    await log.stop()  # ends the follower, once it has seen all
    await following
    assert head >= 100_000
    assert [event.position for event in seen] == list(range(1, head + 1))
    check_streams(seen)
    check_answers(seen, [json.loads(output) for output, _ in outputs])
    await check_tree(seen, pool)


def check_streams(seen: list[RecordedEvent]) -> None:
    """Versions count from 1 in the order of positions, and are those that the writers asked for."""
    versions: dict[UUID, int] = defaultdict(int)
    for event in seen:
        versions[event.stream] += 1
        assert event.version == versions[event.stream]
        assert json.loads(event.payload)["expected"] in (None, event.version)
    assert all(a.recorded_at <= b.recorded_at for a, b in pairwise(seen))


def check_answers(seen: list[RecordedEvent], told: list[tuple[dict, dict, int]]) -> None:  # type: ignore[type-arg]
    """Each command stands once, whole, where its caller was told; of refused ones there is nothing."""
    found = {
        str(command): [event.position for event in events]
        for command, events in groupby(seen, key=lambda event: event.command_id)
    }
    assert sum(len(positions) for positions in found.values()) == len(seen)  # no command in two places
    cancelled: dict[str, int] = {}
    for answers, abandoned, conflicts in told:
        cancelled |= abandoned
        assert conflicts > 100
        for command, (first, last) in answers.items():
            assert found.pop(command) == list(range(first, last + 1))
    assert len(cancelled) > 100
    for command, positions in found.items():
        assert len(positions) == cancelled.pop(command)
    assert cancelled == {}  # whatever was queued is stored, caller or not


async def check_tree(seen: list[RecordedEvent], pool: Pool) -> None:
    """The frontier in the head row is that of the leaves, and the leaves are those of the events."""
    frontier = Frontier()
    rows = await pool.fetch("SELECT salt, leaf_hash FROM events ORDER BY position")
    for event, (salt, leaf_hash) in zip(seen, rows, strict=True):
        assert leaf_hash == leaf(event, salt)
        frontier.append(leaf_hash)
    assert await pool.fetchval("SELECT frontier FROM log_head") == bytes(frontier)

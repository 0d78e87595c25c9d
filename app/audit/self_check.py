"""Checks a random range of the log against its tree once a day, and raises an alarm if they differ.

How the last check went is kept in the database: a restart neither forgets an alarm nor puts the next
check off, and of several nodes one checks. An alarm ends when what failed holds again.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import structlog
from prometheus_client import Counter

from app.audit.checkpoints import Checkpoints
from app.audit.note import parse, parse_checkpoint
from app.audit.records import read_records
from app.audit.tree import HEIGHT, WIDTH, MissingHashes, Tree, complete_root
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.system import System
from domain.errors import Unavailable

EVERY = 24 * 3600.0  # seconds between two checks
LOOK = 600.0  # seconds between two looks whether one is due; one that died is begun again after that
AT_FIRST = 60.0  # seconds after the start
TILES = 40  # of 256 events each, that one check reads at most

_CLAIM = """
UPDATE self_check SET begun_at = now()
WHERE checked_at <= now() - make_interval(secs => $1) AND begun_at <= now() - make_interval(secs => $2)
RETURNING true
"""
_FAILED_FROM = "SELECT failed_from FROM self_check"
_DONE = """
UPDATE self_check SET checked_at = now(), first = $1, last = $2, size = $3, failure = $4, failed_from = $5
"""

checked = Counter("interlink_log_checked_events", "Events that the self-check looked at", registry=None)

log = structlog.get_logger(__name__)


class LogChanged(Exception):
    """What is stored is not what was recorded; the message names where."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check looked at: events `first` to `last`, and the head of `size`; and what is wrong."""

    first: int
    last: int
    size: int
    failure: str | None = None
    failed_from: int | None = None


async def check_range(pool: Pool, first: int, tiles: int) -> int:
    """Compute leaves again, and the hashes above full tiles; how many events that were.

    `first` is the index of a tile. Raises LogChanged, Unavailable.
    """
    tree, after, seen = Tree(pool), first * WIDTH, 0
    leaves: list[bytes] = []
    async for page in read_records(pool, after=after, through=after + tiles * WIDTH):
        for record in page:
            seen += 1
            if record.event.position != after + seen or not record.is_sound():
                raise LogChanged(f"event {after + seen} is not what was recorded")
            leaves.append(record.leaf_hash)
            if len(leaves) == WIDTH:
                tile = (after + seen) // WIDTH - 1
                await _check_tile(tree, tile, complete_root(leaves))
                leaves = []
    return seen


async def _check_tile(tree: Tree, tile: int, root: bytes) -> None:
    try:
        kept = await tree.hashes(1, tile, 1)
    except MissingHashes:
        return  # the head over it is not signed yet
    if kept != [root]:
        raise LogChanged(f"events {tile * WIDTH + 1} to {(tile + 1) * WIDTH} are not those of the tree")


async def check_head(system: System) -> None:
    """That the tree as stored gives the root of the last signed head; raises LogChanged, Unavailable."""
    size, text = await Checkpoints.of(system).covering(0)
    try:
        root = await Tree(system.pool).root(size)
    except MissingHashes as error:
        raise LogChanged(str(error)) from None
    if root != parse_checkpoint(parse(text.encode())).root:
        raise LogChanged(f"the tree of {size} events is not the one that was signed")


async def check_once(system: System) -> Outcome:
    """Check the head, what failed the last time, and a random range; keeps the outcome.

    Raises Unavailable.
    """
    size, _ = await Checkpoints.of(system).covering(0)
    with unavailable_when_away():
        failed_from = await system.pool.fetchval(_FAILED_FROM)
    ranges = [random.randrange((size >> HEIGHT) + 1)]
    if failed_from is not None:
        ranges.insert(0, failed_from // WIDTH)
    outcome = await _check(system, size, ranges)
    if outcome.failure is not None:
        log.error("THE LOG WAS CHANGED", reason=outcome.failure)
    with unavailable_when_away():
        row = (outcome.first, outcome.last, outcome.size, outcome.failure, outcome.failed_from)
        await system.pool.execute(_DONE, *row)
    return outcome


async def _check(system: System, size: int, ranges: list[int]) -> Outcome:
    first = last = 0
    try:
        await check_head(system)
    except LogChanged as error:
        return Outcome(first, last, size, str(error))
    for tile in ranges:
        first, last = tile * WIDTH + 1, (tile + TILES) * WIDTH
        try:
            seen = await check_range(system.pool, tile, TILES)
        except LogChanged as error:
            return Outcome(first, last, size, str(error), failed_from=first)
        last = tile * WIDTH + seen
        checked.inc(seen)
    return Outcome(first, last, size)


async def check_if_due(system: System) -> Outcome | None:
    """Check, if the last check of any node is a day old; raises Unavailable."""
    with unavailable_when_away():
        due = await system.pool.fetchval(_CLAIM, EVERY, LOOK)
    return await check_once(system) if due else None


async def check_daily(system: System) -> None:
    """Check for ever, once a day; a database that is away is asked again later."""
    await asyncio.sleep(AT_FIRST)
    while True:
        try:
            await check_if_due(system)
        except Unavailable:
            log.warning("the log is not checked while the database is away")
        await asyncio.sleep(LOOK * random.uniform(0.9, 1.1))

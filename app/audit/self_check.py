"""Checks a random range of the log against its tree every night, and raises an alarm if they differ."""

from __future__ import annotations

import asyncio
import random

import structlog
from prometheus_client import Counter, Gauge

from app.audit.checkpoints import Checkpoints
from app.audit.note import parse, parse_checkpoint
from app.audit.records import read_records
from app.audit.tree import HEIGHT, WIDTH, MissingHashes, Tree, complete_root
from app.database.postgres import Pool
from app.system import System
from domain.errors import Unavailable

NIGHT = 24 * 3600.0  # seconds between two checks
TILES = 40  # of 256 events each, that one check reads at most

checked = Counter("interlink_log_checked_events", "Events that the self-check looked at", registry=None)
broken = Gauge(
    "interlink_log_check_failed", "1 if the last self-check found the log changed, else 0", registry=None
)

log = structlog.get_logger(__name__)


class LogChanged(Exception):
    """What is stored is not what was recorded; the message names where."""


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


async def check_once(system: System) -> bool:
    """Check the head and a random range; whether all is well. Raises Unavailable."""
    size, _ = await Checkpoints.of(system).covering(0)
    first = random.randrange((size >> HEIGHT) + 1)
    try:
        await check_head(system)
        checked.inc(await check_range(system.pool, first, TILES))
    except LogChanged as error:
        broken.set(1)
        log.error("THE LOG WAS CHANGED", reason=str(error))
        return False
    broken.set(0)
    return True


async def check_nightly(system: System) -> None:
    """Check for ever, once a night; a database that is away is asked again later."""
    while True:
        await asyncio.sleep(NIGHT * random.uniform(0.9, 1.1))
        try:
            await check_once(system)
        except Unavailable:
            log.warning("the log is not checked while the database is away")

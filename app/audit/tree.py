"""The Merkle tree over the stored log: hashes of complete subtrees, and proofs in O(log n) readings.

Leaf hashes stand in `events`. What covers 256^L leaves, L ≥ 1, is kept in `tree_hashes`, made once by
`grow`; everything between is computed from at most 255 of the hashes below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.audit.proof import HashOf, tree_root
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog.merkle import EMPTY_ROOT, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT  # hashes in a full tile
MAX_LEVEL = 7
_TILES = 64  # read at a time when growing

_LEAVES = "SELECT leaf_hash AS hash FROM events WHERE position > $1 AND position <= $2 ORDER BY position"
_KEPT = 'SELECT hash FROM tree_hashes WHERE level = $1 AND "index" >= $2 AND "index" < $3 ORDER BY "index"'
_KEEP = """
INSERT INTO tree_hashes (level, "index", hash) SELECT $1, * FROM unnest($2::bigint[], $3::bytea[])
ON CONFLICT DO NOTHING
"""


class MissingHashes(LookupError):
    """The tree has not grown so far, or a part of the log is not there."""


class Tree:
    """Reads the tree of one log."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def grow(self, size: int) -> None:
        """Keep the hashes of all full tiles under `size` leaves; those that are there stay as they are.

        Several nodes may do so at once. Raises Unavailable, MissingHashes.
        """
        for level in range(1, MAX_LEVEL + 1):
            end = size >> HEIGHT * level
            if not end:
                return
            done = await self._done(level)
            while done < end:
                upto = min(end, done + _TILES)
                below = await self.hashes(level - 1, done * WIDTH, (upto - done) * WIDTH)
                tops = [complete_root(below[at : at + WIDTH]) for at in range(0, len(below), WIDTH)]
                with unavailable_when_away():
                    await self._pool.execute(_KEEP, level, list(range(done, upto)), tops)
                done = upto

    async def _done(self, level: int) -> int:
        with unavailable_when_away():
            last = await self._pool.fetchval('SELECT max("index") FROM tree_hashes WHERE level = $1', level)
        return 0 if last is None else int(last) + 1

    async def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """`count` hashes, 32 bytes each, over 256^level leaves each; raises Unavailable, MissingHashes."""
        statement, arguments = (
            (_KEPT, [level, first, first + count]) if level else (_LEAVES, [first, first + count])
        )
        with unavailable_when_away():
            rows = await self._pool.fetch(statement, *arguments)
        if len(rows) != count:
            raise MissingHashes(f"level {level} has {len(rows)} of {count} hashes from {first}")
        return [row["hash"] for row in rows]

    async def subtree(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree over 2^level leaves; raises Unavailable, MissingHashes."""
        tile_level, height = divmod(level, HEIGHT)
        return complete_root(await self.hashes(tile_level, index << height, 1 << height))

    async def prove(self, build: Callable[[HashOf], list[bytes]]) -> list[bytes]:
        """What `build` makes of the subtrees that it asks for; raises Unavailable, MissingHashes.

        `build` is called twice, and first with hashes that mean nothing: to learn what it needs.
        """
        wanted: dict[tuple[int, int], bytes] = {}

        def ask(level: int, index: int) -> bytes:
            return wanted.setdefault((level, index), EMPTY_ROOT)

        build(ask)
        for level, index in wanted:
            wanted[level, index] = await self.subtree(level, index)
        return build(ask)

    async def root(self, size: int) -> bytes:
        """The hash of the tree over the first `size` leaves; raises Unavailable, MissingHashes."""
        return (await self.prove(lambda hash_of: [tree_root(size, hash_of)]))[0]


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """The hash over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]

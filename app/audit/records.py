"""Events as auditors need them: the exact stored bytes, with what their leaf was made of.

`EventLog.read` is for everybody else; here nothing is decrypted, upcast or left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record as Row

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog import reading
from app.eventlog.leaf import LINES, SALT_SIZE, commitment, header
from app.eventlog.merkle import leaf_hash
from domain.ports import RecordedEvent

_READ = f"""
{reading.COLUMNS}, salt, commitment, leaf_hash FROM events
WHERE position > $1 AND position <= $2 AND ($3::uuid IS NULL OR process = $3)
ORDER BY position LIMIT $4
"""
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class LogRecord:
    """An event and its leaf. `rewritten`: payload, attachment or salt are not those it was recorded with.

    `commitment` (32 bytes) is the one under the leaf, `leaf_hash` (32 bytes) the one stored.
    """

    event: RecordedEvent
    salt: bytes
    commitment: bytes
    leaf_hash: bytes
    rewritten: bool

    @property
    def header(self) -> bytes:
        """The exact bytes that stand for all but the payload; see app/eventlog/leaf.py."""
        return header(self.event)

    @property
    def own_commitment(self) -> bytes:
        """The commitment to payload and salt as they are now; differs from `commitment` if rewritten."""
        return commitment(self.salt, self.event.payload)

    def is_sound(self) -> bool:
        """Whether the stored leaf, computed again, is that of this event and of no other.

        A salt of another size or a newline in a field could have moved from one field into the next.
        """
        header = self.header
        return (
            leaf_hash(header + self.commitment) == self.leaf_hash
            and len(self.salt) == SALT_SIZE
            and header.count(b"\n") == LINES + len(self.event.tags)
        )


async def read_records(
    pool: Pool, *, after: int = 0, through: int, process: UUID | None = None
) -> AsyncIterator[list[LogRecord]]:
    """Pages of records with `after < position <= through`, ascending; raises Unavailable."""
    while after < through:
        with unavailable_when_away():
            rows = await pool.fetch(_READ, after, through, process, PAGE)
        if rows:
            yield [_record(row) for row in rows]
        if len(rows) < PAGE:
            return
        after = rows[-1]["position"]


def _record(row: Row) -> LogRecord:
    *_, salt, kept, leaf = row.values()
    event = reading.event(row)
    under = commitment(salt, event.payload) if kept is None else kept
    return LogRecord(event, salt, under, leaf, kept is not None)

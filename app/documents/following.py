"""What a node asks PostgreSQL to keep up with the others: where something is new, and what it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from app.database.postgres import Pool
from domain.document import Document
from realtime.ports import Ends

ROWS_SINCE = """
SELECT id, origin, person_id, update FROM document_updates AS u
LEFT JOIN unnest($2::uuid[], $3::bigint[]) AS known (node, last) ON known.node = u.origin
WHERE document_id = $1 AND origin <> $4 AND id > coalesce(known.last, 0)
    AND NOT EXISTS (SELECT FROM document_set_aside AS s WHERE s.row_id = u.id)
ORDER BY id
"""
ROW_ENDS = """
SELECT document_id, origin, max(id) FROM document_updates
WHERE document_id = ANY($1::uuid[]) AND origin <> $2 GROUP BY document_id, origin
"""
# The head first: what is committed after it is looked at the next time.
BURST_ENDS = """
SELECT stream, max(position) FROM events
WHERE type = $1 AND position > $2 AND position <= $3 AND stream = ANY($4::uuid[]) GROUP BY stream
"""
HEAD = "SELECT position FROM log_head"


async def rows_since(pool: Pool, document: UUID, rows: Mapping[UUID, int], but: UUID) -> list[Any]:
    """Unsealed rows (id, origin, person, update) after those known of each node; none of `but`."""
    return await pool.fetch(ROWS_SINCE, document, list(rows), list(rows.values()), but)


async def ends(pool: Pool, documents: Collection[UUID], after: int, but: UUID) -> Ends:
    """How far documents are; see DocumentStore."""
    async with pool.acquire() as connection:
        # The journal before the log: what is sealed in between is in both, and not in neither.
        rows: dict[UUID, dict[UUID, int]] = defaultdict(dict)
        for document, origin, last in await connection.fetch(ROW_ENDS, documents, but):
            rows[document][origin] = last
        head: int = await connection.fetchval(HEAD)
        records = await connection.fetch(BURST_ENDS, Document.Edited.TOPIC, after, head, documents)
    return Ends(head, {record[0]: record[1] for record in records}, rows)

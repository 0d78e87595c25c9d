"""The statements that read events, and how a row becomes an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from domain.ports import EventFilter, RecordedEvent

COLUMNS = """
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, actor,
    on_behalf_of, command_id, correlation_id, causation_id, process, tags, payload, attachment
"""

EVENT = f"{COLUMNS} FROM events"

STREAM = f"{EVENT} WHERE stream = $1 AND stream_version > $2 ORDER BY stream_version LIMIT $3"

# Here and below, by keys that the planner does not know: where many events share one, it would take the
# primary key for the way to the first or last of them, and read the whole log when there is none.
RESULT_OF = """
SELECT min(position) AS first, max(position) AS last FROM events WHERE command_id = $1 GROUP BY command_id
"""

# The newest event of these types; 0: there is none. Only the index on both is in the order asked for.
NEWEST = """
SELECT coalesce(max(newest.position), 0) FROM unnest($1::text[]) AS wanted (type)
CROSS JOIN LATERAL (
    SELECT position FROM events WHERE events.type BETWEEN wanted.type AND wanted.type
    ORDER BY events.type DESC, position DESC LIMIT 1
) AS newest
"""

# Times do not decrease and positions have no gaps: bisection needs no index on recorded_at.
POSITION_AT = """
WITH RECURSIVE bisection (low, high) AS (
    SELECT 0::bigint, position FROM log_head
    UNION ALL
    SELECT CASE WHEN early THEN middle ELSE low END, CASE WHEN early THEN high ELSE middle - 1 END
    FROM bisection,
        LATERAL (SELECT (low + high + 1) / 2 AS middle),
        LATERAL (SELECT recorded_at <= $1::timestamptz AS early FROM events WHERE position = middle)
    WHERE low < high
)
SELECT low FROM bisection WHERE low = high
"""


def select(
    after: int, before: int | None, limit: int, where: EventFilter, backwards: bool
) -> tuple[str, list[object]]:
    """The statement and its arguments for a page of events."""
    clauses = ["position > $1"]
    arguments: list[object] = [after]

    def clause(template: str, *values: object) -> str:
        places = range(len(arguments) + 1, len(arguments) + len(values) + 1)
        arguments.extend(values)
        return template.format(*(f"${place}" for place in places))

    if before is not None:
        clauses.append(clause("position < {}", before))
    if where.types:
        clauses.append(_types(where.types, clause))
    for column in ("stream", "process", "actor"):
        value = getattr(where, column)
        if value is not None:
            clauses.append(clause(f"{column} = {{}}", value))
    if where.tags:
        clauses.append(clause("tags <> '{{}}' AND tags @> {}::text[]", list(where.tags)))
    order = "DESC" if backwards else "ASC"
    end = clause("LIMIT {}", limit)
    return f"{EVENT} WHERE {' AND '.join(clauses)} ORDER BY position {order} {end}", arguments


def _types(types: Sequence[str], clause: Any) -> str:
    exact = [name for name in types if not name.endswith(".*")]
    either = [clause("type = ANY({}::text[])", exact)] if exact else []
    for name in types:
        if name.endswith(".*"):  # in C collation everything that starts with "x." lies before "x/"
            either.append(clause("type >= {} AND type < {}", name[:-1], name[:-2] + "/"))
    return f"({' OR '.join(either)})"


def event(row: Record) -> RecordedEvent:
    """A row of the events table as an event; more columns than EVENT reads may follow."""
    values = list(row.values())
    values[13] = tuple(values[13])
    return RecordedEvent(*values[:16])

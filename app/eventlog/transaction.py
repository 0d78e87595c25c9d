"""One append transaction: lock the head, look, decide, insert, move the head, tell, commit.

The head row's lock makes commit order and position order the same thing, for all processes on the
database. It is taken by a statement of its own: what is read after it is read by a later snapshot,
which sees all that the lock's last holder committed.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from app.eventlog.decision import Append, KnownCommand, Outcome, State, decide
from app.eventlog.leaf import SALT_SIZE, leaf
from app.eventlog.merkle import Frontier
from domain.ports import RecordedEvent

PoolConnection: TypeAlias = "PoolConnectionProxy[Record]"
Clock: TypeAlias = Callable[[], datetime]

CHANNEL = "interlink_events"

# Every look-up here is by key; a plan made while the table was small must not scan it when it is big.
# A process that vanished with the head locked must not stop the others for good.
PREPARE_SESSION = "SET enable_seqscan = off; SET idle_in_transaction_session_timeout = '60s'"

LOCK_HEAD = "SELECT FROM log_head FOR UPDATE"

LOOK = """
SELECT position, recorded_at, frontier,
    ARRAY(
        SELECT coalesce(
            (SELECT stream_version FROM events WHERE stream = key ORDER BY stream_version DESC LIMIT 1), 0)
        FROM unnest($1::uuid[]) WITH ORDINALITY AS streams (key, place) ORDER BY place
    ) AS versions,
    ARRAY(
        SELECT key FROM unnest($2::uuid[]) AS commands (key)
        WHERE (SELECT position FROM events WHERE command_id = key ORDER BY position LIMIT 1) IS NOT NULL
    ) AS commands
FROM log_head
"""

KNOWN_COMMANDS = """
SELECT command_id, min(position) AS first, max(position) AS last,
    (array_agg(event_id ORDER BY position))[1] AS first_event
FROM events WHERE command_id = ANY($1::uuid[]) GROUP BY command_id
"""

RULED_OUT_BY_TYPE = """
SELECT EXISTS (SELECT FROM events WHERE position > $1 AND type = ANY($2::text[]))
"""

RULED_OUT_BY_TAGS = """
SELECT EXISTS (
    SELECT FROM events
    WHERE position > $1 AND tags <> '{}' AND tags @> $3::text[] AND ($2::text[] = '{}' OR type = ANY($2))
)
"""

MOVE_HEAD = """
UPDATE log_head SET position = {position}, recorded_at = '{recorded_at}', frontier = '\\x{frontier}';
NOTIFY {channel}, '{position}'
"""

COLUMNS = (
    "position",
    "event_id",
    "stream",
    "stream_version",
    "type",
    "schema_version",
    "recorded_at",
    "actor",
    "on_behalf_of",
    "command_id",
    "correlation_id",
    "causation_id",
    "process",
    "tags",
    "payload",
    "attachment",
    "salt",
    "leaf_hash",
)


class AlongsideFailed(Exception):
    """What was to commit with an append raised; `__cause__` is what it raised."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The answers to the appends, and the head that the transaction left or found."""

    outcomes: list[Outcome]
    head: int


async def store(connection: PoolConnection, appends: Sequence[Append], clock: Clock) -> Stored:
    """Store what can be stored of a batch; raises driver errors.

    A raised error means that nothing was stored, except for appends left `in_doubt`.
    """
    try:
        await connection.execute(f"BEGIN; {LOCK_HEAD}")
        stored, move_head = await _insert(connection, appends, clock)
        if move_head:
            _doubt(appends, True)
        await connection.execute(f"{move_head}; COMMIT" if move_head else "ROLLBACK")
    except Exception:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise
    return stored


async def store_alongside(connection: PoolConnection, append: Append, clock: Clock) -> Stored:
    """Store one append together with what goes alongside it; raises driver errors, AlongsideFailed."""
    transaction = connection.transaction()  # of the driver's own kind, so that `alongside` may nest
    await transaction.start()
    try:
        await connection.execute(LOCK_HEAD)
        stored, move_head = await _insert(connection, [append], clock)
        if move_head:
            await _run(append, connection)
            await connection.execute(move_head)
            _doubt([append], True)
            await transaction.commit()
        else:
            await transaction.rollback()
    except Exception:
        if not connection.is_closed():
            await transaction.rollback()
        raise
    return stored


async def _run(append: Append, connection: PoolConnection) -> None:
    alongside: Callable[[Any], Awaitable[None]] | None = append.alongside
    assert alongside is not None
    try:
        await alongside(connection)
    except Exception as error:
        if connection.is_closed():
            raise
        raise AlongsideFailed from error


def _doubt(appends: Sequence[Append], doubt: bool) -> None:
    for append in appends:
        append.in_doubt = doubt


async def _insert(
    connection: PoolConnection, appends: Sequence[Append], clock: Clock
) -> tuple[Stored, str | None]:
    """Look, decide and insert under the lock; the statements that move the head, if it must move."""
    state, frontier = await _look(connection, appends, clock)
    _doubt(appends, False)  # whoever held our earlier commit has let go of the head: we see what it left
    decision = decide(appends, state)
    events = decision.events
    if not events:
        return Stored(decision.outcomes, state.position), None
    head = state.position + len(events)
    await connection.copy_records_to_table("events", records=_rows(events, frontier), columns=COLUMNS)
    move_head = MOVE_HEAD.format(
        position=head,
        recorded_at=state.recorded_at.isoformat(),
        frontier=bytes(frontier).hex(),
        channel=CHANNEL,
    )
    return Stored(decision.outcomes, head), move_head


async def _look(
    connection: PoolConnection, appends: Sequence[Append], clock: Clock
) -> tuple[State, Frontier]:
    streams = list({event.stream for append in appends for event in append.events})
    commands = [append.context.command_id for append in appends if append.events]
    row = await connection.fetchrow(LOOK, streams, commands)
    assert row is not None
    state = State(
        position=row["position"],
        recorded_at=max(row["recorded_at"], clock()),
        versions=dict(zip(streams, row["versions"], strict=True)),
    )
    if row["commands"]:
        for known in await connection.fetch(KNOWN_COMMANDS, row["commands"]):
            state.commands[known["command_id"]] = KnownCommand(
                known["first"], known["last"], known["first_event"]
            )
    state.unmet = await _unmet(connection, appends, state.position)
    return state, Frontier.from_bytes(state.position, row["frontier"])


async def _unmet(connection: PoolConnection, appends: Sequence[Append], head: int) -> frozenset[int]:
    """The places of the appends whose condition a stored event breaks."""
    unmet = set()
    for index, append in enumerate(appends):
        condition = append.condition
        if condition is None or condition.after >= head:
            continue
        types, tags = list(condition.types), list(condition.tags)
        if tags:
            broken = await connection.fetchval(RULED_OUT_BY_TAGS, condition.after, types, tags)
        elif types:
            broken = await connection.fetchval(RULED_OUT_BY_TYPE, condition.after, types)
        else:
            broken = True
        if broken:
            unmet.add(index)
    return frozenset(unmet)


def _rows(events: Sequence[RecordedEvent], frontier: Frontier) -> list[tuple[object, ...]]:
    """The table rows of new events; their leaves are added to the frontier."""
    noise = os.urandom(SALT_SIZE * len(events))
    rows = []
    for index, event in enumerate(events):
        salt = noise[index * SALT_SIZE : (index + 1) * SALT_SIZE]
        hashed = leaf(event, salt)
        frontier.append(hashed)
        rows.append((*_values(event), salt, hashed))
    return rows


def _values(event: RecordedEvent) -> tuple[object, ...]:
    return (
        event.position,
        event.event_id,
        event.stream,
        event.version,
        event.type,
        event.schema_version,
        event.recorded_at,
        event.actor,
        event.on_behalf_of,
        event.command_id,
        event.correlation_id,
        event.causation_id,
        event.process,
        event.tags,
        event.payload,
        event.attachment,
    )

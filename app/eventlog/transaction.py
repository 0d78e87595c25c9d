"""One append transaction: lock the head, look, decide, insert, move the head, tell, commit.

The head row's lock makes commit order and position order the same thing, for all processes on the
database. It is taken by a statement of its own: what is read after it is read by a later snapshot,
which sees all that the lock's last holder committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from app.database.failures import PoolConnection, is_lost
from app.eventlog.decision import Append, KnownCommand, Outcome, State, decide, least_versions
from app.eventlog.draft import COLUMNS
from app.eventlog.merkle import Frontier
from app.eventlog.reading import NEWEST

Clock: TypeAlias = Callable[[], datetime]

CHANNEL = "interlink_events"

# Every look-up here is by key: planned once, and never as a scan that was right while the table was small.
# A process that vanished with the head locked must not stop the others for good.
PREPARE_SESSION = """
SET enable_seqscan = off;
SET plan_cache_mode = force_generic_plan;
SET idle_in_transaction_session_timeout = '60s'
"""

LOCK_HEAD = "SELECT FROM log_head FOR UPDATE"

LOOK = """
SELECT position, recorded_at, frontier,
    ARRAY(
        SELECT coalesce((
            SELECT stream_version FROM events WHERE stream = key AND stream_version >= lowest
            ORDER BY stream_version DESC LIMIT 1
        ), -sign(lowest)::int)
        FROM unnest($1::uuid[], $3::int[]) WITH ORDINALITY AS streams (key, lowest, place) ORDER BY place
    ) AS versions,
    ARRAY(
        SELECT key FROM unnest($2::uuid[]) AS commands (key)
        WHERE (SELECT position FROM events WHERE command_id = key LIMIT 1) IS NOT NULL
    ) AS commands
FROM log_head
"""

KNOWN_COMMANDS = """
SELECT command_id, min(position) AS first, max(position) AS last,
    (array_agg(event_id ORDER BY position))[1] AS first_event
FROM events WHERE command_id = ANY($1::uuid[]) GROUP BY command_id
"""

RULED_OUT_BY_TYPE = f"SELECT ({NEWEST}) > $2"

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
        if not is_lost(connection):
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
        if not is_lost(connection):
            await transaction.rollback()
        raise
    return stored


async def _run(append: Append, connection: PoolConnection) -> None:
    alongside: Callable[[Any], Awaitable[None]] | None = append.alongside
    assert alongside is not None
    try:
        await alongside(connection)
    except Exception as error:
        if is_lost(connection):
            raise
        raise AlongsideFailed from error


def _doubt(appends: Sequence[Append], doubt: bool) -> None:
    for append in appends:
        append.in_doubt = doubt


async def _insert(
    connection: PoolConnection, appends: Sequence[Append], clock: Clock
) -> tuple[Stored, str | None]:
    """Look, decide and insert under the lock; the statements that move the head, if it must move."""
    least = least_versions(appends)
    commands = [append.command_id for append in appends if append.drafts]
    row = await connection.fetchrow(LOOK, list(least), commands, list(least.values()))
    assert row is not None
    state = State(position=row["position"], versions=dict(zip(least, row["versions"], strict=True)))
    if row["commands"]:
        for command, *known in await connection.fetch(KNOWN_COMMANDS, row["commands"]):
            state.commands[command] = KnownCommand(*known)
    state.unmet = await _unmet(connection, appends, state.position)
    _doubt(appends, False)  # whoever held our earlier commit has let go of the head: we see what it left
    outcomes, placed = decide(appends, state)
    if not placed:
        return Stored(outcomes, state.position), None
    recorded_at = max(row["recorded_at"], clock())
    frontier = Frontier.from_bytes(state.position, row["frontier"])
    rows = []
    for position, version, draft in placed:
        leaf, values = draft.place(position, version, recorded_at)
        frontier.append(leaf)
        rows.append(values)
    await connection.copy_records_to_table("events", records=rows, columns=COLUMNS)
    move_head = MOVE_HEAD.format(
        position=frontier.size,
        recorded_at=recorded_at.isoformat(),
        frontier=bytes(frontier).hex(),
        channel=CHANNEL,
    )
    return Stored(outcomes, frontier.size), move_head


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
            broken = await connection.fetchval(RULED_OUT_BY_TYPE, types, condition.after)
        else:
            broken = True
        if broken:
            unmet.add(index)
    return frozenset(unmet)

"""What the database still holds of rows that are gone: freed, and the planner's samples of columns renewed.

PostgreSQL keeps replaced and deleted rows until it vacuums, which on a quiet table may be never.
"""

from __future__ import annotations

import asyncpg
import structlog

from app.database.postgres import Pool

log = structlog.get_logger(__name__)

_LIMIT = 3600.0  # seconds
_MINE = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
WHERE schemaname = current_schema() AND (tableowner = current_user
    OR CASE WHEN current_setting('server_version_num')::int >= 170000
        THEN has_table_privilege(format('%I.%I', schemaname, tablename), 'MAINTAIN') END)
"""


async def sweep(pool: Pool) -> None:
    """Vacuum what was written to. Tables in the midst of maintenance are passed over; never raises."""
    try:
        tables = await pool.fetchval(_MINE)
        if tables:
            await pool.execute(f"VACUUM (ANALYZE, SKIP_LOCKED) {tables}", timeout=_LIMIT)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning("not_vacuumed", error=type(error).__name__)

"""The role that the application works as: it may add events, and never change or delete one.

The login of DATABASE_URL owns the tables and makes those of views. What serves people does so as this
role, without the rights to change what is recorded; triggers are the second lock. Payloads are
replaced and checkpoints thinned out by functions that run with their owner's rights.
"""

from __future__ import annotations

import asyncpg
import structlog

ROLE = "interlink_app"
OLDEST = 17
"""The first PostgreSQL that can let a role vacuum tables which it does not own (MAINTAIN)."""

_IS_THERE = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
_MAY_BE_USED = "SELECT pg_has_role(current_user, $1, 'MEMBER')"
_APPEND_ONLY = ("events", "log_keys", "refused_heads", "time_stamps", "tree_hashes")
_NEVER_DELETED = ("checkpoints", "log_head", "self_check", "witnessed_heads")
_TOUCH = "UPDATE, DELETE, TRUNCATE"
_GRANTS = f"""
GRANT USAGE ON SCHEMA public TO {ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE};
ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE};
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {ROLE};
GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO {ROLE};
ALTER DEFAULT PRIVILEGES GRANT MAINTAIN ON TABLES TO {ROLE};
REVOKE {_TOUCH} ON {", ".join(_APPEND_ONLY)} FROM {ROLE};
REVOKE DELETE, TRUNCATE ON {", ".join(_NEVER_DELETED)} FROM {ROLE};
REVOKE INSERT, {_TOUCH} ON alembic_version FROM {ROLE};
"""
_COULD = """
SELECT has_table_privilege($1, 'events', 'UPDATE') OR has_table_privilege($1, 'events', 'DELETE')
    OR has_table_privilege($1, 'events', 'TRUNCATE')
"""

log = structlog.get_logger(__name__)


async def restrict(url: str) -> None:
    """Make the role if it is missing and may be made, and give it what it needs and no more.

    To be called when the schema is up to date, under the lock of migrations. Raises OSError,
    asyncpg.PostgresError.
    """
    connection = await asyncpg.connect(url)
    try:
        if await _made(connection):
            async with connection.transaction():
                await connection.execute(_GRANTS)
    finally:
        await connection.close()


async def application_role(url: str) -> str | None:
    """The role to work as; None: as the login itself, with a warning if that could change events.

    Raises OSError, asyncpg.PostgresError.
    """
    connection = await asyncpg.connect(url)
    try:
        if await _usable(connection) and not await connection.fetchval(_COULD, ROLE):
            return ROLE
        login: str = await connection.fetchval("SELECT current_user::text")
        if await connection.fetchval(_COULD, login):
            log.warning("the application could change recorded events", login=login, missing=ROLE)
        return None
    finally:
        await connection.close()


async def _made(connection: asyncpg.Connection) -> bool:
    """Whether the role is there, and the login may use it."""
    if connection.get_server_version().major < OLDEST:
        return False
    try:
        if not await connection.fetchval(_IS_THERE, ROLE):
            await connection.execute(f"CREATE ROLE {ROLE} NOLOGIN")
        if not await connection.fetchval(_MAY_BE_USED, ROLE):
            await connection.execute(f"GRANT {ROLE} TO CURRENT_USER")
    except asyncpg.InsufficientPrivilegeError:
        return False
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        pass  # made for another database of this server just now
    return True


async def _usable(connection: asyncpg.Connection) -> bool:
    there = await connection.fetchval(_IS_THERE, ROLE)
    return bool(there and await connection.fetchval(_MAY_BE_USED, ROLE))

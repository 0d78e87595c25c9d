"""Rows that exist for one person alone, and go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

END_SIGN_INS = (
    "DELETE FROM sessions WHERE person = $1 RETURNING id",
    "UPDATE access_tokens SET revoked_at = now() WHERE person = $1 AND revoked_at IS NULL RETURNING id",
)


@dataclass(frozen=True, slots=True)
class Owned:
    """A table whose `column` says whose a row is; rows that depend on it are deleted with it."""

    table: str
    column: str

    async def delete(self, connection: Any, person: UUID) -> None:
        """Delete what is the person's."""
        await connection.execute(f"DELETE FROM {self.table} WHERE {self.column} = $1", person)


OWNED = (
    Owned("access_tokens", "person"),
    Owned("sessions", "person"),
    Owned("persons", "id"),
)


async def delete_owned(connection: Any, person: UUID) -> None:
    """Delete all of the person's rows, the profile last."""
    for owned in OWNED:
        await owned.delete(connection, person)

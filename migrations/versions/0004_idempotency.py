"""Idempotency keys of the HTTP interface: what each was first used for.

Neither keys nor requests are kept, only their SHA-256.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"

SQL = """
CREATE TABLE idempotency_keys (
    key_hash    bytea PRIMARY KEY,
    fingerprint bytea NOT NULL,
    used_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_keys_used_at ON idempotency_keys (used_at);
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

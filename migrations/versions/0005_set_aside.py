"""What of a document can't be read, and is passed over until somebody releases it.

Nothing is moved or deleted: journal rows and events stay where they are.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = """
CREATE TABLE document_set_aside (
    document_id uuid NOT NULL,
    row_id bigint,
    position bigint,
    reason text NOT NULL,
    set_aside_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(row_id, position) = 1),
    UNIQUE NULLS NOT DISTINCT (document_id, row_id, position)
);

-- States are read far more often than written, and hold little that could be compressed. With the
-- vector nobody has to decode one before it is needed; the digest (SHA-256 of vector and state) tells
-- whether they are what was written.
DELETE FROM document_snapshots;
ALTER TABLE document_snapshots ALTER COLUMN state SET STORAGE EXTERNAL;
ALTER TABLE document_snapshots ADD COLUMN vector bytea NOT NULL, ADD COLUMN digest bytea NOT NULL;
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

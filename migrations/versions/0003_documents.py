"""Live documents: the journal, authorship, snapshots.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = """
-- The journal: what clients wrote and was committed, until it is sealed into document.edited events.
-- (origin, sequence) names one write of one process, so that a write repeated after a lost
-- acknowledgement stores nothing twice.
CREATE TABLE document_updates (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id uuid NOT NULL,
    person_id uuid NOT NULL,
    session uuid NOT NULL,
    received_at timestamptz NOT NULL,
    inserted integer NOT NULL,
    deleted integer NOT NULL,
    origin uuid NOT NULL,
    sequence bigint NOT NULL,
    update bytea NOT NULL,
    UNIQUE (origin, sequence)
);
ALTER TABLE document_updates ALTER COLUMN update SET STORAGE EXTERNAL;
CREATE INDEX document_updates_document ON document_updates (document_id, id);

-- A cache: the state that all bursts up to a position give.
CREATE TABLE document_snapshots (
    document_id uuid NOT NULL,
    through_position bigint NOT NULL,
    state bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, through_position)
);

-- Whose a Yjs client id is in a document: the first person's who wrote under it.
CREATE TABLE document_clients (
    document_id uuid NOT NULL,
    client_id bigint NOT NULL,
    person_id uuid NOT NULL,
    PRIMARY KEY (document_id, client_id)
);
CREATE INDEX document_clients_person ON document_clients (person_id);
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

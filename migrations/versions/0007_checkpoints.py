"""Signed checkpoints, hashes above the leaves, and keys of the Merkle tree.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"

SQL = """
CREATE TABLE log_keys (
    vkey text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE checkpoints (
    size bigint NOT NULL CHECK (size >= 0),
    vkey text NOT NULL REFERENCES log_keys,
    root bytea NOT NULL,
    note text NOT NULL,
    cosignatures text NOT NULL DEFAULT '',
    signed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (vkey, size)
);
COMMENT ON COLUMN checkpoints.cosignatures IS 'Signature lines of witnesses, to be put behind the note';
CREATE TABLE tree_hashes (
    level smallint NOT NULL CHECK (level > 0),
    "index" bigint NOT NULL CHECK ("index" >= 0),
    hash bytea NOT NULL,
    PRIMARY KEY (level, "index")
);
COMMENT ON TABLE tree_hashes IS 'RFC 6962 hashes over 256^level events each; leaves are in events.leaf_hash';
CREATE TRIGGER checkpoints_stay BEFORE DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_keys_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON log_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

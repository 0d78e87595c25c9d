"""The event log: events, the head with its Merkle frontier, and what guards them.

Revision ID: 0001
Revises: nothing

`type` is in the C collation so that a prefix (`document.*`) is an index range. Partial indices
keep an append from paying for what most events do not have. The head row is rewritten by every
append transaction, hence room on its page.
"""

from alembic import op

revision = "0001"
down_revision = None

SQL = """
CREATE TABLE events (
    position bigint PRIMARY KEY CHECK (position > 0),
    event_id uuid NOT NULL UNIQUE,
    stream uuid NOT NULL,
    stream_version integer NOT NULL CHECK (stream_version > 0),
    type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL CHECK (schema_version > 0),
    recorded_at timestamptz NOT NULL,
    actor uuid,
    on_behalf_of uuid,
    command_id uuid NOT NULL,
    correlation_id uuid,
    causation_id uuid,
    process uuid,
    tags text[] NOT NULL,
    payload bytea NOT NULL,
    attachment bytea,
    salt bytea NOT NULL,
    leaf_hash bytea NOT NULL,
    UNIQUE (stream, stream_version)
);

CREATE INDEX events_command ON events (command_id, position);

CREATE INDEX events_process ON events (process, position) WHERE process IS NOT NULL;

CREATE INDEX events_type ON events (type, position);

CREATE INDEX events_tags ON events USING gin (tags) WHERE tags <> '{}';

CREATE TABLE log_head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    frontier bytea NOT NULL
) WITH (fillfactor = 10);

COMMENT ON COLUMN log_head.frontier IS
    'RFC 6962 hashes of the complete subtrees under the events so far, 32 bytes each, largest first';

INSERT INTO log_head (position, recorded_at, frontier) VALUES (0, 'epoch', '');

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: what is recorded stays as it is', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER events_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER log_head_stays BEFORE DELETE OR TRUNCATE ON log_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    for statement in SQL.split("\n\n"):  # the driver takes one at a time
        op.execute(statement)

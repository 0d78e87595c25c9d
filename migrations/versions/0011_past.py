"""States of aggregates and views at earlier positions, kept so that looking back is quick.

They are a cache: whoever deletes them loses time only. They hold what events held, so when the log is
rewritten, whatever was made of the replaced events goes in the same transaction, and what is being made
of them at that moment finds another generation and is not kept.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"

SQL = """
CREATE TABLE past_states (
    thing uuid NOT NULL,
    kind text NOT NULL,
    code text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    state bytea NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (thing, kind, position)
);

COMMENT ON TABLE past_states IS 'States as of a position: of streams, and of views'' rows about one process';

COMMENT ON COLUMN past_states.code IS 'Which code made it; what other code made is not used';

CREATE TABLE past_generation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    generation bigint NOT NULL
);

INSERT INTO past_generation (generation) VALUES (1);

CREATE FUNCTION forget_past_states() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE past_generation SET generation = generation + 1;
    DELETE FROM past_states USING rewritten
    WHERE past_states.thing IN (rewritten.stream, rewritten.process)
        AND past_states.position >= rewritten.position;
    RETURN NULL;
END $$;

CREATE TRIGGER events_leave_no_past_states AFTER UPDATE ON events
    REFERENCING OLD TABLE AS rewritten FOR EACH STATEMENT EXECUTE FUNCTION forget_past_states();
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split("\n\n")):  # the driver takes one at a time
        op.execute(statement)

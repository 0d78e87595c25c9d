"""What was recorded may be forgotten, in one way only: a payload is replaced, and the log tells of it.

A leaf of the Merkle tree holds a commitment to the payload, not the payload. When a person is erased,
payloads, attachments and salts that hold something of theirs are replaced; `commitment` then keeps what
the leaf was made of, and a `person.erased` event names the old and the new commitment of each position.
Everything else about an event stays as it was, also in this way.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"

SQL = """
ALTER TABLE events ADD COLUMN commitment bytea;

COMMENT ON COLUMN events.commitment IS
    'Of the payload that the leaf was made of, if another has taken its place; else SHA-256(salt, payload)';

CREATE TABLE event_rewrites (
    erasure uuid NOT NULL,
    position bigint NOT NULL,
    payload bytea NOT NULL,
    attachment bytea,
    salt bytea NOT NULL,
    PRIMARY KEY (erasure, position)
);

COMMENT ON TABLE event_rewrites IS 'What is to take the place of payloads, until rewrite_events() does it';

CREATE FUNCTION only_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('interlink.rewriting', true) = 'on'
        AND NEW.commitment = coalesce(OLD.commitment, sha256(OLD.salt || OLD.payload))
        AND to_jsonb(NEW) - '{payload,attachment,salt,commitment}'::text[]
            = to_jsonb(OLD) - '{payload,attachment,salt,commitment}'::text[]
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % is refused: what is recorded stays as it is', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

DROP TRIGGER events_are_immutable ON events;

CREATE TRIGGER events_are_immutable BEFORE DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER events_are_rewritten_only BEFORE UPDATE ON events
    FOR EACH ROW EXECUTE FUNCTION only_rewrite();

CREATE FUNCTION rewrite_events(of_erasure uuid) RETURNS bigint LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE done bigint;
BEGIN
    PERFORM set_config('interlink.rewriting', 'on', true);
    UPDATE events SET payload = r.payload, attachment = r.attachment, salt = r.salt,
        commitment = coalesce(events.commitment, sha256(events.salt || events.payload))
    FROM event_rewrites AS r WHERE r.erasure = of_erasure AND r.position = events.position;
    GET DIAGNOSTICS done = ROW_COUNT;
    PERFORM set_config('interlink.rewriting', '', true);
    DELETE FROM event_rewrites WHERE erasure = of_erasure;
    RETURN done;
END $$;
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split("\n\n")):  # the driver takes one at a time
        op.execute(statement)

"""Heads that witnesses saw, time stamps of ours, thinning of checkpoints, and the last self-check.

What a witness cosigned only ever goes forward. Checkpoints may be thinned out in one way only: what
is older than a day, by `thin_checkpoints()`, whose rule is in docs/audit.md.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"

SQL = """
CREATE TABLE witnessed_heads (
    origin text PRIMARY KEY,
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL,
    note text NOT NULL,
    cosigned_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE witnessed_heads IS 'The newest head of each other log that this installation cosigned';

CREATE FUNCTION only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.origin = OLD.origin
        AND (NEW.size > OLD.size OR (NEW.size = OLD.size AND NEW.root = OLD.root))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % is refused: a witness does not go back', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER witnessed_heads_go_forward BEFORE UPDATE ON witnessed_heads
    FOR EACH ROW EXECUTE FUNCTION only_forward();

CREATE TRIGGER witnessed_heads_stay BEFORE DELETE OR TRUNCATE ON witnessed_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE refused_heads (
    origin text NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    note text NOT NULL,
    cosigned_size bigint NOT NULL,
    cosigned_note text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (origin, size, root)
);

COMMENT ON TABLE refused_heads IS
    'Signed heads of other logs that were not shown to continue what was cosigned, beside that: evidence';

CREATE TABLE witnesses (
    log text NOT NULL,
    vkey text NOT NULL,
    size bigint NOT NULL DEFAULT 0,
    asked_at timestamptz NOT NULL DEFAULT 'epoch',
    cosigned_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    failure text,
    refused boolean NOT NULL DEFAULT false,
    PRIMARY KEY (log, vkey)
);

COMMENT ON TABLE witnesses IS 'What each witness cosigned last of the log with this key, and its last error';

CREATE TABLE time_stamps (
    vkey text NOT NULL,
    size bigint NOT NULL,
    made_at timestamptz NOT NULL,
    response bytea NOT NULL,
    PRIMARY KEY (vkey, size, made_at),
    FOREIGN KEY (vkey, size) REFERENCES checkpoints
);

COMMENT ON COLUMN time_stamps.response IS 'RFC 3161 TimeStampResp over SHA-256 of the checkpoint''s text';

CREATE TRIGGER time_stamps_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON time_stamps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION only_thinning() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('interlink.thinning', true) = 'on' AND OLD.signed_at < now() - interval '1 day' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% of % is refused: what is recorded stays as it is', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

DROP TRIGGER checkpoints_stay ON checkpoints;

CREATE TRIGGER checkpoints_stay BEFORE TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER checkpoints_are_thinned_only BEFORE DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION only_thinning();

CREATE FUNCTION thin_checkpoints(most integer) RETURNS bigint LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE done bigint;
BEGIN
    PERFORM set_config('interlink.thinning', 'on', true);
    WITH dated AS (
        SELECT vkey, size, cosignatures <> '' AS cosigned,
            CASE WHEN signed_at < now() - interval '30 days' THEN date_trunc('day', signed_at, 'UTC')
                ELSE date_trunc('hour', signed_at, 'UTC') END AS bucket
        FROM checkpoints WHERE signed_at < now() - interval '1 day'
    ), ranked AS (
        SELECT vkey, size, cosigned,
            row_number() OVER (PARTITION BY vkey, bucket ORDER BY size DESC) AS of_all,
            row_number() OVER (PARTITION BY vkey, bucket, cosigned ORDER BY size DESC) AS of_kind
        FROM dated
    ), superfluous AS (
        SELECT vkey, size FROM ranked AS r
        WHERE of_all > 1 AND NOT (cosigned AND of_kind = 1)
            AND NOT EXISTS (SELECT FROM time_stamps AS t WHERE t.vkey = r.vkey AND t.size = r.size)
        LIMIT most
    )
    DELETE FROM checkpoints AS c USING superfluous AS s WHERE c.vkey = s.vkey AND c.size = s.size;
    GET DIAGNOSTICS done = ROW_COUNT;
    PERFORM set_config('interlink.thinning', '', true);
    RETURN done;
END $$;

CREATE TABLE self_check (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    begun_at timestamptz NOT NULL DEFAULT 'epoch',
    checked_at timestamptz NOT NULL DEFAULT 'epoch',
    first bigint NOT NULL DEFAULT 0,
    last bigint NOT NULL DEFAULT 0,
    size bigint NOT NULL DEFAULT 0,
    failure text,
    failed_from bigint
);

COMMENT ON TABLE self_check IS 'How the last check went: events first to last, under the head of size';

COMMENT ON COLUMN self_check.failed_from IS 'First event of the range that failed; checked again each time';

INSERT INTO self_check DEFAULT VALUES;
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split("\n\n")):  # the driver takes one at a time
        op.execute(statement)

"""Subscriptions and what they still have to deliver.

A delivery is a row from when an event was found to be one for the subscription until it is acknowledged
(then it is deleted) or parked. The cursor is the position up to which the log was looked through, and
moves in the transaction that adds the rows. `revision` grows with each change that makes a page of the
log, looked through meanwhile, the wrong one.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"

SQL = """
CREATE TABLE subscriptions (
    id uuid PRIMARY KEY,
    owner uuid NOT NULL REFERENCES persons (id) ON DELETE CASCADE,
    credential uuid,
    kind text NOT NULL CHECK (kind IN ('webhook', 'pull')),
    name text NOT NULL,
    filter jsonb NOT NULL DEFAULT '[]',
    settings jsonb NOT NULL DEFAULT '{}',
    start text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'failing', 'disabled')),
    cursor bigint NOT NULL CHECK (cursor >= 0),
    replay_after bigint,
    replay_through bigint,
    revision bigint NOT NULL DEFAULT 1,
    last_error text,
    last_error_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((replay_after IS NULL) = (replay_through IS NULL))
);
COMMENT ON COLUMN subscriptions.credential IS
    'The access token that it was made with, and ends with; NULL: made in a session, ends with its owner';
CREATE INDEX subscriptions_owner ON subscriptions (owner, created_at);
CREATE TABLE deliveries (
    subscription uuid NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    position bigint NOT NULL,
    stream uuid NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased', 'parked')),
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    lease uuid,
    leased_until timestamptz,
    last_error text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    replayed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (subscription, position),
    CHECK ((state = 'leased') = (lease IS NOT NULL) AND (lease IS NULL) = (leased_until IS NULL))
);
CREATE UNIQUE INDEX deliveries_lease ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (subscription, stream, position) WHERE state <> 'parked';
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

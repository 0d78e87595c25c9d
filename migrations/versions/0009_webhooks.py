"""Webhooks: secrets and the delivery log.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"

SQL = """
CREATE TABLE webhook_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription uuid NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('shared', 'private')),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retires_at timestamptz
);
COMMENT ON COLUMN webhook_keys.sealed IS 'AES-256-GCM under a key derived from SECRET_KEY';
COMMENT ON COLUMN webhook_keys.retires_at IS 'Until when it signs beside its successor; NULL: current';
CREATE UNIQUE INDEX webhook_keys_current ON webhook_keys (subscription, kind) WHERE retires_at IS NULL;
CREATE INDEX webhook_keys_subscription ON webhook_keys (subscription);
CREATE TABLE webhook_quiet (
    subscription uuid PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    until timestamptz NOT NULL
);
COMMENT ON TABLE webhook_quiet IS 'Receivers that asked to be left alone for a while';
CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription uuid NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT now(),
    cause text NOT NULL CHECK (cause IN ('event', 'replay', 'redelivery', 'ping')),
    positions bigint[] NOT NULL,
    attempt integer NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('delivered', 'retried', 'parked', 'disabled', 'failed')),
    status integer,
    error text,
    duration_ms integer NOT NULL
);
COMMENT ON TABLE webhook_deliveries IS 'What was attempted of late, without what was sent or answered';
CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (subscription, at DESC, id);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (at);
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

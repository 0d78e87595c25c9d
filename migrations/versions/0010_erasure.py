"""Forgetting people: who asked for it, on which ground, when it is due, and when it was done.

A row outlives the person's profile: ids and times only. From `begun_at` on it can't be called back.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"

SQL = """
CREATE TABLE erasures (
    id           uuid PRIMARY KEY,
    person       uuid NOT NULL,
    basis        text NOT NULL,
    text         text NOT NULL,
    asked_by     uuid,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    due_at       timestamptz NOT NULL,
    begun_at     timestamptz,
    finished_at  timestamptz
);
CREATE UNIQUE INDEX erasures_pending ON erasures (person) WHERE finished_at IS NULL;
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

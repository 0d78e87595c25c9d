"""How long what is kept: how far the events of a type have been emptied, by age; where text has to stay.

And PostgreSQL's planner keeps no samples of what people wrote: it would not forget them with the rows. No
query compares these columns. Changing a column's type, if only to the same, drops the samples taken before.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"

UNSAMPLED = (
    ("access_tokens", "name", "text"),
    ("document_snapshots", "state", "bytea"),
    ("document_updates", "update", "bytea"),
    ("event_rewrites", "attachment", "bytea"),
    ("event_rewrites", "payload", "bytea"),
    ("events", "attachment", "bytea"),
    ("events", "payload", "bytea"),
    ("past_states", "state", "bytea"),
    ("persons", "email", "text"),
    ("persons", "name", "text"),
    ("subscriptions", "name", "text"),
)

SQL = """
CREATE TABLE retention (
    type text PRIMARY KEY,
    through bigint NOT NULL CHECK (through >= 0),
    at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retention IS 'Payloads of events of a type are emptied up to this position';

ALTER TABLE erasures ADD COLUMN kept uuid[];
COMMENT ON COLUMN erasures.kept IS
    'Documents in which text stays on a legal ground that their process has; NULL until it begins';
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)
    for table, column, kind in UNSAMPLED:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind}")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")

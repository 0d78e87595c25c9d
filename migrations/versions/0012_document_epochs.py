"""Documents from which text was redacted.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"

SQL = """
-- How often text was redacted from a document. Copies of it from an earlier epoch may hold that text.
CREATE TABLE document_epochs (
    document_id uuid PRIMARY KEY,
    epoch integer NOT NULL CHECK (epoch > 0)
);
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

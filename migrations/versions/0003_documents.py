"""Live documents: the journal, authorship, snapshots.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = """
SELECT 1;
"""


def upgrade() -> None:
    op.execute(SQL)

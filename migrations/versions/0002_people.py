"""People and how they sign in: profiles, sessions, access tokens.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = """
SELECT 1;
"""


def upgrade() -> None:
    op.execute(SQL)

"""Documents as they were, kept for looking back.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"

SQL = """
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

"""How long what is kept.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"

SQL = """
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

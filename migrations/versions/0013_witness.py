"""Heads that witnesses saw, and time stamps of ours.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"

SQL = """
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split(";\n")):  # the driver takes one at a time
        op.execute(statement)

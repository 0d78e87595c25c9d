"""Whoever delivers is told when there is something to deliver, on all nodes.

The channel `deliveries_due` says only that: what is due for whom is asked of the tables. What becomes due
by the clock alone (a retry, a lease that ran out) is not told.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"

SQL = """
CREATE FUNCTION tell_deliveries_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('deliveries_due', '');
    RETURN NULL;
END $$;

CREATE TRIGGER deliveries_are_due AFTER INSERT ON deliveries
    FOR EACH STATEMENT EXECUTE FUNCTION tell_deliveries_due();

CREATE TRIGGER deliveries_are_due_again AFTER UPDATE OF state ON deliveries
    FOR EACH ROW WHEN (OLD.state = 'parked' AND NEW.state = 'pending')
    EXECUTE FUNCTION tell_deliveries_due();

CREATE TRIGGER deliveries_go_on AFTER UPDATE OF state ON subscriptions
    FOR EACH ROW WHEN (OLD.state IN ('paused', 'disabled') AND NEW.state = 'active')
    EXECUTE FUNCTION tell_deliveries_due();
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split("\n\n")):  # the driver takes one at a time
        op.execute(statement)

"""Documents as they were, kept for looking back.

They are kept in `past_states` (0011) as kind `document`, and go from there when their events are rewritten.
Two more things make them worthless: an epoch of the document ends, or one of its bursts is set aside or
released. A state that is being made meanwhile finds another generation and is not kept.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"

SQL = """
CREATE FUNCTION forget_document_states() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE past_generation SET generation = generation + 1;
    DELETE FROM past_states WHERE kind = 'document' AND thing = coalesce(NEW.document_id, OLD.document_id);
    RETURN NULL;
END $$;

CREATE TRIGGER document_epochs_leave_no_states AFTER INSERT OR UPDATE ON document_epochs
    FOR EACH ROW EXECUTE FUNCTION forget_document_states();

CREATE TRIGGER document_set_aside_leaves_no_states AFTER INSERT OR UPDATE OR DELETE ON document_set_aside
    FOR EACH ROW EXECUTE FUNCTION forget_document_states();
"""


def upgrade() -> None:
    for statement in filter(str.strip, SQL.split("\n\n")):  # the driver takes one at a time
        op.execute(statement)

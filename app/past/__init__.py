"""What was, as of any log position: aggregates and views, by the code that also runs live."""

from __future__ import annotations

from app.database.postgres import Pool
from app.past.aggregates import PastAggregates, PastState
from app.past.kept import EVERY, KeptStates
from app.past.views import PastViews
from domain.ports import EventLog

__all__ = ["Past", "PastState"]


class Past:
    """The pasts of aggregates and of views. Those of documents are at `System.history`."""

    def __init__(self, pool: Pool, log: EventLog, *, every: int = EVERY) -> None:
        """`every`: how many events lie between two kept states, at least."""
        kept = KeptStates(pool, every=every)
        self.aggregates = PastAggregates(pool, log, kept)
        self.views = PastViews(pool, log, kept)

"""Documents that can't be read: each fails alone, and is tried again less and less often."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from domain.errors import Unavailable
from realtime.backoff import Backoff
from realtime.crdt import EngineError, Replica
from realtime.late import late_replica
from realtime.metrics import Metrics
from realtime.ports import DocumentStore, Stored
from realtime.replay import committed_replica
from realtime.wire import Malformed

logger = logging.getLogger(__name__)


class Quarantined(Unavailable):
    """The document can't be opened: it could not be read a moment ago, or failed again and again."""


class Quarantine:
    """Stands between rooms and the store, and remembers what went wrong.

    A store that does not answer is no reason for it: that concerns all documents, and passes.
    """

    def __init__(self, store: DocumentStore, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._unreadable = Backoff()
        self._retired = Backoff()

    def check(self, document: UUID) -> None:
        """Raises Quarantined while a document is not to be tried again."""
        now = asyncio.get_running_loop().time()
        if not self._unreadable.may_try(document, now):
            raise Quarantined("the document can't be read now")
        if not self._retired.may_try(document, now):
            raise Quarantined("the document is loaded again in a moment")

    def retired(self, document: UUID) -> None:
        """A room of this document had to be given up: the next time soon after has to wait."""
        self._retired.failed(document, asyncio.get_running_loop().time())

    async def restored(self, document: UUID) -> tuple[Stored, Replica]:
        """What is stored of a document, and its replica; raises Quarantined, and what the store raises.

        A snapshot that can't be read is passed over: it is a cache.
        """
        loop = asyncio.get_running_loop()
        stored = await self._store.load(document)
        try:
            try:
                replica = await late_replica(stored) or await committed_replica(stored)
            except (Malformed, EngineError):
                if stored.snapshot is None:
                    raise
                stored = await self._store.load(document, snapshot=False)
                replica = await committed_replica(stored)
                logger.warning("document %s was loaded without its snapshot, which can't be read", document)
        except (Malformed, EngineError) as error:
            pause = self._unreadable.failed(document, loop.time())
            self._metrics.load_failures += 1
            self._metrics.quarantined = len(self._unreadable)
            logger.exception("document %s can't be read, next try in %.0f s", document, pause)
            raise Quarantined("the document can't be read now") from error
        self._unreadable.worked(document)
        self._metrics.quarantined = len(self._unreadable)
        return stored, replica

"""What items say they are in must be a thing that holds others: an engine refuses the rest, too late."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.content import Content
from realtime.update import Id, Update, may_hold

_KNOWN = 10_000  # ids remembered; what is forgotten is looked up again


class Parents:
    """Of one document. Ids of shared types, as far as they were asked for or are new."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._known: set[Id] = set()

    def fit(self, data: bytes, update: Update, on_their_way: Sequence[bytes]) -> bool:
        """Whether everything in an update is in something; raises EngineError.

        `on_their_way`: updates that are accepted and not committed yet.
        """
        for parent in update.parents:
            if parent not in update.types and parent not in self._known:
                if not self._look(parent, (data, *on_their_way)):
                    return False
                self.remember({parent})
        return True

    def _look(self, parent: Id, updates: tuple[bytes, ...]) -> bool:
        found = self._content.may_hold(*parent)
        for update in updates:
            if found is None:
                found = may_hold(update, *parent)
        return bool(found)

    def remember(self, types: set[Id]) -> None:
        """These are shared types, for certain."""
        if len(self._known) + len(types) > _KNOWN:
            self._known.clear()
        self._known |= types

"""What a client that counts its unsaved changes must be told, so that it reaches 0 when all is durable.

The stock hocuspocus client starts at 1 with each step1 of its own (for the step2 that the answer makes
it send), adds 1 for each update, and takes 1 off for each sync status 1. So
- its step2 and its updates bring one status each, 1 once durable, 0 if not taken;
- a step2 that the server asked for by itself brings none: the client did not count it;
- what was not taken is made good when a later step2, which holds it, is durable.
Source: @hocuspocus/provider 4.8.0 `HocuspocusProvider.ts` (`unsyncedChanges`), `MessageReceiver.ts`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Awaited:
    worth: int  # by how much the client's count goes down once this is durable
    counted: bool  # by the client


@dataclass(slots=True)
class Receipts:
    """One client's view of one document.

    Edits are answered in the order in which they came, but for those answered on the spot: between
    `edit` and `handled`.
    """

    _asked: int = 0  # step1 sent without one from the client
    _owed: int = 0  # counted by the client, and not to be answered any more
    _awaited: deque[_Awaited] = field(default_factory=deque)
    _on_the_spot: bool = False

    def began(self) -> None:
        """The client sent a step1 and counts anew."""
        self._owed = 0

    def ask(self) -> None:
        """The server sends a step1 that the client has not called for."""
        self._asked += 1

    def missed_step1(self) -> None:
        """The client sent a step1 that nobody answers."""
        self._owed = 1

    def missed_edit(self) -> None:
        """The client sent an edit that nobody looks at."""
        self._owed += 1

    def lost(self) -> None:
        """What was on its way will not be answered."""
        self._owed += sum(edit.worth for edit in self._awaited)
        self._awaited.clear()
        self._asked = 0

    def edit(self, *, step2: bool) -> None:
        """The client sent an edit; it will be answered."""
        self._on_the_spot = True
        if step2 and self._asked:
            self._asked -= 1
            self._awaited.append(_Awaited(self._owed, counted=False))
            self._owed = 0
        else:
            self._awaited.append(_Awaited(1, counted=True))

    def handled(self) -> None:
        """If the edit was not answered by now, it will be in its turn."""
        self._on_the_spot = False

    def answer(self, taken: bool) -> list[bool]:
        """The sync status messages to send now that an edit is durable, or was not taken."""
        edit = self._awaited.pop() if self._on_the_spot else self._awaited.popleft()
        self._on_the_spot = False
        if taken:
            return [True] * edit.worth
        self._owed += edit.worth
        return [False] if edit.counted else []

"""Documents with a long past, written through the real journal and sealed as in use, without the waiting."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pycrdt

from realtime.ports import DocumentStore, Entry
from realtime.sealer import Sealer

_STARTED = datetime(2026, 1, 1, tzinfo=UTC)
_LETTERS = "the quick brown fox jumps over the lazy dog, and then it rests; "
_MOVES = 60  # edits at one place before an author goes elsewhere
_NEAR_THE_TOP = 6  # an exponent; the engine finds a place by walking there from the top
_RUN = 20  # deletions come in runs: a word is taken back, not a letter


@dataclass(frozen=True)
class History:
    """`edits` by `authors` people that end in a text of `size` characters.

    Each edit adds `adds` characters; those of them that are too many are deleted again on the way, one
    edit deleting `adds` too. An author's browser tab, and with it the client id, lives `session` edits;
    a burst has `burst` edits.
    """

    edits: int
    size: int
    adds: int = 1
    authors: int = 4
    session: int = 25_000
    burst: int = 250


async def write(history: History, store: DocumentStore, sealer: Sealer, document: UUID) -> str:
    """Let a history happen; returns the text that it ends in."""
    authors = [_Author(document, uuid4(), random.Random(i)) for i in range(history.authors)]
    origin, done, length = uuid4(), 0, 0
    deletions = (history.edits * history.adds - history.size) // (2 * history.adds)
    deleted = 0
    while done < history.edits:
        author = authors[done // history.burst % len(authors)]
        author.sit_down(history.session)
        entries: list[Entry] = []
        for _ in range(min(history.burst, history.edits - done)):
            due = done // _RUN * _RUN * deletions // history.edits
            delete = deleted < due + _RUN and deleted < deletions and done % (2 * _RUN) >= _RUN
            entries.append(author.edit(history.adds, delete, _STARTED + timedelta(seconds=done / 5)))
            deleted += delete
            length += -history.adds if delete else history.adds
            done += 1
        await store.append(origin, done - len(entries), entries)
        await sealer.seal(document)
        for other in authors:
            if other is not author:
                other.hear(author)
    return str(authors[0].text)


class _Author:
    """One person, with a client that knows what all others wrote before their own burst."""

    def __init__(self, document: UUID, person: UUID, chance: random.Random) -> None:
        self.document, self.person, self._chance = document, person, chance
        self._tabs = 0
        self._written = 0
        self._place = 0
        self._claimed = False
        self._open(pycrdt.Doc(client_id=chance.getrandbits(32)))

    def _open(self, doc: pycrdt.Doc[Any]) -> None:
        self.doc = doc
        self.text = doc.get("content", type=pycrdt.Text)
        self._made: list[bytes] = []
        self._claimed = False
        self._subscription = doc.observe(lambda event: self._made.append(event.update))

    def sit_down(self, session: int) -> None:
        """Open the document anew when the last tab is old."""
        if self._written >= session * (self._tabs + 1):
            self._tabs += 1
            again: pycrdt.Doc[Any] = pycrdt.Doc(client_id=self._chance.getrandbits(32))
            again.apply_update(self.doc.get_update())
            self.doc.unobserve(self._subscription)
            self._open(again)

    def edit(self, adds: int, delete: bool, at: datetime) -> Entry:
        """Type or delete at the cursor, which moves now and then."""
        length = len(self.text)
        if self._written % _MOVES == 0:
            self._place = int(length * self._chance.random() ** _NEAR_THE_TOP)
        self._written += 1
        place = min(self._place, length)
        self._made.clear()
        if delete:
            place = max(place, adds)
            del self.text[place - adds : place]
            self._place = place - adds
        else:
            start = self._written * adds % len(_LETTERS)
            letters = "".join(_cycle(start, adds))
            self.text.insert(place, letters)
            self._place = place + adds
        claims = () if self._claimed or delete else (self.doc.client_id,)
        self._claimed = self._claimed or bool(claims)
        added, gone = (0, adds) if delete else (adds, 0)
        return Entry(self.document, self.person, _SESSION, at, self._made[0], added, gone, claims)

    def hear(self, other: _Author) -> None:
        """Take in what another wrote."""
        self.doc.apply_update(other.doc.get_update(self.doc.get_state()))


_SESSION = uuid4()


def _cycle(start: int, count: int) -> Iterator[str]:
    for i in range(start, start + count):
        yield _LETTERS[i % len(_LETTERS)]

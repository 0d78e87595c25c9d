"""What the events of an export say when they are replayed: states of aggregates, texts of documents.

The same code as in the running application makes them: the registry decodes, the aggregates' own
methods apply, the live documents' engine merges. Both sides of an export use this one way, so what
an archive tells can be had again from its events alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.catalogue import EVENTS
from domain.document import Document
from domain.ports import RecordedEvent
from domain.registry import dump
from realtime import crdt
from realtime.crdt import EngineError, Replica
from realtime.replay import Replay
from realtime.wire import Malformed


class _Text:
    """A live document being rebuilt from its bursts."""

    def __init__(self, format: str) -> None:
        self.format = format
        self.unreadable: list[int] = []
        self._replica = Replica()
        self._replay = Replay(self._replica)

    def feed(self, event: RecordedEvent) -> None:
        try:
            self._replay.feed(event.attachment or b"")
        except (Malformed, EngineError):
            self.unreadable.append(event.position)

    def text(self) -> bytes:
        self._replay.finish()
        return crdt.text_of(self._replica.state(), self.format).encode(errors="replace")


class Rebuilding:
    """Fed with events in the order of the log. Payloads that were erased leave out what they told."""

    def __init__(self) -> None:
        self._aggregates: dict[UUID, Aggregate | None] = {}
        self._stopped: dict[UUID, int] = {}
        self._texts: dict[UUID, _Text] = {}
        self._formats: dict[UUID, str] = {}

    def feed(self, event: RecordedEvent) -> None:
        """Apply one event. A stream that can't be replayed is noted with the position, and left there."""
        if event.type == Document.Created.TOPIC:
            self._texts[event.stream] = _Text(_format(event))
        elif event.type == Document.Edited.TOPIC and event.stream in self._texts:
            self._texts[event.stream].feed(event)
        if event.stream in self._stopped:
            return
        try:
            known = self._aggregates.get(event.stream)
            self._aggregates[event.stream] = EVENTS.decode(event).mutate(known)
        except Exception:  # whatever an unknown or damaged payload makes of the domain's code
            self._stopped[event.stream] = event.position

    @property
    def stopped(self) -> int | None:
        """The first position that could not be replayed."""
        return min(self._stopped.values(), default=None)

    def states(self) -> Iterator[bytes]:
        """One line of canonical JSON for each stream, in the order in which they began."""
        for stream, aggregate in self._aggregates.items():
            if aggregate is None:
                continue
            state = {name: _plain(value) for name, value in vars(aggregate).items()}
            yield dump(
                {
                    "stream": stream,
                    "kind": type(aggregate).__name__.lower(),
                    "version": aggregate.version,
                    "state": {name: value for name, value in state.items() if name != "_pending_events"},
                    "stopped_at": self._stopped.get(stream),
                }
            )

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """The name of a member and the text, for each document, in the order in which they began."""
        for document, found in self._texts.items():
            yield f"documents/{document}.txt", found.text()

    @property
    def unreadable(self) -> list[int]:
        """Positions of bursts that can't be read; the texts are without them."""
        return sorted(position for text in self._texts.values() for position in text.unreadable)


def _format(event: RecordedEvent) -> str:
    try:
        payload = json.loads(event.payload)
    except (ValueError, RecursionError):
        payload = {}
    return "text" if isinstance(payload, dict) and payload.get("format") == "text" else "richtext"


def _plain(value: Any) -> Any:
    """A value of an aggregate as JSON has it, in one order."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(found) for key, found in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(found) for found in value), key=dump)
    if isinstance(value, list | tuple):
        return [_plain(found) for found in value]
    if value is None or isinstance(value, str | int | bool | UUID | datetime | date):
        return value
    return str(value)

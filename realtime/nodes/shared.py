"""One live document that other nodes have open too: what a room does beside, for them and because of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from realtime import protocol
from realtime.crdt import EngineError
from realtime.effects import CatchUp, Disconnect, Effect, Publish, Rebuild, Send
from realtime.member import Member
from realtime.nodes import relay
from realtime.nodes.abroad import Abroad, touches
from realtime.nodes.doubts import Doubts, Held
from realtime.ports import Entry
from realtime.protocol import Close, Edit, Message
from realtime.room import Room
from realtime.update import EMPTY, Update, walk
from realtime.wire import Malformed

_PUBLISHED = 64 * 1024  # bytes; other nodes read a larger update from the store


@dataclass(slots=True)
class Foreign:
    """A committed update from another node or the store; all it inserts is `person`'s, if known."""

    person: UUID | None
    data: bytes
    update: Update


class SharedRoom(Room):
    """A room among those of other nodes. `abroad`: what of theirs is here; `doubts`: what waits for it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.abroad = Abroad()
        self.doubts = Doubts(self._limits)
        self._foreign: list[Foreign] = []  # waits for what is on its way here

    # --- what a connection says

    def receive(self, member: Member, message: Message, now: float, at: datetime) -> list[Effect]:
        """A connection said something; what another node may have shown it is not taken for its own."""
        if type(message) is Edit and self._doubtful(member, message):
            member.heard = now
            return self._doubt(Held(member, message, at, now))
        return super().receive(member, message, now, at)

    def _doubtful(self, member: Member, edit: Edit) -> bool:
        """Whether part of an edit may have come to its client from another node."""
        clocks, authors = self._gate.clocks, self._authors
        relayed = edit.step2 or not member.may_edit
        for client, _, end in edit.update.inserts:
            if end <= clocks.get(client, 0):
                continue
            author = authors.get(client)
            if relayed or (author != member.person if author else client not in member.clients):
                return True
        return relayed and any(self._gate.deleted.missing(span) for span in edit.update.deletes)

    def _doubt(self, held: Held) -> list[Effect]:
        if self.doubts.put(held):
            return [CatchUp()]
        return [Disconnect(held.member, Close.SHUTTING_DOWN, "too much waits for the database")]

    def cleared(self, held: Sequence[Held], now: float) -> list[Effect]:
        """The store was read since these edits came: what is not known of them is new."""
        effects: list[Effect] = []
        for each in held:
            if each.member in self._members:
                effects += self._edit(each.member, each.edit, now, each.at)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Time passed."""
        late = [
            Disconnect(held.member, Close.SHUTTING_DOWN, "edits can't be saved now")
            for held in self.doubts.expired(now)
        ]
        return [*super().tick(now), *late]

    # --- what was committed here

    def _tell_others(self, entries: Sequence[Entry], last: int, update: bytes) -> list[Effect]:
        claims = tuple((client, entry.person) for entry in entries for client in entry.claims)
        after, self.abroad.last = self.abroad.last, max(self.abroad.last, last)
        published = update if len(update) <= _PUBLISHED else b""
        effects: list[Effect] = [Publish(relay.News(after, self.abroad.last, claims, published))]
        if self._foreign:
            waited, self._foreign = self._foreign, []
            effects += self._take_foreign(waited)
        return effects

    # --- what was committed elsewhere

    def remote(self, node: UUID, data: bytes, now: float) -> list[Effect]:
        """Another node told of its commit, or of who is there."""
        try:
            message = relay.parse(data)
            if isinstance(message, relay.News):
                return self._news_from(node, message)
            if isinstance(message, relay.Presence):
                self._awareness.remote(message.body, now)
                return self._flush(now)
            return self.roll(ask=False)
        except Malformed:
            return []

    def _news_from(self, node: UUID, news: relay.News) -> list[Effect]:
        self._authors.update(news.claims)
        behind = self.abroad.hear(node, news)
        effects = self._take_foreign([Foreign(None, news.update, walk(news.update or EMPTY))])
        return [*effects, CatchUp()] if behind else effects

    def _take_foreign(self, updates: Sequence[Foreign]) -> list[Effect]:
        effects, waiting = self.foreign(updates)
        if waiting:
            self._foreign += (each for each in waiting if self._on_its_way(each.update))
            if len(self._foreign) > self._limits.parked_updates:
                self._foreign.clear()
            effects.append(CatchUp())
        return effects

    def foreign(self, updates: Sequence[Foreign]) -> tuple[list[Effect], list[Foreign]]:
        """Take in what was committed elsewhere, each after what it leans on; gives back what must wait."""
        fresh: list[bytes] = []
        waiting: list[Foreign] = []
        for each in updates:
            if each.person is not None:
                self._authors.update(dict.fromkeys(each.update.clients, each.person))
            if not self._gate.complete(each.update) or self._on_its_way(each.update):
                waiting.append(each)
                continue
            news = self._gate.news(each.update)
            if news.nothing:
                continue
            try:
                data, _ = self._only_news(each.data, each.update, news)
            except (EngineError, Malformed):
                return [Rebuild("the engine refused a committed update")], []
            self._gate.admit(news)
            self._size += len(data)
            self.nested += len(each.update.parents)
            fresh.append(data)
        if not fresh:
            return [], waiting
        self._metrics.foreign_updates += len(fresh)
        update = self._apply(fresh)
        if isinstance(update, Rebuild):
            return [update], []
        return [Send(self._everybody, protocol.update(update)), *self._unpark()], waiting

    def _on_its_way(self, update: Update) -> bool:
        if not self._in_flight:
            return False
        return touches(update, (span for each in self._in_flight for span in each.inserts))

    def roll(self, *, ask: bool) -> list[Effect]:
        """Tell the other nodes who is here, and ask them the same."""
        effects: list[Effect] = [Publish(relay.RollCall())] if ask else []
        if own := self._awareness.own():
            effects.append(Publish(relay.Presence(own)))
        return effects

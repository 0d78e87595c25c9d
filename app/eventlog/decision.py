"""Which of the queued appends may be stored, and where. Pure.

Works on what the database said under the head's lock; each append of a batch is judged as if the
ones accepted before it were already stored, so appends of one batch never harm each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias
from uuid import UUID

from app.eventlog.draft import Draft
from domain.errors import VersionConflict
from domain.ports import Alongside, AppendCondition, Appended


@dataclass(eq=False, slots=True)
class Append:
    """One append on its way: what the caller gave, and where the answer goes.

    The drafts carry event ids, so that after a lost acknowledgement our own events are told from
    those of somebody who repeated the command. `in_doubt` holds from the moment the commit is sent
    until it is known what became of it.
    """

    drafts: Sequence[Draft]
    command_id: UUID
    condition: AppendCondition | None
    alongside: Alongside | None
    answer: asyncio.Future[Appended]
    queued_at: float
    in_doubt: bool = False


class KnownCommand(NamedTuple):
    """Where the events of a command id stand already."""

    first: int
    last: int
    first_event: UUID


@dataclass(slots=True)
class State:
    """What holds under the lock, as far as it bears on the appends at hand.

    `versions` has the current version of each stream in question (0: new). `unmet` are the
    appends (by place in the batch) whose condition some stored event breaks.
    """

    position: int
    versions: dict[UUID, int]
    commands: dict[UUID, KnownCommand] = field(default_factory=dict)
    unmet: frozenset[int] = frozenset()


class Placed(NamedTuple):
    """An event and the place it gets."""

    position: int
    version: int
    draft: Draft


Outcome: TypeAlias = Appended | VersionConflict


BELOW = -1
"""The version of a stream that is somewhere below what every append in the batch takes it to be."""


def least_versions(appends: Sequence[Append]) -> dict[UUID, int]:
    """For each stream, the least version that an append takes it to be at; 0 if one takes any.

    Below it, nobody needs to know how far the stream is; looking from there up is quick.
    """
    least: dict[UUID, int] = {}
    for append in appends:
        for draft in append.drafts:
            stream, version = draft.event.stream, draft.event.version or 1
            if version <= least.get(stream, version):
                least[stream] = version - 1
    return least


def decide(appends: Sequence[Append], state: State) -> tuple[list[Outcome], list[Placed]]:
    """Judge a batch in order: the answer to each append, and the events to store.

    `state.versions` and `state.commands` are advanced on the way.
    """
    outcomes: list[Outcome] = []
    placed: list[Placed] = []
    for index, append in enumerate(appends):
        outcomes.append(_judge(append, index, state, placed))
    return outcomes, placed


def _judge(append: Append, index: int, state: State, placed: list[Placed]) -> Outcome:
    known = state.commands.get(append.command_id)
    drafts = append.drafts
    if known is not None and drafts:
        return Appended(known.first, known.last, repeated=known.first_event != drafts[0].event_id)
    if append.condition and (index in state.unmet or _broken(append.condition, placed)):
        return VersionConflict("an event that the append condition rules out has been recorded")
    last = state.position + len(placed)
    first = last + 1
    if not drafts:
        return Appended(first, last)
    versions = state.versions
    moved: dict[UUID, int] = {}
    events = []
    for last, draft in enumerate(drafts, first):
        event = draft.event
        stream = event.stream
        version = (moved.get(stream) or versions[stream]) + 1
        if event.version is not None and event.version != version:
            return VersionConflict(f"version {event.version} does not follow in stream {stream}")
        moved[stream] = version
        events.append(Placed(last, version, draft))
    versions.update(moved)
    placed.extend(events)
    state.commands[append.command_id] = KnownCommand(first, last, drafts[0].event_id)
    return Appended(first, last)


def _broken(condition: AppendCondition, placed: Sequence[Placed]) -> bool:
    """Whether an event accepted earlier in the batch is one that the condition rules out."""
    types, tags = frozenset(condition.types), frozenset(condition.tags)
    return any(
        position > condition.after
        and (not types or draft.event.type in types)
        and tags.issubset(draft.event.tags)
        for position, _, draft in placed
    )

"""Which of the queued appends may be stored, and where. Pure.

Works on what the database said under the head's lock; each append of a batch is judged as if the
ones accepted before it were already stored, so appends of one batch never harm each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.errors import VersionConflict
from domain.ports import Alongside, AppendCondition, Appended, Context, NewEvent, RecordedEvent


@dataclass(eq=False, slots=True)
class Append:
    """One append on its way: what the caller gave, and where the answer goes.

    `event_ids` are drawn once, so that after a lost acknowledgement our own events are told from
    those of somebody who repeated the command. `in_doubt` holds from the moment the commit is sent
    until it is known what became of it.
    """

    events: Sequence[NewEvent]
    event_ids: Sequence[UUID]
    context: Context
    condition: AppendCondition | None
    alongside: Alongside | None
    answer: asyncio.Future[Appended]
    queued_at: float
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """Where the events of a command id stand already."""

    first: int
    last: int
    first_event: UUID


@dataclass(slots=True)
class State:
    """What holds under the lock: the head, and what bears on the appends at hand.

    `versions` has the current version of each stream in question (0: new). `unmet` are the
    appends whose condition some stored event breaks.
    """

    position: int
    recorded_at: datetime
    versions: dict[UUID, int]
    commands: dict[UUID, KnownCommand] = field(default_factory=dict)
    unmet: frozenset[int] = frozenset()


Outcome = Appended | VersionConflict


@dataclass(slots=True)
class Decision:
    """The answer to each append, in order, and the events to store, numbered."""

    outcomes: list[Outcome]
    events: list[RecordedEvent]


def decide(appends: Sequence[Append], state: State) -> Decision:
    """Judge a batch in order; `state.versions` and `state.commands` are advanced on the way."""
    decision = Decision([], [])
    for index, append in enumerate(appends):
        decision.outcomes.append(_judge(append, index, state, decision.events))
    return decision


def _judge(append: Append, index: int, state: State, staged: list[RecordedEvent]) -> Outcome:
    command = append.context.command_id
    known = state.commands.get(command)
    if known is not None:
        ours = bool(append.event_ids) and known.first_event == append.event_ids[0]
        return Appended(known.first, known.last, repeated=not ours)
    if append.condition and (index in state.unmet or any(map(breaks(append.condition), staged))):
        return VersionConflict("an event that the append condition rules out has been recorded")
    versions = _versions(append.events, state.versions)
    if isinstance(versions, VersionConflict):
        return versions
    first = state.position + len(staged) + 1
    if not append.events:
        return Appended(first, first - 1)
    staged.extend(_record(append, versions, first, state.recorded_at))
    state.versions.update(
        (event.stream, version) for event, version in zip(append.events, versions, strict=True)
    )
    last = first + len(versions) - 1
    state.commands[command] = KnownCommand(first, last, append.event_ids[0])
    return Appended(first, last)


def _versions(events: Sequence[NewEvent], current: dict[UUID, int]) -> list[int] | VersionConflict:
    """The stream version that each event gets."""
    moved: dict[UUID, int] = {}
    versions = []
    for event in events:
        stream = event.stream
        following = moved.get(stream, current[stream]) + 1
        if event.version is not None and event.version != following:
            return VersionConflict(
                f"stream {stream} is at version {following - 1}, so version {event.version} cannot follow"
            )
        moved[stream] = following
        versions.append(following)
    return versions


def _record(
    append: Append, versions: Iterable[int], first: int, recorded_at: datetime
) -> Iterable[RecordedEvent]:
    context = append.context
    for position, (event, event_id, version) in enumerate(
        zip(append.events, append.event_ids, versions, strict=True), first
    ):
        yield RecordedEvent(
            position,
            event_id,
            event.stream,
            version,
            event.type,
            event.schema_version,
            recorded_at,
            context.actor,
            context.on_behalf_of,
            context.command_id,
            context.correlation_id,
            context.causation_id,
            event.process,
            event.tags,
            event.payload,
            event.attachment,
        )


def breaks(condition: AppendCondition) -> Callable[[Any], bool]:
    """Tells whether a recorded event is one that the condition rules out."""
    types, tags = frozenset(condition.types), frozenset(condition.tags)

    def rules_out(event: RecordedEvent) -> bool:
        return (
            event.position > condition.after
            and (not types or event.type in types)
            and tags.issubset(event.tags)
        )

    return rules_out

"""An aggregate made again from what its events look like in the log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

from eventsourcing.domain import Aggregate, AggregateEvent

from domain.catalogue import EVENTS
from domain.ports import RecordedEvent


def replayed(aggregate: Aggregate) -> Any:
    """What a fresh process reads back of an aggregate none of whose events was collected yet.

    It has the pending events too, so that it compares equal to the original.
    """
    result: Any = None
    for event in aggregate.pending_events:
        result = _through_bytes(cast(AggregateEvent, event)).mutate(result)
    result._pending_events = list(aggregate.pending_events)
    return result


def _through_bytes(event: AggregateEvent) -> AggregateEvent:
    new = EVENTS.encode(event)
    recorded = RecordedEvent(
        position=1,
        event_id=uuid4(),
        stream=new.stream,
        version=event.originator_version,
        type=new.type,
        schema_version=new.schema_version,
        recorded_at=event.timestamp,
        actor=None,
        on_behalf_of=None,
        command_id=uuid4(),
        correlation_id=None,
        causation_id=None,
        process=None,
        tags=new.tags,
        payload=new.payload,
        attachment=new.attachment,
    )
    decoded = EVENTS.decode(recorded)
    assert EVENTS.encode(decoded) == replace(new), "the same event gives the same bytes"
    return decoded

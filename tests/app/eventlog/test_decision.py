"""A batch is judged as if its appends came one after the other, each seeing those accepted before."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.eventlog.decision import Append, KnownCommand, Outcome, State, decide, least_versions
from app.eventlog.draft import draft
from domain.errors import VersionConflict
from domain.ports import AppendCondition, Appended, Context, NewEvent

A, B, C = (UUID(int=n) for n in (1, 2, 3))
COMMANDS = [UUID(int=n) for n in (11, 12, 13, 14)]


def append(
    *events: NewEvent, command: UUID | None = None, condition: AppendCondition | None = None
) -> Append:
    context = Context(command_id=command or uuid4())
    answer: Any = None
    return Append([draft(e, context) for e in events], context.command_id, condition, None, answer, 0.0)


def event(stream: UUID, version: int | None = None, type: str = "x", tags: tuple[str, ...] = ()) -> NewEvent:
    return NewEvent(stream, type, b"", version=version, tags=tags)


def state(position: int = 10, **changes: Any) -> State:
    return State(**{"position": position, "versions": {A: 3, B: 0, C: 7}} | changes)


def refused(outcomes: list[Outcome]) -> list[bool]:
    return [isinstance(outcome, VersionConflict) for outcome in outcomes]


def test_places_follow_each_other_across_appends() -> None:
    outcomes, placed = decide([append(event(A), event(B, 1)), append(event(A, 5))], state())
    assert outcomes == [Appended(11, 12), Appended(13, 13)]
    assert [(p.position, p.version, p.draft.event.stream) for p in placed] == [
        (11, 4, A),
        (12, 1, B),
        (13, 5, A),
    ]


def test_a_refused_append_leaves_no_trace() -> None:
    batch = [append(event(A, 4), event(B, 2)), append(event(A, 4)), append(event(B, 1))]
    outcomes, placed = decide(batch, state())
    assert refused(outcomes) == [True, False, False]
    assert [p.position for p in placed] == [11, 12]


def test_a_command_that_is_stored_is_answered_from_the_store() -> None:
    mine, other = append(event(A, 9), command=COMMANDS[0]), append(event(A, 9), command=COMMANDS[1])
    known = {
        COMMANDS[0]: KnownCommand(4, 4, mine.drafts[0].event_id),
        COMMANDS[1]: KnownCommand(5, 7, uuid4()),
    }
    outcomes, placed = decide([mine, other], state(commands=known))
    assert outcomes == [Appended(4, 4), Appended(5, 7, repeated=True)]
    assert placed == []


def test_a_condition_is_judged_by_the_store_and_by_the_batch() -> None:
    batch = [
        append(event(A), condition=AppendCondition(types=("y",))),
        append(event(B, type="y", tags=("t", "u"))),
        append(event(C), condition=AppendCondition(types=("y", "z"), tags=("t",))),
        append(event(C), condition=AppendCondition(types=("y",), tags=("v",))),
        append(event(C), condition=AppendCondition(types=("y",), after=11)),
    ]
    outcomes, _ = decide(batch, state(unmet=frozenset({0})))
    assert refused(outcomes) == [True, False, True, False, False]


def test_streams_are_looked_up_from_the_least_version_in_question() -> None:
    batch = [
        append(event(A, 5), event(A, 6)),
        append(event(A, 4)),
        append(event(B), event(C, 9)),
        append(event(C)),
    ]
    assert least_versions(batch) == {A: 3, B: 0, C: 0}


EVENTS = st.builds(
    event,
    st.sampled_from([A, B, C]),
    st.none() | st.integers(1, 10),
    st.sampled_from(["x", "y"]),
    st.sampled_from([(), ("t",), ("t", "u")]),
)
CONDITIONS = st.none() | st.builds(
    AppendCondition,
    st.sampled_from([(), ("x",), ("x", "y")]),
    st.sampled_from([(), ("t",), ("u",)]),
    st.integers(8, 16),
)
APPENDS = st.tuples(st.lists(EVENTS, max_size=3), st.sampled_from(COMMANDS), CONDITIONS)


@given(st.lists(APPENDS, max_size=8))
def test_a_batch_ends_as_its_appends_would_one_by_one(given_appends: list[Any]) -> None:
    together = state()
    batch = [
        append(*events, command=command, condition=condition) for events, command, condition in given_appends
    ]
    outcomes, placed = decide(batch, together)
    alone, stored = state(), []
    for single, outcome in zip(batch, outcomes, strict=True):
        unmet = single.condition is not None and any(_ruled_out(single.condition, p) for p in stored)
        at = State(alone.position, alone.versions, alone.commands, frozenset({0} if unmet else ()))
        (expected,), new = decide([single], at)
        stored += new
        alone.position += len(new)
        assert type(outcome) is type(expected)
        if isinstance(outcome, Appended):
            assert outcome == expected
    assert placed == stored
    assert [p.position for p in placed] == list(range(11, 11 + len(placed)))
    assert together.versions == alone.versions


def _ruled_out(condition: AppendCondition, placed: Any) -> bool:
    found = placed.draft.event
    typed = not condition.types or found.type in condition.types
    return placed.position > condition.after and typed and all(tag in found.tags for tag in condition.tags)

"""CloudEvents filter dialects, against the law that each one has to keep."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events.access import matches
from app.events.cloud_events import encode
from app.events.filters import DEPTH, EXPRESSIONS, TEXT, Filter
from domain.errors import Invalid
from domain.ports import RecordedEvent

SOURCE = "https://interlink.example"
PROCESS, ACTOR = UUID(int=7), UUID(int=8)


def an_event(type: str = "plan.node_added", process: UUID | None = PROCESS) -> RecordedEvent:
    return RecordedEvent(
        position=12,
        event_id=UUID(int=1),
        stream=UUID(int=2),
        version=3,
        type=type,
        schema_version=1,
        recorded_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        actor=ACTOR,
        on_behalf_of=None,
        command_id=UUID(int=4),
        correlation_id=None,
        causation_id=None,
        process=process,
        tags=(),
        payload=b"{}",
        attachment=None,
    )


TEXTS = st.sampled_from(
    ["plan.", "plan.node_added", "added", "document.", "x", "1", "3", str(PROCESS), str(ACTOR), SOURCE]
)
NAMES = st.sampled_from(
    ["type", "subject", "process", "actor", "source", "sequence", "streamversion", "none"]
)
COMPARISONS = st.builds(
    lambda dialect, wanted: {dialect: wanted},
    st.sampled_from(["exact", "prefix", "suffix"]),
    st.dictionaries(NAMES, TEXTS, min_size=1, max_size=3),
)
EXPRESSIONS_OF_ANY_KIND: st.SearchStrategy[dict[str, Any]] = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
).filter(lambda made: depth(made) <= DEPTH)
EVENTS = st.builds(
    an_event, st.sampled_from(["plan.node_added", "document.edited", "x"]), st.sampled_from([PROCESS, None])
)


def depth(made: Any) -> int:
    if isinstance(made, list):
        return max(map(depth, made))
    [(dialect, value)] = made.items()
    return 1 + depth(value) if dialect in ("not", "all", "any") else 1


def holds(expression: dict[str, Any], sent: dict[str, Any]) -> bool:
    """What the specification says, on the CloudEvent as it is sent."""
    [(dialect, value)] = expression.items()
    if dialect == "not":
        return not holds(value, sent)
    if dialect in ("all", "any"):
        return (all if dialect == "all" else any)([holds(part, sent) for part in value])
    for name, text in value.items():
        if name not in sent:
            return False
        found = str(sent[name])
        end = {"exact": found, "prefix": found[: len(text)], "suffix": found[-len(text) :]}[dialect]
        if end != text:
            return False
    return True


@given(st.lists(EXPRESSIONS_OF_ANY_KIND, max_size=3), EVENTS)
def test_decides_as_the_specification_does(expressions: list[dict[str, Any]], event: RecordedEvent) -> None:
    sent = json.loads(encode(event, SOURCE))
    wanted = Filter.parse(expressions)
    assert wanted.matches(event, SOURCE) == all(holds(one, sent) for one in expressions)


@given(st.lists(EXPRESSIONS_OF_ANY_KIND, max_size=3), EVENTS)
def test_the_log_sorts_out_nothing_that_matches(
    expressions: list[dict[str, Any]], event: RecordedEvent
) -> None:
    wanted = Filter.parse(expressions)
    assert matches(wanted.narrowed(), event) or not wanted.matches(event, SOURCE)


@given(st.lists(EXPRESSIONS_OF_ANY_KIND, max_size=3))
def test_comes_back_from_json(expressions: list[dict[str, Any]]) -> None:
    wanted = Filter.parse(expressions)
    assert wanted.to_json() == expressions
    assert Filter.parse(json.loads(json.dumps(wanted.to_json()))) == wanted


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["exact", "not", "all", "type", ""]), inner, max_size=2)
        ),
        max_leaves=10,
    )
)
def test_anything_is_a_filter_or_invalid(given: Any) -> None:
    refusal: Invalid | None = None
    try:
        parsed = Filter.parse(given)
    except Invalid as error:
        refusal = error
    if refusal is None:
        assert parsed.to_json() == ([given] if isinstance(given, dict) else given)
    else:
        assert (refusal.code, (refusal.field or "")[:6]) == ("filter_invalid", "filter")


def test_one_alone_is_a_list_of_one() -> None:
    assert Filter.parse({"exact": {"type": "a"}}) == Filter.parse([{"exact": {"type": "a"}}])


def test_narrows_to_what_the_log_has_indexes_for() -> None:
    wanted = Filter.parse(
        [{"prefix": {"type": "plan."}}, {"exact": {"process": str(PROCESS), "actor": "nobody"}}]
    ).narrowed()
    assert (wanted.types, wanted.process, wanted.actor) == (("plan.*",), PROCESS, None)
    assert Filter.parse([{"prefix": {"type": "plan.node"}}]).narrowed().types == ()


def nested(depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {"exact": {"type": "x"}}
    for _ in range(depth - 1):
        made = {"not": made}
    return made


@pytest.mark.parametrize(
    "given",
    [
        None,
        "x",
        {},
        [1],
        [{}],
        [{"sql": "type = 'x'"}],
        [{"exact": {}}],
        [{"exact": []}],
        [{"exact": {"type": 1}}],
        [{"exact": {"type": ""}}],
        [{"exact": {"type": "x" * (TEXT + 1)}}],
        [{"exact": {"Type": "x"}}],
        [{"exact": {"type\n": "x"}}],
        [{"exact": {"a" * 21: "x"}}],
        [{"exact": {"type": "x"}, "prefix": {"type": "x"}}],
        [{"all": []}],
        [{"any": {}}],
        [{"not": [{"exact": {"type": "x"}}]}],
        [nested(DEPTH + 1)],
        [{"exact": {"type": "x"}}] * (EXPRESSIONS + 1),
        [{"exact": {f"a{n}": "x" for n in range(EXPRESSIONS + 1)}}],
    ],
    ids=range(21),
)
def test_refuses_what_is_none(given: Any) -> None:
    with pytest.raises(Invalid):
        Filter.parse(given)


def test_takes_what_is_just_within_the_limits() -> None:
    Filter.parse([nested(DEPTH)])
    Filter.parse([{"exact": {"type": "x" * TEXT}}] * EXPRESSIONS)

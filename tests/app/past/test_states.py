"""A state as bytes gives the same state back, and nothing is made of bytes but what states are made of."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate
from hypothesis import given
from hypothesis import strategies as st

from app.past import states
from app.past.states import NotKept, decode, digest, encode, plain
from domain.asset import Asset
from domain.catalogue import EVENTS
from domain.document import Document
from domain.plan import Node, Plan
from domain.process import Process
from domain.rights import RIGHTS, Grant
from tests.memory_log import MemoryLog
from tests.projections.coproduction import Coproduction

ID = UUID("6f1c1f6c-3f0f-4d8e-9d6c-1d2a3b4c5d6e")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NODES = st.builds(
    Node,
    id=st.uuids(),
    kind=st.just("task"),
    parent=st.none() | st.uuids(),
    title=TEXT,
    description=TEXT,
    order=TEXT,
)
GRANTS = st.builds(
    Grant,
    permission=st.uuids(),
    grantee=st.uuids(),
    grantee_kind=st.just("person"),
    node=st.none() | st.uuids(),
    rights=st.frozensets(st.sampled_from(RIGHTS)),
)
SINGLE = (
    st.none()
    | st.booleans()
    | st.integers()
    | TEXT
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC))
    | NODES
    | GRANTS
)
KEYS = TEXT | st.integers() | st.uuids() | st.tuples(st.uuids(), TEXT)
VALUES = st.recursive(
    SINGLE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.sets(KEYS, max_size=3)
        | st.frozensets(KEYS, max_size=3)
    ),
    max_leaves=8,
)


class Thing(Aggregate):
    """Something with a state."""

    def __init__(self, value: Any = None) -> None:
        self.value = value


@given(VALUES)
def test_bytes_give_the_state_back(value: Any) -> None:
    thing = Thing(value)
    found = decode(Thing, encode(thing))
    assert isinstance(found, Thing)
    assert vars(found) == vars(thing) | {"_pending_events": []}
    assert type(found.value) is type(value)
    assert encode(found) == encode(thing)


def test_types_and_orders_are_kept_and_sets_have_one_order() -> None:
    for value in ([1], (1,), {1}, frozenset({1}), {"$": "uuid", "of": "x"}, {1: "a", "1": "b"}):
        found: Any = decode(Thing, encode(Thing(value)))
        assert (type(found.value), found.value) == (type(value), value)
    backwards = decode(Thing, encode(Thing({"b": 1, "a": 2})))
    assert list(backwards.value) == ["b", "a"]  # type: ignore[attr-defined]
    one, other = Thing({str(n) for n in range(50)}), Thing({str(n) for n in reversed(range(50))})
    vars(other).update({name: value for name, value in vars(one).items() if name != "value"})
    assert encode(one) == encode(other)


@pytest.mark.parametrize("value", [b"x", Decimal(1), object(), timedelta(1), [{"a": (b"x",)}], 1j, Aggregate])
def test_what_is_no_part_of_a_state_is_not_kept(value: Any) -> None:
    with pytest.raises(NotKept):
        encode(Thing(value))
    with pytest.raises(NotKept):
        plain(Thing(value))


@pytest.mark.parametrize(
    "stored",
    [{"$": "Thing", "of": {}}, {"$": "os.system", "of": "x"}, {"$": "eval", "of": "1"}, {"of": 1}, {}],
)
def test_nothing_else_is_made_of_what_was_stored(stored: Any) -> None:
    data = json.dumps({"$": "dict", "of": [["value", stored]]}).encode()
    with pytest.raises(KeyError):
        decode(Thing, data)


async def test_every_aggregate_is_kept_whole() -> None:
    story = Coproduction(MemoryLog(), seed=21)
    await story.work(150)
    every: list[Aggregate] = [*story.processes, *story.plans.values(), *story.assets, *story.documents]
    assert {type(found) for found in every} == {Process, Plan, Asset, Document}
    for aggregate in every:
        found = decode(type(aggregate), encode(aggregate))
        assert found == aggregate
        assert (found.version, found.modified_on) == (aggregate.version, aggregate.modified_on)
        assert digest(plain(found)) == digest(plain(aggregate))


def test_an_aggregate_that_was_kept_goes_on() -> None:
    plan = Plan.open(uuid4())
    plan.add(node=ID, kind="phase", title="A", parent=None)
    found = decode(Plan, encode(plan))
    assert isinstance(found, Plan)
    assert list(found.collect_events()) == [], "what was pending is not kept"
    found.rename(ID, "B")
    assert [event.originator_version for event in found.collect_events()] == [plan.version + 1]
    assert plan.nodes[ID].title == "A"


def test_what_a_state_says_is_plain_json() -> None:
    grant = Grant(ID, ID, "person", None, frozenset({"view", "edit"}))
    value = {"at": NOON, ID: [(ID, 1.5)], "rights": {"b", "a"}, "grant": grant}
    assert plain(Thing(value)) == {
        "value": {
            "at": "2026-03-02T12:00:00+00:00",
            str(ID): [[str(ID), 1.5]],
            "rights": ["a", "b"],
            "grant": {
                "permission": str(ID),
                "grantee": str(ID),
                "grantee_kind": "person",
                "node": None,
                "rights": ["edit", "view"],
            },
        }
    }
    assert digest({"b": 1, "a": "ā"}) == digest({"a": "ā", "b": 1}) != digest({"a": "a", "b": 1})


def test_other_code_has_another_name() -> None:
    name = states.code_of(Plan)
    assert name == states.code_of(Node), "of the same module"
    assert (
        len({name, states.code_of(Process), states.code_of(Plan, Process), states.code_of(Plan, facts=1)})
        == 4
    )
    assert len(states.code_of_aggregate(Plan)) == 32
    assert states.code_of_aggregate(Plan) != states.code_of_aggregate(Asset)


def test_another_schema_is_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = states.code_of_aggregate(Plan)
    entry = next(entry for entry in EVENTS if entry.aggregate_class is Plan)
    monkeypatch.setitem(vars(entry), "schema_version", entry.schema_version + 1)
    assert states.code_of_aggregate(Plan) != before

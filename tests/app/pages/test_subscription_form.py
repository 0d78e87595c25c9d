"""What is chosen on the form of a subscription is what it gets, and stands there again."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.events.filters import Filter
from app.pages.form import Form
from app.pages.subscription_form import GROUPS, Chosen, chosen, filter_of, wanted, whole
from domain.catalogue import EVENTS
from domain.errors import Invalid
from domain.ports import RecordedEvent

HERE, ELSEWHERE = UUID(int=1), UUID(int=2)
APART = {"person", "payloads"}  # of no process
SUBSETS = [subset for size in range(len(GROUPS) + 1) for subset in combinations(GROUPS, size)]


def an_event(type: str, process: UUID | None) -> RecordedEvent:
    ids: dict[str, Any] = dict.fromkeys(
        ("actor", "on_behalf_of", "correlation_id", "causation_id", "attachment")
    )
    return RecordedEvent(
        position=1, event_id=uuid4(), stream=uuid4(), version=1, type=type, schema_version=1,
        recorded_at=datetime.now(UTC), command_id=uuid4(), process=process, tags=(), payload=b"{}", **ids,
    )  # fmt: skip


def test_the_groups_are_all_that_there_is() -> None:
    assert {entry.name.partition(".")[0] for entry in EVENTS} == set(GROUPS)


@pytest.mark.parametrize("process", [None, HERE], ids=["all", "one"])
def test_what_is_chosen_comes_and_nothing_else(process: UUID | None) -> None:
    for groups in SUBSETS:
        filter = filter_of(groups, process)
        for group in GROUPS:
            of = None if group in APART else HERE
            nowhere = group in APART and not groups and process is not None
            asked = (not groups or group in groups) and not nowhere
            assert filter.matches(an_event(f"{group}.done", of)) == asked, (groups, group)
            if of is not None and process is not None:
                assert not filter.matches(an_event(f"{group}.done", ELSEWHERE)), (groups, group)
        bound = None if groups and set(groups) <= APART else process
        assert chosen(Filter.parse(filter.to_json())) == Chosen(list(groups), bound)


@pytest.mark.parametrize(
    "spelled",
    [
        [{"not": {"prefix": {"type": "plan."}}}],
        [{"exact": {"process": "x"}}],
        [{"prefix": {"type": "plan.node_"}}],
        [{"any": [{"prefix": {"type": "plan."}}]}],
        [{"exact": {"process": str(HERE), "actor": "x"}}],
        [{"suffix": {"type": "plan."}}],
    ],
)
def test_what_the_choices_cannot_say_stays_as_it_is(spelled: list[dict[str, Any]]) -> None:
    filter = Filter.parse(spelled)
    found = chosen(filter)
    assert (found.groups, found.process) == ((), None)
    assert wanted(Form("x", {"filter": found.custom, "group-plan": "yes"})) == filter


@pytest.mark.parametrize("text", ["", "-1", "0", "11", "1.5", "1e1", "٣", "9" * 30])
def test_numbers_stay_within_their_bounds(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        whole(Form("x", {"batch": text}), "batch", (1, 10))
    assert refused.value.field == "batch"
    assert whole(Form("x", {"batch": " 10 "}), "batch", (1, 10)) == 10

"""What writes answer, and what lists have in common."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from pydantic import Field, ValidationError

from app.api.writing import Items, Output, Paging, Written
from app.commands import Done


class Row(Output):
    """Made from rows that call it otherwise."""

    made: datetime = Field(validation_alias="created_at")


def test_a_write_answers_what_the_command_made_and_no_more() -> None:
    done = Done(UUID(int=1), 7, document=UUID(int=2))
    assert Written.of(done).model_dump() == {"id": UUID(int=1), "position": 7}


def test_a_row_is_sent_under_the_names_of_the_outside() -> None:
    at = datetime(2026, 1, 31)
    row = Row.model_validate(SimpleNamespace(created_at=at, secret="kept"))
    assert Items[Row](items=[row]).model_dump(mode="json") == {
        "items": [{"made": at.isoformat()}],
        "next": None,
    }


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 501}, {"cursor": "x" * 101}, {"page": 2}], ids=str)
def test_a_page_has_its_bounds(wrong: dict[str, object]) -> None:
    assert Paging.model_validate({"limit": "500", "cursor": "x" * 100}).limit == 500
    with pytest.raises(ValidationError):
        Paging.model_validate(wrong)

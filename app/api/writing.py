"""What writes answer, and what several resources have in common."""

from __future__ import annotations

from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.commands import Done
from app.http.binding import Input

T = TypeVar("T")


class Output(BaseModel):
    """Base of what is sent: made from rows by attribute, with the names of the outside."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)


class Written(Output):
    """What a write made or changed, and the log position at which that is so."""

    id: UUID
    position: int

    @classmethod
    def of(cls, done: Done) -> Written:
        """What a command answered."""
        return cls(id=done.id, position=done.position)


class Items(Output, Generic[T]):
    """One page of a list. `next` is the `cursor` of the following page; null: this is the last."""

    items: list[T]
    next: str | None = None


class Paging(Input):
    """Which page of a list: the `next` of the page before, and how many items."""

    cursor: str | None = Field(None, max_length=100)
    limit: int = Field(50, ge=1, le=500)

"""Oneself: the profile, and how one is signed in."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from app.api.writing import Output
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.people import Profile


class Me(Output):
    """One's own profile. `csrf` is what unsafe requests with a session cookie send as X-CSRF-Token."""

    person: UUID
    email: str
    name: str
    language: str
    colour: str = Field(description="#rrggbb, readable on white")
    scopes: list[str]
    csrf: str | None = None


class ProfileChange(Input):
    """What to change; what is left out stays."""

    name: str | None = None
    language: str | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.name is None and self.language is None:
            raise ValueError("give a name, a language, or both")
        return self


@endpoint("GET", "/api/v1/me", scope="read", summary="Who am I")
async def show(call: Call) -> Me:
    """Your profile, and what this sign-in may be used for."""
    return _me(call, await call.system.people.get(call.person))


@endpoint("PATCH", "/api/v1/me", scope="write", summary="Change my profile")
async def change(call: Call, body: ProfileChange) -> Me:
    """Change your name or language. Your profile is kept outside the event log."""
    profile = await call.system.people.update(call.person, name=body.name, language=body.language)
    return _me(call, profile)


def _me(call: Call, profile: Profile) -> Me:
    assert call.principal is not None
    return Me(
        person=profile.person,
        email=profile.email,
        name=profile.name,
        language=profile.language,
        colour=profile.colour,
        scopes=sorted(call.principal.scopes),
        csrf=call.principal.csrf,
    )


routes = routes_of(show, change)

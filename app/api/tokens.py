"""Personal access tokens: for scripts and tools that act as a person."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, Field

from app.api.writing import Items, Output
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.http.problems import Problem
from app.sign_in import SCOPES, Scope
from domain.errors import Conflict


class NewToken(Input):
    """A name to know it by, what it is good for, and until when (null: until revoked)."""

    name: str
    scopes: list[Scope] = Field(["read"], min_length=1)
    expires: AwareDatetime | None = None


class CreatedToken(Output):
    """The token itself, which is never shown again."""

    id: UUID
    token: str


class Token(Output):
    """A token as its owner sees it later. Times are UTC."""

    id: UUID
    name: str
    scopes: list[str]
    created: datetime = Field(validation_alias="created_at")
    expires: datetime | None = Field(validation_alias="expires_at")
    last_used: datetime | None = Field(validation_alias="last_used_at")


@endpoint("GET", "/api/v1/tokens", scope="read", summary="My access tokens")
async def list_(call: Call) -> Items[Token]:
    """The tokens that are not revoked, newest first."""
    found = await call.system.sign_in.tokens(call.person)
    return Items(items=[Token.model_validate(token) for token in found])


@endpoint("POST", "/api/v1/tokens", scope="write", status=201, summary="Make an access token")
async def create(call: Call, body: NewToken) -> CreatedToken:
    """Make a token. Nobody gives on more than they have: its scopes are among those of this sign-in."""
    assert call.principal is not None
    if call.command is not None and call.command.repeated:
        raise Conflict("a token is shown once; use another key to make another", code="token_shown_once")
    if not set(body.scopes) <= call.principal.scopes & SCOPES:
        raise Problem(403, "scope_missing", "a token has no scope that its maker lacks")
    id, secret = await call.system.sign_in.create_token(
        call.person, name=body.name, scopes=body.scopes, expires=body.expires
    )
    return CreatedToken(id=id, token=secret)


@endpoint("DELETE", "/api/v1/tokens/{token}", scope="write", summary="Revoke an access token")
async def revoke(call: Call, token: UUID) -> None:
    """End a token; it is refused from the next request on."""
    await call.system.sign_in.revoke_token(call.person, token)


routes = routes_of(list_, create, revoke)

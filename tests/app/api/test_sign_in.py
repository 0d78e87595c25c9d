"""Signing in to a demo and out again, with the cookie that browsers keep."""

from __future__ import annotations

from dataclasses import replace

import httpx
from starlette.applications import Starlette

from app.settings import Settings
from app.sign_in import COOKIE

ANA = {"email": "ana@example.org", "name": "Ana", "language": "es"}


async def test_signs_in_with_a_token_and_a_cookie(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.post("/auth/demo", json=ANA)
    assert answer.status_code == 200
    attributes = answer.headers["set-cookie"].lower().split("; ")[1:]
    assert "httponly" in attributes
    assert "samesite=lax" in attributes
    assert "secure" not in attributes
    assert answer.headers["cache-control"] == "no-store"
    by_cookie = (await visitor.get("/api/v1/me")).json()
    visitor.cookies.clear()
    token = {"Authorization": f"Bearer {answer.json()['token']}"}
    by_token = (await visitor.get("/api/v1/me", headers=token)).json()
    assert by_cookie["person"] == by_token["person"] == answer.json()["person"]
    assert by_cookie["csrf"] == answer.json()["csrf"]
    assert by_token["language"] == "es"


async def test_the_same_address_is_the_same_person(visitor: httpx.AsyncClient) -> None:
    first = (await visitor.post("/auth/demo", json=ANA)).json()
    again = await visitor.post("/auth/demo", json={**ANA, "email": "ANA@example.org"})
    assert again.status_code == 200, "a session that is open does not hinder signing in anew"
    assert again.json()["person"] == first["person"]


async def test_cookies_are_secure_where_people_come_by_https(
    app: Starlette, visitor: httpx.AsyncClient
) -> None:
    settings = Settings.model_validate({"public_url": "https://example.org"})
    app.state.system = replace(app.state.system, settings=settings)
    answer = await visitor.post("/auth/demo", json=ANA)
    assert "secure" in answer.headers["set-cookie"].lower().split("; ")[1:]
    assert "strict-transport-security" in answer.headers


async def test_only_a_demo_lets_anybody_in(app: Starlette, visitor: httpx.AsyncClient) -> None:
    settings = Settings.model_construct(None, auth_mode="oidc")  # type: ignore[arg-type]
    app.state.system = replace(app.state.system, settings=settings)
    answer = await visitor.post("/auth/demo", json=ANA)
    assert (answer.status_code, answer.json()["code"]) == (404, "demo_off")


async def test_refuses_who_cannot_be(visitor: httpx.AsyncClient) -> None:
    for body in (
        {**ANA, "email": "ana"},
        {**ANA, "name": " "},
        {**ANA, "language": "?"},
        {"email": "ana@example.org"},
        [],
    ):
        assert (await visitor.post("/auth/demo", json=body)).status_code == 422
    assert (await visitor.post("/auth/demo", data=ANA)).status_code == 415


async def test_signing_out_ends_the_session(visitor: httpx.AsyncClient) -> None:
    csrf = (await visitor.post("/auth/demo", json=ANA)).json()["csrf"]
    cookie = visitor.cookies[COOKIE]
    assert (await visitor.post("/auth/logout")).status_code == 403
    assert (await visitor.post("/auth/logout", headers={"X-CSRF-Token": csrf})).status_code == 204
    assert COOKIE not in visitor.cookies
    visitor.cookies.set(COOKIE, cookie)
    assert (await visitor.get("/api/v1/me")).status_code == 401
    assert (await visitor.post("/auth/logout")).status_code == 204

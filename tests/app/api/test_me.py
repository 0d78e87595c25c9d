"""Who am I."""

from __future__ import annotations

import httpx

from tests.app.api.conftest import Somebody


async def test_shows_my_own_profile(ana: Somebody) -> None:
    me = await ana.get("/api/v1/me")
    assert me["person"] == str(ana.person)
    assert (me["name"], me["language"], me["scopes"]) == ("Ana", "en", ["live", "read", "write"])
    assert me["csrf"] is None


async def test_changes_my_profile(ana: Somebody) -> None:
    changed = await ana.patch("/api/v1/me", {"name": " Ana  María ", "language": "es"})
    assert (changed["name"], changed["language"]) == ("Ana María", "es")
    assert (await ana.get("/api/v1/me"))["name"] == "Ana María"


async def test_refuses_a_profile_without_sense(ana: Somebody) -> None:
    assert (await ana.patch("/api/v1/me", {}, status=422))["code"] == "invalid"
    refused = await ana.patch("/api/v1/me", {"language": "no such language"}, status=422)
    assert refused["code"] == "language_unknown"
    assert refused["errors"][0]["field"] == "language"
    assert (await ana.patch("/api/v1/me", {"nmae": "Ana"}, status=422))["errors"][0]["field"] == "nmae"


async def test_asks_strangers_to_sign_in(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/api/v1/me")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "sign_in_needed"

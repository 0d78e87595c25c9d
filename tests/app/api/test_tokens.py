"""Personal access tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from tests.app.api.conftest import Somebody


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_is_shown_once_and_works_until_revoked(
    ana: Somebody, visitor: httpx.AsyncClient
) -> None:
    made = await ana.post("/api/v1/tokens", {"name": "script", "scopes": ["read"]}, status=201)
    assert (await visitor.get("/api/v1/me", headers=bearer(made["token"]))).status_code == 200
    listed = await ana.get("/api/v1/tokens")
    shown = next(item for item in listed["items"] if item["id"] == made["id"])
    assert shown["scopes"] == ["read"]
    assert made["token"] not in str(listed)
    await ana.delete(f"/api/v1/tokens/{made['id']}", status=204)
    refused = await visitor.get("/api/v1/me", headers=bearer(made["token"]))
    assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
    await ana.delete(f"/api/v1/tokens/{made['id']}", status=404)


async def test_a_token_has_no_more_power_than_its_scopes(ana: Somebody, visitor: httpx.AsyncClient) -> None:
    reading = (await ana.post("/api/v1/tokens", {"name": "script", "scopes": ["read"]}))["token"]
    start = {"title": "No", "language": "en"}
    refused = await visitor.post("/api/v1/processes", json=start, headers=bearer(reading))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert 'scope="write"' in refused.headers["www-authenticate"]
    ticket = await visitor.post(
        "/api/v1/live-tickets", json={"document": str(ana.person)}, headers=bearer(reading)
    )
    assert ticket.json()["code"] == "scope_missing"


async def test_a_token_makes_no_token_with_more_scopes(ana: Somebody, visitor: httpx.AsyncClient) -> None:
    writing = (await ana.post("/api/v1/tokens", {"name": "script", "scopes": ["write"]}))["token"]
    more = {"name": "more", "scopes": ["write", "live"]}
    refused = await visitor.post("/api/v1/tokens", json=more, headers=bearer(writing))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


async def test_nobody_ends_the_token_of_another(ana: Somebody, bruno: Somebody) -> None:
    made = await ana.post("/api/v1/tokens", {"name": "script"})
    await bruno.delete(f"/api/v1/tokens/{made['id']}", status=404)
    assert made["id"] not in str(await bruno.get("/api/v1/tokens"))


async def test_refuses_a_token_without_sense(ana: Somebody) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    for body in (
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["all"]},
        {"name": "", "scopes": ["read"]},
        {"name": "x", "expires": past},
        {"name": "x", "expires": "2099-01-01T00:00:00"},
        {"name": "x", "expires": 4070908800},
    ):
        assert (await ana.post("/api/v1/tokens", body, status=422))["errors"], body
    await ana.post("/api/v1/tokens", {"name": "x", "expires": "2099-01-01T00:00:00Z"}, status=201)


async def test_a_repeated_request_makes_no_second_token(ana: Somebody) -> None:
    ana.headers = {"Idempotency-Key": "once"}
    await ana.post("/api/v1/tokens", {"name": "script"}, status=201)
    again = await ana.post("/api/v1/tokens", {"name": "script"}, status=409)
    assert again["code"] == "token_shown_once"
    assert len([t for t in (await ana.get("/api/v1/tokens"))["items"] if t["name"] == "script"]) == 1

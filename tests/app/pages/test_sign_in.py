"""Signing in and out through pages."""

from __future__ import annotations

import httpx
import pytest

from app.seed import demo_people
from app.sign_in import COOKIE
from tests.app.pages.conftest import Reader

ANA = {"name": "Ana", "email": "ana@example.org", "language": "es"}


async def test_the_people_of_the_demo_are_offered(visitor: httpx.AsyncClient) -> None:
    html = (await visitor.get("/sign-in")).text
    names = [person["name"] for person in demo_people()]
    assert len(names) >= 6
    assert all(name in html for name in names)


async def test_signing_in_goes_on_to_where_one_wanted(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.post("/sign-in", data={**ANA, "next": "/processes/new?x=1"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/processes/new?x=1"
    cookie = answer.headers["set-cookie"]
    assert COOKIE in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    html = (await visitor.get("/processes/new")).text
    assert '<html lang="es">' in html
    assert "Ana" in html


@pytest.mark.parametrize("wish", ["https://evil.example/", "//evil.example", "/\\evil.example", "/sign-out"])
async def test_signing_in_leads_to_no_other_site(visitor: httpx.AsyncClient, wish: str) -> None:
    answer = await visitor.post("/sign-in", data={**ANA, "next": wish})
    assert answer.headers["location"] == "/"
    assert wish not in (await visitor.get("/sign-in", params={"next": wish})).text


async def test_what_was_typed_stays_and_errors_are_said(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.post("/sign-in", data={"name": "Ana <3", "email": "nonsense", "language": "es"})
    assert answer.status_code == 422
    assert 'value="Ana &lt;3"' in answer.text
    assert 'value="nonsense"' in answer.text
    assert 'href="#enter-email"' in answer.text
    assert "Enter an e-mail address" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "<title>Error: " in answer.text


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_site_signs_nobody_in(visitor: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await visitor.post("/sign-in", data=ANA, headers=headers)
    assert answer.status_code == 403
    assert COOKIE not in answer.headers.get("set-cookie", "")


async def test_our_own_page_does(visitor: httpx.AsyncClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert (await visitor.post("/sign-in", data=ANA, headers=headers)).status_code == 303


async def test_who_is_signed_in_goes_on(ilze: Reader) -> None:
    answer = await ilze.client.get("/sign-in?next=/profile")
    assert (answer.status_code, answer.headers["location"]) == (303, "/profile")


async def test_signing_out_ends_the_session(ilze: Reader) -> None:
    cookie = ilze.client.cookies[COOKIE]
    answer = await ilze.send("/", "/sign-out")
    assert answer.headers["location"] == "/sign-in"
    ilze.client.cookies.set(COOKIE, cookie, domain="127.0.0.1")
    assert (await ilze.client.get("/")).status_code == 303


async def test_signing_out_needs_the_session_s_token(ilze: Reader) -> None:
    answer = await ilze.post("/sign-out", status=403, csrf="wrong")
    assert "This form was open too long" in answer.text
    await ilze.get("/")

"""Errors as pages, in the reader's language; as problem+json for programs."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.pages import errors
from app.web.locale import LANGUAGES
from tests.app.pages.conftest import Reader, SignUp, Work


async def test_not_found_in_every_language(sign_up: SignUp) -> None:
    seen = set()
    for code in LANGUAGES:
        reader = await sign_up("Ana", code)
        html = await reader.get("/nowhere", 404)
        assert f'<html lang="{code}">' in html
        seen.add(html.split("<h1>")[1].split("</h1>")[0])
    assert len(seen) == len(LANGUAGES)


async def test_visitors_are_led_to_sign_in(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/nowhere")
    assert answer.status_code == 404
    assert 'href="/sign-in"' in answer.text


async def test_programs_get_problems(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/nowhere", headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_wrong_method(ilze: Reader, work: Work) -> None:
    html = await ilze.get(f"{work.task}/status", 405)
    assert "This does not work this way" in html


async def test_what_nobody_foresaw_has_a_number(app: Starlette, visitor: httpx.AsyncClient) -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("secret detail")

    app.router.routes.insert(0, Route("/broken", broken))
    answer = await visitor.get("/broken", headers={"Accept-Language": "it"})
    assert answer.status_code == 500
    assert "Qualcosa è andato storto" in answer.text
    assert "Numero di questo errore" in answer.text
    assert "secret detail" not in answer.text


async def test_an_error_page_that_breaks_still_says_something(
    visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(request: Request) -> None:
        raise RuntimeError("no database")

    monkeypatch.setattr(errors, "open_page", broken)
    answer = await visitor.get("/nowhere")
    assert answer.status_code == 404
    assert "<h1>There is nothing here</h1>" in answer.text

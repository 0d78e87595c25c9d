"""A page knows its reader and language, answers, refuses, and does what a form asks for once."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from starlette.requests import Request

from app.pages.form import Form
from app.pages.page import Page
from app.sign_in import Principal
from app.web.locale import locale
from domain.errors import Conflict, Invalid, NotFound
from tests.app.pages.conftest import Reader, SignUp

ANA = UUID(int=1)


def a_page(path: str = "/here", query: str = "", who: UUID | None = ANA, views: object = None) -> Page:
    """A request for a page, of somebody with a session."""
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "query_string": query.encode()}
    scope |= {"headers": [(b"host", b"interlink.test")], "path_params": {}}
    principal = None if who is None else Principal(who, "session", frozenset(), csrf="c")
    return Page(Request(scope), cast(Any, SimpleNamespace(views=views)), locale("en"), principal, None)


def sent(**values: str) -> Form:
    return Form("add", {"csrf": "c", "once": "1", "title": "Parks"} | values)


def test_who_reads_is_known_or_nothing_is_found() -> None:
    assert a_page().person == ANA
    with pytest.raises(NotFound):
        _ = a_page(who=None).person


def test_a_value_of_the_query_is_none_if_it_is_empty() -> None:
    page = a_page(query="a=1&b=&c=%20&a=2")
    assert [page.query(name) for name in "abcd"] == ["2", None, " ", None]


def test_the_same_form_is_the_same_command_whatever_else_the_page_put_in() -> None:
    first = a_page().context(sent())
    assert first.actor == ANA
    assert a_page().context(sent(csrf="another")) == first
    others = [
        a_page().context(sent(once="2")),
        a_page().context(sent(title="Gardens")),
        a_page().context(sent(more="")),
        a_page("/there").context(sent()),
        a_page(who=UUID(int=2)).context(sent()),
    ]
    assert len({first.command_id, *(other.command_id for other in others)}) == 6


@pytest.mark.parametrize(("error", "status"), [(Invalid, 422), (Conflict, 409)])
def test_a_refused_form_keeps_what_was_typed_and_says_what_is_wrong(error: Any, status: int) -> None:
    page = a_page()
    refused = page.refused(sent(), error("no", code="title_empty", field="title"))
    form = refused.forms.named("add")
    assert (refused.status, form["title"]) == (status, "Parks")
    assert form.error("title")
    assert refused.forms.named("other") == Form("other")
    assert (page.status, page.forms.sent) == (200, None)


@pytest.mark.parametrize(
    ("url", "notice", "expected"),
    [
        ("/there", {}, "/there"),
        ("/there#part", {}, "/there#part"),
        ("/there", {"done": "saved"}, "/there?done=saved"),
        ("/there#part", {"done": "a&b", "n": 2}, "/there?done=a%26b&n=2#part"),
    ],
)
async def test_one_goes_on_once_the_views_have_seen_what_was_done(
    url: str, notice: dict[str, object], expected: str
) -> None:
    waited: list[int] = []

    class Views:
        async def wait_all(self, position: int) -> None:
            waited.append(position)

    answer = await a_page(views=Views()).done(7, url, **notice)
    assert (answer.status_code, answer.headers["location"], waited) == (303, expected, [7])


async def test_pages_are_kept_by_no_cache_and_refuse_foreign_scripts(ilze: Reader) -> None:
    answer = await ilze.client.get("/")
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["content-language"] == "en"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [({"lang": "it"}, "it"), ({"lang": "xx"}, "es"), ({}, "es")],
)
async def test_visitors_choose_a_language_by_link_or_browser(
    visitor: httpx.AsyncClient, asked: dict[str, str], expected: str
) -> None:
    answer = await visitor.get("/sign-in", params=asked, headers={"Accept-Language": "es-AR,en;q=0.5"})
    assert f'<html lang="{expected}">' in answer.text
    kept = await visitor.get("/sign-in", headers={"Accept-Language": "lv"})
    assert f'<html lang="{"it" if expected == "it" else "lv"}">' in kept.text


async def test_a_profile_s_language_goes_before_the_browser_s(sign_up: SignUp) -> None:
    reader = await sign_up("Marco", "it")
    answer = await reader.client.get("/?lang=es", headers={"Accept-Language": "lv"})
    assert '<html lang="it">' in answer.text


async def test_access_tokens_open_no_pages(visitor: httpx.AsyncClient, ilze: Reader, system: object) -> None:
    made = await ilze.send("/integrations/tokens", "/integrations/tokens", status=200, name="x", life="7")
    secret = re.search(r"ilk_[\w-]+=*", made.text)
    assert secret
    answer = await visitor.get("/", headers={"Authorization": f"Bearer {secret[0]}"})
    assert answer.status_code == 303


async def test_a_form_sent_twice_makes_one_thing_changed_it_makes_two(ilze: Reader) -> None:
    form = await ilze.form("/processes/new", "/processes/new")
    sent = {**form, "title": "Parks", "description": "", "language": "en"}
    first = await ilze.post("/processes/new", **sent)
    again = await ilze.post("/processes/new", **sent)
    assert first.headers["location"] == again.headers["location"]
    other = await ilze.post("/processes/new", **{**sent, "title": "Gardens"})
    assert other.headers["location"] != first.headers["location"]
    assert (await ilze.get("/")).count('class="card card-link') == 2


async def test_two_people_with_one_form_id_make_two_things(ilze: Reader, janis: Reader) -> None:
    made = []
    for reader in (ilze, janis):
        form = await reader.form("/processes/new", "/processes/new")
        sent = {**form, "once": "same", "title": "Parks", "language": "en"}
        made.append((await reader.post("/processes/new", **sent)).headers["location"])
    assert made[0] != made[1]


async def test_who_has_not_signed_in_comes_back_to_where_they_were_but_never_to_a_form_s_action(
    visitor: httpx.AsyncClient,
) -> None:
    read = await visitor.get("/profile?x=%26&y=/")
    sent = await visitor.post("/profile/language", data={"language": "it"})
    for answer, back in ((read, "/profile?x=%26&y=/"), (sent, "/")):
        location = httpx.URL(answer.headers["location"])
        assert (answer.status_code, location.path, location.params["next"]) == (303, "/sign-in", back)
        assert answer.headers["cache-control"] == "no-store"

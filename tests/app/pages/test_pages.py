"""Every page, in every language, for who may see it and who may not."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx
import pytest

from app.web.locale import LANGUAGES
from tests.app.pages.conftest import Reader, SignUp, Work

ENGLISH = {
    "/": "Your processes",
    "/processes/new": "Start a process",
    "/profile": "Your profile",
    "/accessibility": "Accessibility statement",
}


def paths(work: Work) -> list[str]:
    """Every page there is for somebody who has signed in."""
    return [
        *ENGLISH,
        work.here,
        f"{work.here}/edit",
        f"{work.here}/plan",
        f"{work.here}/plan?disabled=1",
        f"{work.here}/activity",
        f"{work.here}/people",
        work.task,
        f"{work.here}/nodes/{work.plan.phase}",
        f"/documents/{work.document}",
        f"/documents/{work.document}/history",
    ]


@pytest.mark.parametrize("code", LANGUAGES)
async def test_every_page_is_whole_in_every_language(code: str, ilze: Reader, work: Work) -> None:
    await ilze.send("/profile", "/profile/language", language=code)
    for path in paths(work):
        html = await ilze.get(path)
        assert f'<html lang="{code}">' in html
        assert len(re.findall("<h1", html)) == 1, path
        assert re.search(r"<title>[^<]+ · interlink</title>", html), path
        assert 'id="main"' in html
        assert not re.search(r"%\(|Undefined|\bNone\b", html), path
        assert "<b>costs</b>" not in html, path
        assert "style=" not in html, path
        assert not re.search(r"<script(?![^>]* (src|type=\"application/json\"))", html), path


async def test_english_words_do_not_stand_in_other_languages(sign_up: SignUp, work: Work) -> None:
    reader = await sign_up("Ana", "es")
    for path, heading in ENGLISH.items():
        assert heading not in await reader.get(path)


async def test_who_has_not_signed_in_is_sent_to_sign_in_and_back(
    visitor: httpx.AsyncClient, work: Work
) -> None:
    for path in paths(work):
        if path == "/accessibility":
            continue
        answer = await visitor.get(path)
        assert answer.status_code == 303, path
        location = httpx.URL(answer.headers["location"])
        assert (location.path, location.params["next"]) == ("/sign-in", path)


async def test_strangers_find_nothing(janis: Reader, work: Work) -> None:
    for path in paths(work)[len(ENGLISH) :]:
        html = await janis.get(path, 404)
        assert "There is nothing here" in html
        assert "Skaidrāks" not in html


async def test_nothing_is_found_where_nothing_is(ilze: Reader, work: Work) -> None:
    for path in (
        "/nowhere",
        f"/processes/{uuid4()}",
        f"/documents/{uuid4()}",
        f"{work.here}/nodes/{uuid4()}",
    ):
        assert "There is nothing here" in await ilze.get(path, 404)


async def test_hostile_titles_are_shown_as_text(ilze: Reader) -> None:
    nasty = '"><script>alert(1)</script>{{ 7*7 }} %(who)s'
    answer = await ilze.send(
        "/processes/new", "/processes/new", title=nasty, description=nasty, language="en"
    )
    here = answer.headers["location"].split("?")[0].removesuffix("/plan")
    for path in ("/", here, f"{here}/edit", f"{here}/activity", f"{here}/plan", f"{here}/people"):
        html = await ilze.get(path)
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }} %(who)s" in html

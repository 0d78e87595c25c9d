"""One's own profile."""

from __future__ import annotations

from app.system import System
from tests.app.pages.conftest import Reader


async def test_name_and_language(ilze: Reader, system: System) -> None:
    answer = await ilze.send("/profile", "/profile", name="Ilze Ozola", language="lv")
    html = await ilze.get(answer.headers["location"])
    assert "Jūsu profils" in html
    assert "Ilze Ozola" in html
    assert (await system.people.get(ilze.person)).language == "lv"


async def test_refused_profile(ilze: Reader) -> None:
    refused = await ilze.send("/profile", "/profile", status=422, name=" ", language="en")
    assert 'href="#profile-name">Enter a name.' in refused.text
    refused = await ilze.send("/profile", "/profile", status=422, name="Ilze", language="tlh")
    assert 'href="#profile-language"' in refused.text


async def test_the_foot_changes_the_language_and_comes_back(ilze: Reader) -> None:
    answer = await ilze.send("/processes/new", "/profile/language", language="es")
    assert answer.headers["location"] == "/processes/new"
    assert '<html lang="es">' in await ilze.get("/processes/new")
    await ilze.send("/processes/new", "/profile/language", language="tlh")
    answer = await ilze.send("/", "/profile/language", language="en", next="//evil.example")
    assert answer.headers["location"] == "/"

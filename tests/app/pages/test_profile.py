"""One's own profile and access tokens."""

from __future__ import annotations

import re

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


async def test_a_token_is_shown_once_works_and_is_revoked(ilze: Reader, system: System) -> None:
    made = await ilze.send("/profile", "/profile/tokens", status=200, name="Report", scopes="read", life="7")
    found = re.search(r">(ilk_[\w-]+=*)</code>", made.text)
    assert found
    assert made.headers["cache-control"] == "no-store"
    principal = await system.sign_in.bearer(found[1])
    assert principal is not None
    assert (principal.person, principal.scopes) == (ilze.person, frozenset({"read"}))

    html = await ilze.get("/profile")
    assert found[1] not in html
    assert "Report" in html
    [token] = await system.sign_in.tokens(ilze.person)
    answer = await ilze.send("/profile", f"/profile/tokens/{token.id}/revoke")
    assert "The token was revoked" in await ilze.get(answer.headers["location"])
    assert await system.sign_in.bearer(found[1]) is None


async def test_refused_tokens(ilze: Reader, system: System) -> None:
    send = {"page": "/profile", "action": "/profile/tokens", "status": 422}
    no_scope = await ilze.client.post(
        "/profile/tokens",
        data={"csrf": (await ilze.form("/profile", "/profile"))["csrf"], "name": "x", "life": "7"},
    )
    assert no_scope.status_code == 422
    assert 'href="#token-scopes">Choose what the token may be used for.' in no_scope.text
    refused = await ilze.send(**send, name="", scopes="read", life="7")
    assert 'href="#token-name">' in refused.text
    refused = await ilze.send(**send, name="kept", scopes="read", life="forever")
    assert 'href="#token-life">' in refused.text
    assert 'value="kept"' in refused.text
    assert await system.sign_in.tokens(ilze.person) == []


async def test_nobody_else_s_token_is_revoked(ilze: Reader, janis: Reader, system: System) -> None:
    token, _ = await system.sign_in.create_token(ilze.person, name="x", scopes=["read"], expires=None)
    csrf = (await janis.form("/profile", "/profile"))["csrf"]
    await janis.post(f"/profile/tokens/{token}/revoke", status=404, csrf=csrf)
    assert len(await system.sign_in.tokens(ilze.person)) == 1

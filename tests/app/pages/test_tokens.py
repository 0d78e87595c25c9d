"""Access tokens by hand: made, seen once, revoked."""

from __future__ import annotations

import re

from app.system import System
from tests.app.pages.conftest import Reader

HERE = "/integrations/tokens"
READS = {"scope-read": "yes"}


async def test_a_token_is_shown_once_works_and_is_revoked(ilze: Reader, system: System) -> None:
    made = await ilze.send(HERE, HERE, status=200, **READS, name="Report", life="7")
    found = re.search(r">(ilk_[\w-]+=*)</code>", made.text)
    assert found
    assert made.headers["cache-control"] == "no-store"
    principal = await system.sign_in.bearer(found[1])
    assert principal is not None
    assert (principal.person, principal.scopes) == (ilze.person, frozenset({"read"}))

    html = await ilze.get(HERE)
    assert found[1] not in html
    assert "Report" in html
    [token] = await system.sign_in.tokens(ilze.person)
    answer = await ilze.send(HERE, f"/integrations/tokens/{token.id}/revoke")
    assert "The token was revoked" in await ilze.get(answer.headers["location"])
    assert await system.sign_in.bearer(found[1]) is None


async def test_refused_tokens(ilze: Reader, system: System) -> None:
    send = {"page": HERE, "action": HERE, "status": 422}
    csrf = (await ilze.form(HERE, HERE))["csrf"]
    no_scope = await ilze.post(HERE, status=422, csrf=csrf, name="x", life="7")
    assert 'href="#token-scopes">Choose what the token may be used for.' in no_scope.text
    refused = await ilze.send(**send, name="", **READS, life="7")
    assert 'href="#token-name">' in refused.text
    refused = await ilze.send(**send, name="kept", **READS, life="forever")
    assert 'href="#token-life">' in refused.text
    assert 'value="kept"' in refused.text
    assert re.search(r'name="scope-read"[^>]* checked', refused.text)
    assert not re.search(r'name="scope-write"[^>]* checked', refused.text)
    assert await system.sign_in.tokens(ilze.person) == []


async def test_nobody_else_s_token_is_revoked(ilze: Reader, janis: Reader, system: System) -> None:
    token, _ = await system.sign_in.create_token(ilze.person, name="x", scopes=["read"], expires=None)
    csrf = (await janis.form(HERE, HERE))["csrf"]
    await janis.post(f"/integrations/tokens/{token}/revoke", status=404, csrf=csrf)
    assert len(await system.sign_in.tokens(ilze.person)) == 1

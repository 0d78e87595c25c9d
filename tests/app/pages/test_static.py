"""The bundle as it is served."""

from __future__ import annotations

import httpx

from app.web.bundle import entry


async def test_hashed_files_are_kept_for_ever(visitor: httpx.AsyncClient) -> None:
    found = entry("src/page.ts")
    for url, kind in ((found.script, "javascript"), (found.styles[0], "text/css")):
        answer = await visitor.get(url)
        assert answer.status_code == 200
        assert kind in answer.headers["content-type"]
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_other_files_are_asked_for_again(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/static/manifest.json")
    assert answer.headers["cache-control"] == "no-cache"


async def test_nothing_outside_the_bundle_is_served(visitor: httpx.AsyncClient) -> None:
    for path in ("/static/../package.json", "/static/%2e%2e/package.json", "/static/assets/nothing.js"):
        assert (await visitor.get(path)).status_code == 404

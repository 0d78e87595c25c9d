"""Documents and links under tasks."""

from __future__ import annotations

from uuid import uuid4

from tests.app.api.conftest import Somebody


async def test_the_first_asset_starts_a_task(ana: Somebody) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    body = {"kind": "link", "title": "Source", "url": "https://example.org/a"}
    made = await ana.post(f"/api/v1/nodes/{task}/assets", body, status=201)
    assert made["document"] is None
    shown = await ana.get(f"/api/v1/nodes/{task}")
    assert shown["status"] == "in_progress"
    assert (shown["assets"][0]["id"], shown["assets"][0]["url"]) == (made["id"], "https://example.org/a")


async def test_renames_disables_and_restores(ana: Somebody) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    made = await ana.a_document(task)
    assert made["document"]
    await ana.patch(f"/api/v1/assets/{made['id']}", {"title": "Costs"}, status=200)
    await ana.post(f"/api/v1/assets/{made['id']}/disable", status=200)
    shown = await ana.get(f"/api/v1/documents/{made['document']}")
    assert (shown["title"], shown["enabled"]) == ("Costs", False)
    ticket = await ana.post("/api/v1/live-tickets", {"document": made["document"]}, status=409)
    assert ticket["code"] == "document_disabled"
    await ana.post(f"/api/v1/assets/{made['id']}/restore", status=200)
    assert (await ana.get(f"/api/v1/documents/{made['document']}"))["enabled"] is True


SENSELESS: list[object] = [
    {"kind": "document"},
    {"kind": "document", "title": " "},
    {"kind": "document", "title": "x", "format": "pdf"},
    {"kind": "document", "title": "x", "url": "https://example.org"},
    {"kind": "document", "title": "x", "language": "!"},
    {"kind": "link", "title": "x"},
    {"kind": "link", "title": "x", "url": "javascript:alert(1)"},
    {"kind": "link", "title": "x", "url": "https://"},
    {"kind": "tool", "title": "x"},
]


async def test_refuses_an_asset_without_sense(ana: Somebody) -> None:
    _, _, task = await ana.a_task(await ana.a_process())
    for body in SENSELESS:
        await ana.post(f"/api/v1/nodes/{task}/assets", body, status=422)


async def test_rights_on_assets(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    made = await ana.a_document(task)
    for path in (f"/api/v1/assets/{made['id']}/disable", f"/api/v1/assets/{made['id']}/restore"):
        await bruno.post(path, status=404)
    await bruno.patch(f"/api/v1/assets/{made['id']}", {"title": "x"}, status=404)
    await bruno.patch(f"/api/v1/assets/{uuid4()}", {"title": "x"}, status=404)
    await ana.let_in(bruno, process, "view", "edit")
    await bruno.patch(f"/api/v1/assets/{made['id']}", {"title": "x"}, status=200)
    await bruno.post(f"/api/v1/assets/{made['id']}/disable", status=403)

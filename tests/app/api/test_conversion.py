"""Documents as files, and files into documents, over HTTP."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import httpx
import pytest

from app.system import System
from tests.app.api.conftest import Somebody

MARKDOWN = """---
lang: lv
---

# Izmaksas

- viens
- divi **trīs**

| Kas | Cik |
|-----|-----|
| telpa | 5 € |

[saite](https://example.org) [x](javascript:alert(1))

<script>alert(1)</script>
"""


async def a_document(who: Somebody, format: str = "richtext") -> str:
    _, _, task = await who.a_task(await who.a_process())
    id: str = (await who.a_document(task, format))["document"]
    return id


async def bring(
    who: Somebody, id: str, name: str, data: bytes, *, status: int = 200, kind: str = "", mode: str = ""
) -> dict[str, Any]:
    """Import a file as a form does."""
    path = f"/api/v1/documents/{id}/import" + (f"?mode={mode}" if mode else "")
    answer = await who.client.post(path, files={"file": (name, data, kind or None)}, timeout=60)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def text(who: Somebody, id: str) -> str:
    answer = await who.client.get(f"/api/v1/documents/{id}/content?format=text")
    assert answer.status_code == 200, answer.text
    return answer.text


async def get(who: Somebody, id: str, format: str) -> httpx.Response:
    answer = await who.client.get(f"/api/v1/documents/{id}/export?format={format}", timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


async def test_a_file_becomes_the_content_and_goes_out_in_every_kind(ana: Somebody) -> None:
    id = await a_document(ana)
    assert (await bring(ana, id, "plan.md", MARKDOWN.encode()))["document"] == id
    content = await ana.get(f"/api/v1/documents/{id}/content")
    assert [each["type"] for each in content["content"]] == ["heading", "bulletList", "table", "paragraph"]
    assert "javascript" not in str(content)
    assert "alert" not in str(content["content"][:3])
    for format in ("md", "html", "docx", "odt"):
        made = await get(ana, id, format)
        assert made.headers["content-language"] == "en"
        again = await a_document(ana)
        await bring(ana, again, f"x.{format}", made.content)
        assert await ana.get(f"/api/v1/documents/{again}/content") == content, format
    pdf = await get(ana, id, "pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")


async def test_content_as_markdown_and_html(ana: Somebody) -> None:
    id = await a_document(ana)
    await bring(ana, id, "plan.md", MARKDOWN.encode())
    markdown = await ana.client.get(f"/api/v1/documents/{id}/content?format=markdown")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "divi **trīs**" in markdown.text
    html = await ana.client.get(f"/api/v1/documents/{id}/content?format=html")
    assert "sandbox" in html.headers["content-security-policy"]
    assert "<strong>trīs</strong>" in html.text
    assert "<html" not in html.text
    assert "<script" not in html.text


async def test_a_second_file_is_added_or_replaces(ana: Somebody) -> None:
    id = await a_document(ana)
    await bring(ana, id, "a.txt", b"one\n\ntwo")
    await bring(ana, id, "b.txt", b"three")
    assert await text(ana, id) == "one\ntwo\nthree"
    await bring(ana, id, "c.txt", b"four", mode="replace")
    assert await text(ana, id) == "four"
    await bring(ana, id, "d.txt", b"five", mode="overwrite", status=422)


async def test_plain_text_documents_take_text(ana: Somebody) -> None:
    id = await a_document(ana, "text")
    await bring(ana, id, "a.md", b"# one")
    html = b"<p>two<p><b>three</b>"
    await bring(ana, id, "b.html", html)
    assert await text(ana, id) == "# one\ntwo\n\nthree"
    assert "# one" in (await get(ana, id, "html")).text
    await bring(ana, id, "c.txt", b"four", mode="replace")
    assert await text(ana, id) == "four"


async def test_a_body_with_its_media_type(ana: Somebody) -> None:
    id = await a_document(ana)
    path = f"/api/v1/documents/{id}/import"
    sent = {
        "content": "<h2>Ž</h2>".encode("cp1257"),
        "headers": {"Content-Type": "text/html; charset=cp1257"},
    }
    assert (await ana.client.post(path, **sent)).status_code == 200  # type: ignore[arg-type]
    assert (await text(ana, id)).strip() == "Ž"


async def test_the_same_request_sent_again_is_carried_out_once(ana: Somebody) -> None:
    id = await a_document(ana)
    path = f"/api/v1/documents/{id}/import"
    for mode in ("append", "append", "replace", "replace"):
        headers = {"Content-Type": "text/plain", "Idempotency-Key": f"key-{mode}"}
        answer = await ana.client.post(f"{path}?mode={mode}", content=b"one", headers=headers)
        assert answer.status_code == 200, answer.text
        assert await text(ana, id) == "one"


async def test_what_is_imported_is_its_importers_edit(ana: Somebody, bruno: Somebody, system: System) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    id = (await ana.a_document(task, "richtext"))["document"]
    await ana.let_in(bruno, process, "view", "edit")
    head = await system.log.head()  # before it, for it may be sealed at once
    await bring(bruno, id, "a.txt", b"from Bruno")
    await system.log.wait(head + 1, timeout=60)
    bruno.position = head + 1
    [burst] = (await bruno.get(f"/api/v1/documents/{id}/history"))["items"]
    assert burst["author_name"] == "Bruno"


async def test_who_may_not_edit_may_not_import(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    id = (await ana.a_document(task, "richtext"))["document"]
    await bring(bruno, id, "a.txt", b"x", status=404)
    await bruno.get(f"/api/v1/documents/{id}/export", format="md", status=404)
    await ana.let_in(bruno, process, "view")
    await bring(bruno, id, "a.txt", b"x", status=403)
    assert await text(ana, id) == ""


def _bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", "<x/>")
        package.writestr("word/document.xml", b"\x00" * (80 * 1024 * 1024))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "status", "code"),
    [
        ("a.pdf", b"%PDF-1.7", 415, "file_type_unknown"),
        ("a.exe", b"MZ", 415, "file_type_unknown"),
        ("a.docx", b"PK\x03\x04 no", 422, "file_broken"),
        ("a.odt", b"", 422, "file_broken"),
        ("a.txt", b"\xff\xfe\xfa\x00\xd8", 422, "file_broken"),
        ("a.txt", b"a\x00b", 422, "file_broken"),
        ("a.md", b" \n\n", 422, "file_empty"),
        ("a.html", b"<div>" * 5000 + b"x", 422, "too_complex"),
        ("a.html", b"<table><tr><td colspan=5000>x</td></tr></table>", 422, "too_complex"),
    ],
    ids=["pdf", "exe", "broken", "empty-odt", "utf-16", "binary", "blank", "deep", "wide"],
)
async def test_bad_files_are_refused_and_nothing_is_lost(
    ana: Somebody, name: str, data: bytes, status: int, code: str
) -> None:
    id = await a_document(ana)
    await bring(ana, id, "a.txt", b"stays")
    refused = await bring(ana, id, name, data, status=status, mode="replace")
    assert refused["code"] == code
    assert await text(ana, id) == "stays"


async def test_a_zip_bomb_is_refused(ana: Somebody) -> None:
    id = await a_document(ana)
    assert (await bring(ana, id, "a.docx", _bomb(), status=422))["code"] == "too_complex"


async def test_too_large_files_are_refused_before_they_are_read(ana: Somebody, system: System) -> None:
    id = await a_document(ana)
    limit = system.settings.conversion.upload
    answer = await ana.client.post(
        f"/api/v1/documents/{id}/import",
        content=b"x",
        headers={"Content-Type": "text/plain", "Content-Length": str(100 * limit)},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    refused = await bring(ana, id, "a.txt", b"x" * (limit + 1), status=413)
    assert refused["code"] == "file_too_large"
    await bring(ana, id, "a.txt", b"x" * (limit + 100_000), status=413)


async def test_a_form_without_a_file(ana: Somebody) -> None:
    id = await a_document(ana)
    answer = await ana.client.post(f"/api/v1/documents/{id}/import", files={"other": ("a.txt", b"x")})
    assert (answer.status_code, answer.json()["code"]) == (422, "file_missing")


async def test_a_disabled_document_takes_nothing(ana: Somebody, system: System) -> None:
    _, _, task = await ana.a_task(await ana.a_process())
    made = await ana.a_document(task, "richtext")
    await ana.post(f"/api/v1/assets/{made['id']}/disable")
    assert (await bring(ana, made["document"], "a.txt", b"x", status=409))["code"] == "document_disabled"

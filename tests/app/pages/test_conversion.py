"""Files on the page of a document, as somebody without a script uses them."""

from __future__ import annotations

import httpx

from app.system import System
from app.web.locale import LANGUAGES
from tests.app.pages.conftest import Reader, Work
from tests.app.pages.test_process import let_in


async def bring(
    reader: Reader, work: Work, name: str, data: bytes, *, status: int = 303, **entered: str
) -> httpx.Response:
    """Fill in the form and send it, as a browser does."""
    page, action = f"/documents/{work.document}", f"/documents/{work.document}/import"
    values = {**await reader.form(page, action), **entered}
    values.pop("file", None)
    answer = await reader.client.post(action, data=values, files={"file": (name, data)}, timeout=60)
    assert answer.status_code == status, answer.text[:500]
    return answer


async def test_a_file_is_brought_in_and_told(ilze: Reader, work: Work) -> None:
    answer = await bring(ilze, work, "a.md", b"# Costs\n\n![far](pictures/a.png) <kbd>x</kbd>")
    shown = await ilze.get(answer.headers["location"])
    assert "<h2>Costs</h2><p>far x</p>" in shown
    assert "The file was imported." in shown
    assert "1 picture could not be taken over." in shown
    await bring(ilze, work, "a.txt", b"instead", mode="replace")
    assert "Costs" not in await ilze.get(f"/documents/{work.document}")


async def test_pressed_twice_it_comes_in_once(ilze: Reader, work: Work) -> None:
    page, action = f"/documents/{work.document}", f"/documents/{work.document}/import"
    values = await ilze.form(page, action)
    for data in (b"one", b"one", b"two"):
        answer = await ilze.client.post(action, data=values, files={"file": ("a.txt", data)}, timeout=60)
        assert answer.status_code == 303
    assert "<p>one</p><p>two</p>" in await ilze.get(page)


async def test_what_is_wrong_is_said_beside_the_field(ilze: Reader, work: Work) -> None:
    shown = (await bring(ilze, work, "a.xlsx", b"PK", status=422)).text
    assert 'href="#import-file">Choose a .docx, .odt, .html, .md or .txt file.' in shown
    assert '<details class="import no-print" open>' in shown
    assert "Choose a file." in (await bring(ilze, work, "", b"", status=422)).text


async def test_the_form_needs_its_token_also_when_it_is_large(
    ilze: Reader, work: Work, system: System
) -> None:
    action, large = f"/documents/{work.document}/import", b"x" * 2_000_000
    refused = await ilze.client.post(action, data={"csrf": "x"}, files={"file": ("a.txt", large)})
    assert refused.status_code == 403
    await bring(ilze, work, "a.txt", large)
    await bring(ilze, work, "a.txt", b"x" * (system.settings.conversion.upload + 100_000), status=413)


async def test_downloads(ilze: Reader, work: Work) -> None:
    await bring(ilze, work, "a.txt", b"Sveiki")
    for kind in ("md", "html", "docx", "odt", "pdf"):
        made = await ilze.client.get(f"/documents/{work.document}/download?format={kind}", timeout=60)
        assert made.status_code == 200
        name = f"Notes _ b costs b.{kind}"
        assert made.headers["content-disposition"].startswith(f'attachment; filename="{name}"')
    await ilze.get(f"/documents/{work.document}/download?format=exe", status=404)


async def test_who_may_only_read_gets_no_form(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    await let_in(system, ilze, janis, work, "view")
    shown = await janis.get(f"/documents/{work.document}")
    assert "format=pdf" in shown
    assert 'enctype="multipart/form-data"' not in shown
    values = await janis.form("/profile", "/profile/language")
    action = f"/documents/{work.document}/import"
    refused = await janis.client.post(action, data={"csrf": values["csrf"]}, files={"file": ("a.txt", b"x")})
    assert refused.status_code == 403


async def test_in_every_language(ilze: Reader, work: Work) -> None:
    seen = set()
    for code in LANGUAGES:
        await ilze.send("/profile", "/profile/language", language=code)
        shown = await ilze.get(f"/documents/{work.document}?done=imported&left=picture_too_large.3+x.1+<b>")
        seen.add(next(line for line in shown.splitlines() if "3 " in line and "<li>" in line))
    assert len(seen) == len(LANGUAGES)

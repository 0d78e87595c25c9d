"""My data as a file, and being erased: asked for, called back, and how the others see it after."""

from __future__ import annotations

import pytest

from app.commands.process import decide_keeping
from app.privacy import erasure
from app.privacy.erasure import erase
from app.system import System
from tests.app.pages.conftest import Reader, Work
from tests.builders import by


@pytest.fixture(autouse=True)
def nobody_else_erases(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks for requests in the background leaves them to the test."""
    monkeypatch.setattr(erasure, "EVERY", 3600.0)


async def test_my_data_is_a_file_to_keep(ilze: Reader) -> None:
    assert 'href="/privacy"' in await ilze.get("/profile")
    assert 'href="/privacy/my-data.json"' in await ilze.get("/privacy")
    answer = await ilze.client.get("/privacy/my-data.json")
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert [row["name"] for row in answer.json()["profile"]] == ["Ilze"]


async def test_erasure_is_asked_for_with_a_mark_and_called_back(ilze: Reader) -> None:
    refused = await ilze.send("/privacy", "/privacy/erasure", status=422, text="redact")
    assert 'href="#erasure-sure">Mark that you want this.' in refused.text
    refused = await ilze.send("/privacy", "/privacy/erasure", status=422, text="burn", sure="yes")
    assert "Choose one of the kinds offered." in refused.text
    asked = await ilze.send("/privacy", "/privacy/erasure", text="keep", sure="yes")
    html = await ilze.get(asked.headers["location"])
    assert "You will be erased:" in html
    back = await ilze.send("/privacy", "/privacy/erasure/call-back")
    html = await ilze.get(back.headers["location"])
    assert "You will not be erased." in html
    assert 'action="/privacy/erasure"' in html


async def test_what_would_stay_is_told_with_the_ground(ilze: Reader, work: Work, system: System) -> None:
    assert "legal claims" not in await ilze.get("/privacy")
    await decide_keeping(system, by(ilze.person), process=work.process, ground="legal_claims")
    await system.pool.execute("INSERT INTO document_clients VALUES ($1, 7, $2)", work.document, ilze.person)
    html = await ilze.get("/privacy")
    assert "your text stays in any case" in html
    assert "<li>Skaidrāks pakalpojums: legal claims</li>" in html


async def test_who_was_erased_is_a_former_participant_to_others(
    ilze: Reader, janis: Reader, work: Work, system: System
) -> None:
    await ilze.send(
        f"{work.here}/people", f"{work.here}/people", email=await email(system, janis), role="administrator"
    )
    await erase(system, ilze.person, basis="objection", text="keep", by=None)
    await system.views.wait_all(await system.log.head())
    for page in ("/people", "/activity"):
        html = await janis.get(work.here + page)
        assert "Ilze" not in html
        assert "A former participant" in html
    assert (await ilze.client.get("/profile")).status_code == 303


async def email(system: System, reader: Reader) -> str:
    """The address of a reader."""
    return (await system.people.get(reader.person)).email

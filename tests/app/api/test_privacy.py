"""My data, and asking to be erased."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.privacy import erasure
from app.privacy.erasure import carry_out_due
from app.system import System
from tests.app.api.conftest import Somebody
from tests.app.api.test_versions import Typist


@pytest.fixture(autouse=True)
def nobody_else_erases(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks for requests in the background leaves them to the test."""
    monkeypatch.setattr(erasure, "EVERY", 3600.0)


async def test_my_data_holds_what_is_mine_and_nothing_of_others(
    ana: Somebody, bruno: Somebody, system: System
) -> None:
    process = await ana.a_process("Park")
    task = (await ana.a_task(process))[-1]
    document = (await ana.a_document(task))["document"]
    await ana.let_in(bruno, process, "edit", "view")
    hers, his = Typist(ana, system, document), Typist(bruno, system, document)
    hers.text.insert(0, "Mine. ")
    await hers.sync()
    await his.sync()
    his.text.insert(len(str(his.text)), "Another's.")
    await his.sync()
    await system.views.wait_all(await system.log.head())
    data = await ana.get("/api/v1/me/data")
    assert [(row["name"], row["person"]) for row in data["profile"]] == [("Ana", str(ana.person))]
    assert [row["written"] for row in data["texts"]] == [["Mine. "]]
    assert data["texts"][0]["document"] == document
    assert {row["process"] for row in data["rights"]} == {process}
    assert len(data["tokens"]) == 1
    assert {"process.started", "plan.node_added"} <= {event["type"] for event in data["events"]}
    assert {event["actor"] for event in data["events"]} == {str(ana.person)}
    assert ana.token not in str(data)
    assert str(bruno.person) not in str(data["profile"]) + str(data["tokens"])


async def test_a_request_waits_and_can_be_called_back(ana: Somebody, system: System) -> None:
    await ana.get("/api/v1/me/erasure", status=404)
    answer = await every_scope(ana, system)
    asked = await answer.post("/api/v1/me/erasure", {"text": "keep"}, status=202)
    days = system.settings.erasure_delay_days
    assert datetime.fromisoformat(asked["due"]) - datetime.fromisoformat(asked["asked"]) == timedelta(
        days=days
    )
    await carry_out_due(system)
    assert (await ana.get("/api/v1/me/erasure"))["text"] == "keep"
    await ana.delete("/api/v1/me/erasure", status=204)
    await ana.get("/api/v1/me/erasure", status=404)
    await ana.delete("/api/v1/me/erasure", status=404)


async def test_when_it_is_due_it_is_done(ana: Somebody, bruno: Somebody, system: System) -> None:
    ana = await every_scope(ana, system)
    await ana.post("/api/v1/me/erasure", {}, status=202)
    await system.pool.execute("UPDATE erasures SET due_at = now()")
    await carry_out_due(system)
    await ana.get("/api/v1/me", status=401)
    assert (await bruno.get("/api/v1/me"))["name"] == "Bruno"


async def test_asked_again_the_earlier_day_and_the_last_wish_count(ana: Somebody, system: System) -> None:
    ana = await every_scope(ana, system)
    first = await ana.post("/api/v1/me/erasure", {"text": "keep"}, status=202)
    second = await ana.post("/api/v1/me/erasure", {"text": "redact"}, status=202)
    assert (second["due"], second["text"]) == (first["due"], "redact")


async def test_a_lesser_token_is_not_enough_and_nonsense_is_refused(ana: Somebody, system: System) -> None:
    _, secret = await system.sign_in.create_token(
        ana.person, name="x", scopes=["read", "write"], expires=None
    )
    less = {"Authorization": f"Bearer {secret}"}
    answer = await ana.client.post("/api/v1/me/erasure", json={}, headers=less)
    assert answer.status_code == 403
    ana = await every_scope(ana, system)
    for body in ({"text": "burn"}, {"basis": "because"}, {"person": "another"}, []):
        await ana.post("/api/v1/me/erasure", body, status=422)
    await ana.get("/api/v1/me/erasure", status=404)


async def every_scope(somebody: Somebody, system: System) -> Somebody:
    """The same person with a token that may do everything."""
    _, secret = await system.sign_in.create_token(
        somebody.person, name="all", scopes=["read", "write", "live"], expires=None
    )
    somebody.client.headers["Authorization"] = f"Bearer {secret}"
    return somebody

"""Archives and provenance over HTTP: whole for those who may view it all, and for nobody else."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

from app.api import exports
from app.api.exports import Turns
from app.audit.archive import Archive
from app.audit.keys import log_signer
from app.audit.verify import verify_archive
from app.system import System
from domain.errors import Unavailable
from tests.app.api.conftest import Somebody
from tests.app.api.test_documents import burst
from tests.app.audit.test_provenance import graph, urn


async def a_story(who: Somebody, system: System) -> str:
    process = await who.a_process("Parks")
    _, _, task = await who.a_task(process)
    made = await who.a_document(task)
    await burst(system, made["document"], process, who.person, "Linden")
    return process


def path_of(process: object, what: str = "export") -> str:
    return f"/api/v1/processes/{process}/{what}"


async def test_an_archive_comes_that_verifies(ana: Somebody, system: System, tmp_path: Path) -> None:
    process = await a_story(ana, system)
    await ana.a_process("Another")
    answer = await ana.client.get(path_of(process))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="interlink-{process}.zip"'
    assert answer.headers["cache-control"] == "private, no-store"
    path = tmp_path / "export.zip"
    path.write_bytes(answer.content)
    report = verify_archive(path, keys=[log_signer(system.settings).verifier.vkey])
    assert report.first is None, report.lines()
    with Archive(path) as found:
        assert found.manifest["process"] == process
        [text] = [name for name in found.names() if name.startswith("documents/")]
        assert found.whole(text) == b"Linden"
        assert found.whole("provenance.jsonld") == (await _provenance(ana, process)).content


async def _provenance(who: Somebody, process: str, **query: Any) -> httpx.Response:
    answer = await who.client.get(path_of(process, "provenance"), params=query)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/ld+json"
    return answer


async def test_provenance_comes_whole_and_in_parts(
    ana: Somebody, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_PAGE", 3)
    process = await a_story(ana, system)
    events = await ana.get("/api/v1/events", process=process, limit=1000)
    found = graph((await _provenance(ana, process)).content)
    assert {urn(event["id"]) for event in events} <= set(found.subjects())
    middle = int(events[4]["sequence"])
    first = graph((await _provenance(ana, process, before=middle + 1)).content)
    rest = graph((await _provenance(ana, process, after=middle)).content)
    both = {node for part in (first, rest) for node in part.subjects()}
    assert {urn(event["id"]) for event in events} <= both
    assert urn(events[5]["id"]) not in set(first.subjects())
    nothing = await _provenance(ana, process, before=1)
    assert json.loads(nothing.content)["@graph"] == []


@pytest.mark.parametrize("what", ["export", "provenance"])
async def test_only_for_those_who_may_view_it_all(
    ana: Somebody, bruno: Somebody, visitor: httpx.AsyncClient, what: str
) -> None:
    process = await ana.a_process()
    phase, _, _ = await ana.a_task(process)
    assert (await visitor.get(path_of(process, what))).status_code == 401
    assert (await bruno.client.get(path_of(process, what))).status_code == 404
    assert (await ana.client.get(path_of(uuid4(), what))).status_code == 404
    await ana.let_in(bruno, process, "edit", node=phase)
    assert (await bruno.client.get(path_of(process, what))).status_code == 403
    await ana.let_in(bruno, process, "view")
    answer = await bruno.client.get(path_of(process, what))
    assert answer.status_code == 200
    head = await bruno.client.head(path_of(process, what))
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("query", ["after=-1", "before=0", "after=x", "after=9999999", "limit=1"])
async def test_bad_ranges_are_refused(ana: Somebody, query: str) -> None:
    process = await ana.a_process()
    answer = await ana.client.get(f"{path_of(process, 'provenance')}?{query}")
    assert answer.status_code == 422


async def test_taking_away_is_noted(ana: Somebody, system: System) -> None:
    process = await ana.a_process()
    count = len(await ana.get("/api/v1/events", process=process))
    await system.accesses.write()
    for what in ("export", "provenance"):
        await ana.client.get(path_of(process, what))
        await system.accesses.write()
        noted = (await ana.get("/api/v1/events", process=process, type="access.recorded"))[-1]
        assert (noted["data"]["way"], noted["data"]["events"]) == ("export", count)
        assert noted["actor"] == str(ana.person)


async def test_a_right_taken_back_meanwhile_ends_it(
    ana: Somebody, bruno: Somebody, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is handed out once the archive is made, if the right went while it was."""
    process = await ana.a_process()
    permission = (await ana.let_in(bruno, process, "view"))["id"]
    made = exports.export

    async def slowly(*arguments: Any, **more: Any) -> object:
        done = await made(*arguments, **more)
        await ana.delete(f"/api/v1/permissions/{permission}")
        return done

    monkeypatch.setattr(exports, "export", slowly)
    assert (await bruno.client.get(path_of(process))).status_code == 404


def test_so_many_places_and_no_more() -> None:
    turns, people = Turns(places=5, each=2), [uuid4() for _ in range(4)]
    with ExitStack() as stack:
        for person in (*people[:2], *people[:2]):
            stack.enter_context(turns.place(person))
        with pytest.raises(Unavailable), turns.place(people[0]):
            pass
        with turns.place(people[2]), pytest.raises(Unavailable), turns.place(people[3]):
            pass
        with turns.place(people[3]):
            pass
    with turns.place(people[0]), turns.place(people[0]):
        pass


async def test_too_many_are_told_to_come_back(ana: Somebody, app: Starlette) -> None:
    process = await ana.a_process()
    app.state.export_turns = Turns(places=1)
    with app.state.export_turns.place(uuid4()):
        answer = await ana.client.get(path_of(process))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert (await ana.client.get(path_of(process))).status_code == 200


async def test_nothing_is_left_behind(
    ana: Somebody, app: Starlette, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    process = await ana.a_process()
    assert (await ana.client.get(path_of(process))).status_code == 200
    monkeypatch.setattr(exports, "export", _failing)
    assert (await ana.client.get(path_of(process))).status_code == 503
    assert list((tmp_path / "work").iterdir()) == []
    assert app.state.export_turns._taken.total() == 0


async def _failing(pool: object, path: Path, *arguments: Any, **more: Any) -> None:
    await asyncio.to_thread(path.write_bytes, b"half")
    raise Unavailable("the database is away")

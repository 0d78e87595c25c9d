"""The live views' rows go with an export, and are what replaying its events gives: or verify says so."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from app.audit.archive import Archive
from app.audit.export import export
from app.audit.own import evidence
from app.audit.read_models import Replayed
from app.audit.verify import Report, verify_archive
from app.privacy import erasure
from app.system import System
from projections.catalogue import VIEWS
from tests.app.api.conftest import Somebody, ana, app, bruno, sign_up, system, visitor
from tests.app.events.stories import every_type

__all__ = ["ana", "app", "bruno", "sign_up", "system", "visitor"]


@pytest.fixture(autouse=True)
def nobody_else_erases(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks for requests in the background leaves them to the story."""
    monkeypatch.setattr(erasure, "EVERY", 3600.0)


@pytest.fixture
async def story(system: System, ana: Somebody, bruno: Somebody) -> UUID:
    """A process in which everything happened, and another one; all views have read it."""
    other = await ana.a_process("Another")
    await ana.post(
        f"/api/v1/nodes/{(await ana.a_task(other))[2]}/assets",
        {"kind": "link", "title": "Map", "url": "https://example.org/"},
    )
    process = await every_type(system, ana, bruno)
    await system.views.wait_all(await system.log.head())
    return UUID(process)


async def verified(system: System, path: Path, process: UUID | None) -> Report:
    own = await evidence(system.settings, system.pool)
    await export(system.pool, path, own, process=process)
    return verify_archive(path, keys=own.keys)


async def test_the_rows_of_the_live_views_are_those_of_a_replay(
    system: System, story: UUID, tmp_path: Path
) -> None:
    """Two engines run the same statements and have the same rows, after an erasure too."""
    for process in (None, story):
        path = tmp_path / f"{process}.zip"
        report = await verified(system, path, process)
        assert report.first is None, report.lines()
        with Archive(path) as archive:
            header, *rows = map(json.loads, archive.lines("read-models.ndjson"))
            assert header["positions"] == {view.name: archive.manifest["size"] for view in VIEWS}
        tables = {row["table"] for row in rows}
        assert tables == {table for view in VIEWS for table in view.tables}
        named = {row["row"].get("process") for row in rows} - {None}
        assert (named == {str(story)}) == (process is not None)


TAMPERING = {
    "changed": "UPDATE view_plan_nodes SET title = 'Concrete' WHERE process = $1 AND kind = 'task'",
    "deleted": "DELETE FROM view_access_grants WHERE process = $1",
    "moved in time": "UPDATE view_activity SET at = at + interval '1 second' WHERE process = $1",
    "somebody else's": "UPDATE view_document_bursts SET author = $1",
    "more": "INSERT INTO view_activity_titles SELECT id, 999999, 'More' FROM view_processes WHERE id = $1",
    "gone": "DELETE FROM view_processes WHERE id = $1",
}


@pytest.mark.parametrize("how", TAMPERING)
async def test_a_view_that_the_events_do_not_make_is_found(
    system: System, story: UUID, tmp_path: Path, how: str
) -> None:
    done = await system.pool.execute(TAMPERING[how], story)
    assert done.split()[-1] != "0"
    for process in (None, story):
        first = (await verified(system, tmp_path / f"{process}.zip", process)).first
        assert first is not None
        assert first.name == "read models"


async def test_a_view_that_lags_is_checked_up_to_where_it_is(
    system: System, story: UUID, ana: Somebody, tmp_path: Path
) -> None:
    lagging = await system.pool.fetchval("SELECT position FROM views WHERE name = 'plan'")
    await system.views.stop()
    await ana.patch(f"/api/v1/processes/{story}", {"title": "Later"})
    path = tmp_path / "x.zip"
    report = await verified(system, path, story)
    assert report.first is None, report.lines()
    with Archive(path) as archive:
        header = json.loads(next(archive.lines("read-models.ndjson")))
        assert header["positions"]["plan"] == lagging < archive.manifest["size"]


async def test_a_view_of_another_version_is_left_out(system: System, story: UUID, tmp_path: Path) -> None:
    await system.views.stop()
    await system.pool.execute("UPDATE views SET version = 'another' WHERE name = 'plan'")
    path = tmp_path / "x.zip"
    assert (await verified(system, path, story)).first is None
    with Archive(path) as archive:
        header = json.loads(next(archive.lines("read-models.ndjson")))
        assert header["positions"].keys() == {view.name for view in VIEWS} - {"plan"}


def test_every_table_says_whose_its_rows_are() -> None:
    replayed = Replayed()
    for view in VIEWS:
        for table in view.tables:
            assert {"process", "asset", "document", "thing", "id"} & replayed.columns(table).keys(), table
    replayed.close()

"""Three people write together, one is erased: nothing of hers is anywhere, and the others lose nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from app.database.dumping import dump, load
from app.database.migrate import migrate
from app.privacy import erasure as erasing
from app.privacy.erasure import erase, erase_again
from app.server import application
from app.settings import Settings
from app.system import System
from app.wiring import system as wired
from tests.app.api.conftest import Somebody
from tests.app.api.test_versions import Typist

NAME, EMAIL, TEXT, REASON = "Wilhelmina", "quixotic-lady", "xylophone", "because-of-rhubarb"
MARKERS = [marker.encode() for marker in (NAME, EMAIL, TEXT, REASON)]
_COLUMNS = """
SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
"""


async def everything(url: str) -> AsyncIterator[tuple[str, bytes]]:
    """Every value of every row of every table, as bytes, with where it stands."""
    connection = await asyncpg.connect(url)
    try:
        for schema, table, column, kind in await connection.fetch(_COLUMNS):
            name = f'"{schema}"."{table}"'
            value = f'"{column}"' if kind == "bytea" else f"convert_to(\"{column}\"::text, 'UTF8')"
            for row in await connection.fetch(f'SELECT {value} FROM {name} WHERE "{column}" IS NOT NULL'):
                yield f"{name}.{column}", row[0]
    finally:
        await connection.close()


async def traces(url: str) -> set[tuple[str, bytes]]:
    """Where which markers are in the database."""
    return {
        (place, marker)
        async for place, value in everything(url)
        for marker in MARKERS
        if marker.lower() in value.lower()
    }


@asynccontextmanager
async def running(database: str, data_dir: Path) -> AsyncIterator[System]:
    settings = Settings.model_validate({"data_dir": data_dir, "secret_key": "a key for tests alone"})
    async with wired(settings, database) as system:
        yield system


async def somebody(system: System, name: str, email: str) -> Somebody:
    transport = httpx.ASGITransport(application(system))
    client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")
    body = {"email": f"{email}@example.org", "name": name}
    answer = (await client.post("/auth/demo", json=body)).json()
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {answer['token']}"
    return Somebody(client, UUID(answer["person"]), answer["token"])


class Scene:
    """A document in which all three wrote, turn by turn."""

    def __init__(self, document: str, people: list[Somebody], system: System) -> None:
        self.document = document
        self.her, self.bruno, self.chen = people
        self.typists = [Typist(each, system, document) for each in people]

    @classmethod
    async def play(cls, system: System) -> Scene:
        her = await somebody(system, NAME, EMAIL)
        bruno = await somebody(system, "Bruno", f"bruno-{uuid4().hex}")
        chen = await somebody(system, "Chen", f"chen-{uuid4().hex}")
        process = await bruno.a_process()
        for each in (her, chen):
            await bruno.let_in(each, process, "view", "edit")
        document = (await bruno.a_document((await bruno.a_task(process))[-1]))["document"]
        scene = cls(document, [her, bruno, chen], system)
        words = (f"{TEXT} here. ", "Bruno's part. ", "Chen's part. ")
        for _ in range(3):
            for typist, said in zip(scene.typists, words, strict=True):
                await typist.sync()
                typist.text.insert(len(str(typist.text)), said)
                await typist.sync()
        await her.post(f"/api/v1/documents/{document}/versions", {"name": "First", "reason": REASON})
        await system.views.wait_all(await system.log.head())
        return scene

    async def says(self, who: Somebody) -> str:
        path = f"/api/v1/documents/{self.document}/content"
        return (await who.client.get(path, params={"format": "text"})).text

    async def close(self) -> None:
        for each in (self.her, self.bruno, self.chen):
            await each.client.aclose()


OTHERS = "Bruno's part. Chen's part. " * 3


@pytest.fixture(autouse=True)
def no_other_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are none to wait for."""
    monkeypatch.setattr(erasing, "SIGN_INS_EVERY", 0)


async def test_nothing_is_left_of_one_and_all_of_the_others(
    database: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with running(database, tmp_path) as system:
        scene = await Scene.play(system)
        assert {marker for _, marker in await traces(database)} == set(MARKERS)
        await erase(system, scene.her.person, basis="objection", text="redact", by=None)
        await system.views.wait_all(await system.log.head())
        assert await traces(database) == set()

        bruno = scene.bruno
        for path in ("/metrics", "/api/v1/me/data", f"/api/v1/documents/{scene.document}/history"):
            shown = (await bruno.client.get(path)).content
            assert shown
            assert not [marker for marker in MARKERS if marker.lower() in shown.lower()], path
        assert (await scene.her.client.get("/api/v1/me")).status_code == 401
        assert await scene.says(bruno) == OTHERS

        fresh = [Typist(each, system, scene.document) for each in (bruno, scene.chen)]
        for typist, said in zip(fresh, ("More. ", "And more."), strict=True):
            await typist.sync()
            typist.text.insert(len(str(typist.text)), said)
            await typist.sync()
        await fresh[0].sync()
        assert str(fresh[0].text) == str(fresh[1].text) == OTHERS + "More. And more."
        await scene.close()
    said = "".join(capfd.readouterr()).encode().lower()
    assert not [marker for marker in MARKERS if marker.lower() in said]
    listed = (tmp_path / "erasures.jsonl").read_bytes().lower()
    assert not [marker for marker in MARKERS if marker.lower() in listed]


async def test_a_restored_backup_is_erased_again(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as system:
        scene = await Scene.play(system)
        person = scene.her.person
        await dump(database, tmp_path / "backup")
        await erase(system, person, basis="objection", text="redact", by=None)
        await scene.close()
    await load(database, tmp_path / "backup")
    await migrate(database)
    assert {marker for _, marker in await traces(database)} == set(MARKERS)
    async with running(database, tmp_path) as system:
        assert await erase_again(system) == 1
        assert await traces(database) == set()
        assert await erase_again(system) == 0
        state = await system.hub.read(UUID(scene.document))
        assert TEXT.encode() not in state

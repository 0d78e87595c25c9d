"""Three people write together, one is erased: nothing of hers is anywhere, and the others lose nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from app.audit.live import verify_log
from app.audit.own import evidence
from app.audit.verify import verify_archive
from app.cli import backup
from app.privacy import erasure as erasing
from app.privacy.erasure import erase
from tests.acceptance.forgetting import (
    OTHERS,
    REASON,
    TEXT,
    WORDS,
    Scene,
    backed_up,
    checkpoints,
    exported,
    in_database,
    in_dump,
    in_files,
    in_redis,
    node,
    run,
    search,
    settings_of,
    strings_of,
)
from tests.app.subscriptions.receivers import receiving
from tests.interop.y_websocket_clients import InNode
from tests.nodejs import Node
from tests.redis import RedisServer

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]


@pytest.fixture
def runtime(node: Node) -> Iterator[InNode]:
    """Where the writers' clients live."""
    with node.started("y_websocket_node.mjs") as conversation:
        yield InNode(conversation)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that writes down all it is told."""
    directory = tmp_path / "redis"
    directory.mkdir()
    server = RedisServer(directory, keeps=True)
    server.start()
    yield server
    server.kill()


async def test_nothing_is_left_of_one_and_all_of_the_others(
    database: str, tmp_path: Path, redis: RedisServer, runtime: InNode, capfd: pytest.CaptureFixture[str]
) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    settings, later = settings_of(database, homes[0]), tmp_path / "later"
    later.mkdir()
    async with (
        receiving() as receiver,
        node(database, homes[0], redis.url) as one,
        node(database, homes[1], redis.url) as two,
    ):
        scene = await Scene([one, two], runtime).play(receiver.url)
        await scene.sealed()
        her, _, chen = scene.people
        await one.system.pool.execute("ANALYZE")
        before = await exported(settings, tmp_path / "before.zip")
        there = search(await in_database(database)) | search(await scene.read())
        assert {word for _, word in there} == set(WORDS), "there is something to find"
        assert ("samples of view_document_versions.reason", REASON) in there
        assert not [place for place, _ in there if "samples of persons" in place]
        assert {*TEXT} < {*await strings_of(one.system.pool, her.person)}, "letter by letter"
        async with asyncio.timeout(60):
            while not search(iter([("webhook", message.body) for message in receiver.received])):
                await receiver.wait_for(len(receiver.received) + 1, 60)

        await erase(one.system, her.person, basis="objection", text="redact", by=None)

        for writer in scene.writers[1:]:
            await writer.shows(OTHERS)
        assert [await each.says(scene.document, chen.token) for each in (one, two)] == [OTHERS] * 2
        await scene.writers[2].write("More.")
        await scene.writers[1].shows(OTHERS + "More.")
        assert (await her.client.get("/api/v1/me")).status_code == 401
        await scene.sealed()

        of_process = await exported(settings, later / "process.zip", scene.process)
        of_all = await exported(settings, later / "all.zip")
        dumped = await backed_up(settings, tmp_path / "dump")
        places = {
            "database": await in_database(database),
            "dump": await in_dump(database, dumped),
            "redis": await in_redis(redis.url, tmp_path / "redis"),
            "read": await scene.read(),
            "files": in_files(later, *homes),
            "logs": iter([("logs", "".join(capfd.readouterr()).encode())]),
        }
        assert {kind: search(found) for kind, found in places.items()} == {kind: set() for kind in places}

        assert await strings_of(one.system.pool, her.person) == []

        own = await evidence(settings, one.system.pool)
        live = await verify_log(one.system.pool, own.checkpoints, own.keys)
        reports = [live, *(verify_archive(path, keys=own.keys) for path in (before, of_all, of_process))]
        assert [report.first for report in reports] == [None] * 4
        assert set(checkpoints(before)) - {checkpoints(before)[-1]} <= set(checkpoints(of_all))
        await scene.close()


async def test_a_restored_backup_is_erased_again(
    database: str, tmp_path: Path, runtime: InNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "SIGN_INS_EVERY", 0)  # there are no other nodes to wait for
    home = tmp_path / "home"
    settings = settings_of(database, home)
    async with receiving() as receiver, node(database, home) as one:
        scene = await Scene([one], runtime).play(receiver.url)
        await scene.sealed()
        old = await backed_up(settings, tmp_path / "backup")
        assert {word for _, word in search(await in_dump(database, old))} == set(WORDS)
        await erase(one.system, scene.people[0].person, basis="objection", text="redact", by=None)
        await scene.close()
    await run(settings, backup.restore, file=old, replace=True)
    assert search(await in_database(database)) == set()
    assert search(await in_dump(database, await backed_up(settings, tmp_path / "again"))) == set()
    async with node(database, home) as one:
        assert await one.says(scene.document, scene.people[1].token) == OTHERS
        own = await evidence(settings, one.system.pool)
        assert (await verify_log(one.system.pool, own.checkpoints, own.keys)).first is None
        assert TEXT.encode() not in await one.system.hub.read(UUID(scene.document))

"""A scene of three people who write together on two nodes, and every place where one may leave traces."""

from __future__ import annotations

import argparse
import asyncio
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from redis.asyncio import Redis

from app.cli import audit, backup
from app.database.dumping import _run, _tools
from app.database.postgres import Pool
from app.server import application
from app.settings import Settings
from app.system import System
from app.wiring import system as wired
from realtime.history.structs import STRING, decode
from realtime.wire import Malformed
from tests.acceptance.searching import words_in
from tests.app.api.conftest import Somebody
from tests.interop.live_server import served
from tests.interop.y_websocket_clients import InNode

NAME, EMAIL, TEXT = "Wilhelmína Quixote", "quixotic-lady", "xylophone"
REASON, TOKEN, GROUP, UNREADABLE = "because-of-rhubarb", "zeppelin token", "marzipan group", "gobbledygook"
WORDS = (NAME, NAME.split()[0], EMAIL, TEXT, REASON, TOKEN, GROUP, UNREADABLE)
OTHERS = "Bruno's part. Chen's part. " * 3
KEY = "a key for tests alone, of both nodes"

_COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name, c.data_type
FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
WHERE c.table_schema NOT IN ('pg_catalog', 'information_schema') AND t.table_type = 'BASE TABLE'
"""
_SAMPLES = """
SELECT tablename, attname, coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, '')
FROM pg_stats WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""

_CLIENTS = "SELECT client_id FROM document_clients WHERE person_id = $1"
_UPDATES = """
SELECT attachment FROM events WHERE type = 'document.edited' UNION ALL SELECT update FROM document_updates
UNION ALL SELECT state FROM document_snapshots
"""


@dataclass
class Node:
    """One node: its parts, and where its documents are served."""

    system: System
    live: str

    async def says(self, document: str, token: str) -> str:
        """The text as this node has it."""
        async with client(self.system, token) as visitor:
            path = f"/api/v1/documents/{document}/content"
            return (await visitor.get(path, params={"format": "text"})).text


@asynccontextmanager
async def node(database: str, data_dir: Path, redis_url: str | None = None) -> AsyncIterator[Node]:
    """A running node."""
    settings = settings_of(database, data_dir, redis_url)
    async with wired(settings, database) as system, served(system) as live:
        yield Node(system, live)


def settings_of(database: str, data_dir: Path, redis_url: str | None = None) -> Settings:
    """What an operator would have set."""
    values = {"data_dir": data_dir, "secret_key": KEY, "webhook_allow_private": True}
    joined = {} if redis_url is None else {"redis_url": redis_url}
    return Settings.model_validate(values | joined | {"database_url": database})


def client(system: System, token: str | None = None) -> httpx.AsyncClient:
    """Somebody at this node, who showed this token."""
    transport = httpx.ASGITransport(application(system))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers)


async def somebody(system: System, name: str, email: str) -> Somebody:
    """Somebody new."""
    async with client(system) as visitor:
        body = {"email": f"{email}@example.org", "name": name}
        answer = (await visitor.post("/auth/demo", json=body)).json()
    return Somebody(client(system, answer["token"]), UUID(answer["person"]), answer["token"])


class Writer:
    """Somebody's y-websocket client on one node, in Node.js."""

    def __init__(self, runtime: InNode, name: str) -> None:
        self._runtime = runtime
        self._name = name

    async def ask(self, do: str, **order: Any) -> Any:
        """What the client answers to an order of y_websocket_client.mjs."""
        return await asyncio.to_thread(self._runtime.ask, {"do": do, "id": self._name, **order})

    async def open(self, node: Node, who: Somebody, document: str) -> Writer:
        """Open a document."""
        ticket = (await who.post("/api/v1/live-tickets", {"document": document}))["token"]
        await self.ask("open", version=3, url=node.live, name=document, token=ticket)
        await self.until(lambda look: look["synced"])
        return self

    async def write(self, words: str, at: int = -1) -> None:
        """Put words there (-1: at the end), and wait until the server has them."""
        await self.ask("insert", at=at, words=words)
        await self.until(lambda look: look["echoed"] >= look["own"])

    async def until(self, holds: Any) -> dict[str, Any]:
        """Wait for something about the client; returns all about it."""
        async with asyncio.timeout(60):
            while not holds(look := await self.ask("look")):  # noqa: ASYNC110  it is another process's
                await asyncio.sleep(0.01)
        return dict(look)

    async def shows(self, text: str) -> None:
        """Wait until the document reads so here."""
        try:
            await self.until(lambda look: look["text"] == text)
        except TimeoutError:
            raise AssertionError(f"{(await self.ask('look'))['text']!r} is shown, not {text!r}") from None


class Scene:
    """A document in which she wrote on one node, Bruno there too, and Chen on the other."""

    def __init__(self, nodes: list[Node], runtime: InNode) -> None:
        self.nodes = nodes
        self.writers = [Writer(runtime, name) for name in ("her", "bruno", "chen")]
        self.people: list[Somebody] = []
        self.process = self.document = self.webhook = ""

    async def play(self, receiver: str) -> Scene:
        """Three turns, and everything else of hers that the system takes; `receiver`: of Bruno's webhook."""
        first, second = self.nodes[0], self.nodes[-1]
        names = ((NAME, EMAIL, first), ("Bruno", "bruno", first), ("Chen", "chen", second))
        self.people = [await somebody(node.system, name, email) for name, email, node in names]
        her, bruno, chen = self.people
        self.process = await bruno.a_process()
        for each in (her, chen):
            await bruno.let_in(each, self.process, "view", "edit")
        self.document = (await bruno.a_document((await bruno.a_task(self.process))[-1]))["document"]
        hook = {"kind": "webhook", "name": "Hook", "url": receiver, "start": "beginning", "batch": 100}
        self.webhook = (await bruno.post("/api/v1/subscriptions", hook))["id"]
        await self.everybody_waits()
        for writer, who, (_, _, node) in zip(self.writers, self.people, names, strict=True):
            await writer.open(node, who, self.document)
        await self._write()
        await her.post("/api/v1/tokens", {"name": TOKEN, "scopes": ["read"]})
        await her.post("/api/v1/subscriptions", {"kind": "pull", "name": GROUP})
        await self._set_aside()
        for number in range(3):
            named = {"name": "One", "reason": f"{REASON} {number}"}
            await her.post(f"/api/v1/documents/{self.document}/versions", named)
        await self.everybody_waits()
        return self

    async def _write(self) -> None:
        shown = ""
        for _ in range(3):
            for writer, words in zip(
                self.writers, (f"{TEXT} ", "Bruno's part. ", "Chen's part. "), strict=True
            ):
                await writer.write(words)
                shown += words
                for each in self.writers:
                    await each.shows(shown)
        for letter in reversed(TEXT):  # each for itself in what is stored
            await self.writers[0].write(letter, at=0)

    async def _set_aside(self) -> None:
        """Something of hers that can't be read, as a damaged disk may leave it."""
        id = uuid4()
        await self.nodes[0].system.pool.execute(  # at once: nobody may take it for something to be sealed
            """
            WITH written AS (
                INSERT INTO document_updates (
                    document_id, person_id, session, received_at, inserted, deleted, origin, sequence, update
                ) VALUES ($1, $2, $3, now(), 0, 0, $3, 1, $4) RETURNING document_id, id
            )
            INSERT INTO document_set_aside (document_id, row_id, reason)
            SELECT document_id, id, 'unreadable' FROM written
            """,
            UUID(self.document),
            self.people[0].person,
            id,
            b"\x07" + UNREADABLE.encode(),
        )

    async def everybody_waits(self) -> None:
        """Until the views of all nodes are there."""
        for node in self.nodes:
            await node.system.views.wait_all(await node.system.log.head(), 60)

    async def sealed(self) -> None:
        """Until all that was written is in the log."""
        rows = "SELECT count(*) FROM document_updates WHERE length(update) > 2 AND session <> origin"
        async with asyncio.timeout(60):
            while await self.nodes[0].system.pool.fetchval(rows):
                for node in self.nodes:
                    await node.system.hub.seal(UUID(self.document))
                await asyncio.sleep(0.02)
        await self.everybody_waits()

    async def read(self) -> Iterator[tuple[str, bytes]]:
        """What the others are shown on each node, past moments included."""
        found: list[tuple[str, bytes]] = []
        head = await self.nodes[0].system.log.head()
        document = f"/api/v1/documents/{self.document}"
        paths = ["/metrics", "/api/v1/me/data", "/api/v1/events?limit=500", "/api/v1/subscriptions"]
        paths.append(f"/api/v1/subscriptions/{self.webhook}/deliveries")
        paths += [f"{document}/{part}" for part in ("history", "versions", "authors?at=0")]
        paths += [f"/api/v1/audit/state?stream={self.document}", f"/processes/{self.process}/activity"]
        paths += [f"{document}/content?format=text&at={at}" for at in range(1, head + 1)]
        for number, node in enumerate(self.nodes):
            async with client(node.system, self.people[1].token) as bruno:
                for path in paths:
                    answer = await bruno.get(path)
                    found.append((f"{path} of node {number}", str(answer.headers).encode() + answer.content))
        return iter(found)

    async def close(self) -> None:
        """Let everybody go."""
        for each in self.people:
            await each.client.aclose()


# --- where traces may be


def search(places: Iterator[tuple[str, bytes]]) -> set[tuple[str, str]]:
    """Where which words are."""
    return {(place, word) for place, data in places for word in words_in(data, WORDS)}


async def in_database(url: str) -> Iterator[tuple[str, bytes]]:
    """Every value of every table, and what the planner keeps as samples."""
    connection = await asyncpg.connect(url)
    found: list[tuple[str, bytes]] = []
    try:
        for schema, table, column, kind in await connection.fetch(_COLUMNS):
            name = f'"{schema}"."{table}"'
            value = f'"{column}"' if kind == "bytea" else f"convert_to(\"{column}\"::text, 'UTF8')"
            rows = await connection.fetch(f'SELECT {value} FROM {name} WHERE "{column}" IS NOT NULL')
            found += [(f"{table}.{column}", row[0]) for row in rows]
        for table, column, samples in await connection.fetch(_SAMPLES):
            found.append((f"samples of {table}.{column}", samples.encode()))
    finally:
        await connection.close()
    return iter(found)


async def in_dump(url: str, file: Path) -> Iterator[tuple[str, bytes]]:
    """A backup as it is, and as the script that would be run to restore it."""
    script = file.with_suffix(".sql")
    await _run(None, await _tools(url) / "pg_restore", f"--file={script}", str(file))
    return in_files(file, script)


async def in_redis(url: str, directory: Path) -> Iterator[tuple[str, bytes]]:
    """Keys, values, channels, and what Redis put on its disk."""
    found: list[tuple[str, bytes]] = []
    async with Redis.from_url(url) as redis:
        async for key in redis.scan_iter():
            found.append((f"key {key!r}", key + (await redis.dump(key) or b"")))
        channels = await redis.pubsub_channels()
        assert channels, "the nodes speak over it"
        found.append(("channels", repr(channels).encode()))
        await redis.save()
    written = list(in_files(directory))
    assert {Path(name).suffix for name, _ in written} >= {".rdb", ".aof"}
    return iter(found + written)


def in_files(*paths: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of files, and of all files in directories."""
    for path in paths:
        for each in [path] if path.is_file() else path.rglob("*"):
            yield each.name, each.name.encode() + (each.read_bytes() if each.is_file() else b"")


async def strings_of(pool: Pool, person: UUID) -> list[str]:
    """What stands in stored updates under a person's client ids, however small the pieces."""
    clients = {row[0] for row in await pool.fetch(_CLIENTS, person)}
    assert clients
    found: list[str] = []
    for row in await pool.fetch(_UPDATES):
        with suppress(Malformed):
            items = decode(row[0])[0]
            found += [str(item.content) for item in items if item.client in clients and item.kind == STRING]
    return found


# --- the command line


async def run(settings: Settings, command: Any, **options: Any) -> None:
    """A command as it is typed; raises what makes it fail."""
    await command(settings, argparse.Namespace(**options))


async def exported(settings: Settings, out: Path, process: str | None = None) -> Path:
    """`interlink export`."""
    await run(settings, audit.export, out=out, process=process and UUID(process), person=None)
    return out


async def backed_up(settings: Settings, out: Path) -> Path:
    """`interlink backup`."""
    await run(settings, backup.backup, out=out)
    return out


def checkpoints(archive: Path) -> list[str]:
    """The notes in an export."""
    with zipfile.ZipFile(archive) as members:
        lines = members.read("checkpoints.ndjson").splitlines()
    return [json.loads(line)["note"] for line in lines]

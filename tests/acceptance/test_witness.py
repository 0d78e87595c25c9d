"""Two installations witness each other; one that rewrites its history keeps its key, but not its witness."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.audit import note
from app.audit.checkpoints import Checkpoints
from app.audit.keys import log_signer, witness_signer
from app.audit.records import read_records
from app.audit.verify import verify_archive
from app.cli import parser
from app.cli.audit import VerificationFailed, verify_file
from app.database.postgres import connect_pool
from app.eventlog.leaf import commitment
from app.eventlog.merkle import Frontier, leaf_hash
from app.settings import Settings
from tests.app.audit.test_note import independently_verified
from tests.conftest import copy_database, drop_database
from tests.ports import kept_port
from tests.serving import ServerProcess

SECONDS = 60.0


class Installation:
    """A server, and what its operator knows."""

    def __init__(self, directory: Path, url: str) -> None:
        self.url = url
        self._directory = directory
        self._port = port = kept_port(self)
        self._values = {"SECRET_KEY": f"secret of {port}", "DATABASE_URL": url}
        self.server = ServerProcess(directory)

    @property
    def settings(self) -> Settings:
        found = {name.lower(): value for name, value in self._values.items()}
        return Settings.model_validate({**found, "port": self._port, "data_dir": self._directory})

    @property
    def witness(self) -> str:
        return witness_signer(self.settings).verifier.vkey

    @property
    def origin(self) -> str:
        return log_signer(self.settings).name

    def know(self, other: Installation) -> None:
        """Witness the other, and have it witness us."""
        self._values["WITNESS_LOGS"] = log_signer(other.settings).verifier.vkey
        self._values["WITNESSES"] = f"{other.witness} {other.settings.address}/audit/witness"

        self.server = ServerProcess(self._directory, **self._values)
        self.server.port = self._port

    async def verify(self, *arguments: str) -> None:
        """`interlink verify`; raises VerificationFailed."""
        options = parser().parse_args(["verify", *arguments])
        if not verify_file(options):
            await options.run(self.settings, options)

    async def export(self, to: Path) -> None:
        options = parser().parse_args(["export", "--all", "--out", str(to)])
        await options.run(self.settings, options)

    def _get(self, path: str, **query: bool) -> httpx.Response:
        return httpx.get(f"{self.server.url}/{path}", params=query, timeout=SECONDS)

    def figure(self, name: str, **labels: str) -> float | None:
        """A metric's value, if it is there."""
        label = ",".join(f'{key}="{value}"' for key, value in labels.items())
        text = self._get("metrics").text
        found = re.search(rf"^{re.escape(f'{name}{{{label}}}')} (.*)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    def begin_process(self, title: str) -> int:
        """Somebody does; returns how many events there are then."""
        body = {"title": title, "language": "en"}
        answer = self.server.client().post("/api/v1/processes", json=body)
        assert answer.status_code == 201, answer.text
        position: int = answer.json()["position"]
        return position

    def keys(self) -> list[str]:
        """The log's and the witness's, as anybody may read them."""
        return "".join(self._get(f"audit/{of}").text for of in ("keys", "witness/keys")).split()

    def checkpoint(self, **query: bool) -> httpx.Response:
        return self._get("audit/checkpoint", **query)

    def head(self) -> tuple[note.Checkpoint, list[str]]:
        """The newest checkpoint, and who signed it."""
        found = note.parse(self.checkpoint().content)
        return note.parse_checkpoint(found), [signature.name for signature in found.signatures]

    def is_signed(self, events: int, signers: list[str]) -> bool:
        """Whether the newest checkpoint is of so many events at least, and signed by these."""
        checkpoint, found = self.head()
        return checkpoint.size >= events and found == signers


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for it; raises AssertionError."""
    end = time.monotonic() + SECONDS
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, what
        await asyncio.sleep(0.1)


@pytest.fixture
async def databases(postgres_server: str, template_database: str) -> AsyncIterator[list[str]]:
    """Two, migrated and empty."""
    made = [await copy_database(postgres_server, template_database) for _ in range(2)]
    yield made
    for database in made:
        await drop_database(postgres_server, database)


@pytest.fixture
def pair(databases: list[str], tmp_path: Path) -> list[Installation]:
    """Two that know each other."""
    found = [Installation(tmp_path / str(number), url) for number, url in enumerate(databases)]
    found[0].know(found[1])
    found[1].know(found[0])
    return found


async def rewrite(installation: Installation) -> None:
    """Another history, from the second event on, with everything made anew that the log's key can make."""
    pool = await connect_pool(installation.url)
    tree = Frontier()
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        async for page in read_records(pool, through=10**6):
            for record in page:
                payload = record.event.payload.replace(b"Honest", b"Forged")
                leaf = leaf_hash(record.header + commitment(record.salt, payload))
                tree.append(leaf)
                await connection.execute(
                    "UPDATE events SET payload = $2, leaf_hash = $3 WHERE position = $1",
                    *(record.event.position, payload, leaf),
                )
        await connection.execute("UPDATE log_head SET frontier = $1", bytes(tree))
        await connection.execute("DELETE FROM checkpoints")
        await connection.execute("DELETE FROM witnesses")
    await Checkpoints(pool, log_signer(installation.settings)).sign_head()
    await pool.close()


async def test_a_rewritten_history_is_not_cosigned(pair: list[Installation], tmp_path: Path) -> None:
    honest, forger = pair
    with ExitStack() as stack:
        for found in pair:
            stack.callback(found.server.end)
        await asyncio.gather(*(asyncio.to_thread(found.server.start) for found in pair))
        events = [found.begin_process("Honest") for found in pair]
        for ours, other, size in zip(pair, pair[::-1], events, strict=True):
            name = f"{other.origin}/audit/witness"
            both = [ours.origin, name]
            await until(lambda: ours.is_signed(size, both), "each cosigns the other")  # noqa: B023
            assert ours.figure("interlink_witness_refused", witness=name) == 0
            await ours.verify("--witness", other.witness)
        before = forger.head()[0]
        for key in (forger.keys()[0], honest.keys()[1]):
            assert independently_verified(forger.checkpoint(cosigned=True).content, key)
        await forger.export(tmp_path / "before")
        await forger.verify(str(tmp_path / "before"), "--witness", honest.witness)

        assert forger.server.stop() == 0
        await rewrite(forger)
        await forger.verify()  # the log's own key vouches for anything
        with pytest.raises(VerificationFailed, match=rf"witness {honest.origin}/audit/witness"):
            await forger.verify("--witness", honest.witness)

        forger.server.start()
        name = f"{honest.origin}/audit/witness"
        await until(lambda: forger.figure("interlink_witness_refused", witness=name) == 1, "it is refused")
        after, signers = forger.head()
        assert (after.size, signers) == (before.size, [forger.origin])
        assert after.root != before.root
        told = "A WITNESS SAW ANOTHER LOG"
        await until(lambda: any(told in line for line in forger.server.lines), "its operator is told")
        refused = "interlink_witnessed_refused_heads"
        seen = honest.figure(refused, log=forger.origin) or 0
        assert seen >= 1
        assert honest.figure("interlink_witnessed_events", log=forger.origin) == before.size
        forger.begin_process("More")
        await until(lambda: (honest.figure(refused, log=forger.origin) or 0) > seen, "nor what follows")
        assert forger.head()[1] == [forger.origin]
        assert forger.checkpoint(cosigned=True).status_code == 404
        await forger.export(tmp_path / "after")
        report = verify_archive(tmp_path / "after", witnesses=[honest.witness])
        assert f"witness {name}" in {check.name for check in report.checks if not check.ok}

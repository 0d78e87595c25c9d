"""What goes into an export: all of it, as it was when it began, and of a process what proves it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.audit import records
from app.audit.archive import Archive
from app.audit.export import SignedCheckpoint, export, still
from app.audit.lines import bytes_of, read_line
from app.audit.proof import verify_consistency, verify_inclusion
from app.audit.timestamps import Stamp
from app.audit.verify import verify_archive
from app.database.postgres import Pool
from app.eventlog.merkle import EMPTY_ROOT
from app.system import System
from domain.errors import NotFound
from domain.ports import Context, EventLog, NewEvent, RecordedEvent
from tests.app.audit.histories import History, archive, checkpoints
from tests.app.audit.signing import LogKey
from tests.builders import a_person, a_plan, a_process

KEY = LogKey()
HISTORY = History(8, 20, erasure=True)
SIZE = len(HISTORY.records)
PROCESS = HISTORY.processes[1]


def told(path: Path, name: str) -> list[dict[str, Any]]:
    """The lines of a member."""
    with Archive(path) as found:
        return [json.loads(line) for line in found.lines(name)]


def positions(path: Path) -> list[int]:
    with Archive(path) as found:
        return [read_line(line).event.position for line in found.lines("events.ndjson")]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_whole_log_needs_no_proofs(tmp_path: Path) -> None:
    evidence = KEY.evidence(checkpoints(HISTORY.records, KEY))
    path = archive(tmp_path / "x.zip", HISTORY.records, evidence)
    with Archive(path) as found:
        assert not found.names() & {"proofs.ndjson", "provenance.jsonld", "timestamps.ndjson"}
        assert [read_line(line) for line in found.lines("events.ndjson")] == HISTORY.records
        facts = {name: found.manifest[name] for name in ("events", "first", "last", "size", "process")}
        assert facts == {"events": SIZE, "first": 1, "last": SIZE, "size": SIZE, "process": None}
        assert found.whole("keys.txt") == f"{KEY.vkey}\n".encode()
        assert (
            found.manifest["documents"] == len([n for n in found.names() if n.startswith("documents/")]) > 0
        )


def test_a_process_comes_with_a_path_for_each_event(tmp_path: Path) -> None:
    evidence = KEY.evidence(checkpoints(HISTORY.records, KEY))
    path = archive(tmp_path / "x.zip", HISTORY.records, evidence, process=PROCESS)
    wanted = [r for r in HISTORY.records if r.event.process == PROCESS or r.event.type == "person.erased"]
    assert positions(path) == [record.event.position for record in wanted]
    with Archive(path) as found:
        root = bytes_of(found.manifest["root"])
    for record, proof in zip(wanted, told(path, "proofs.ndjson"), strict=True):
        way = [bytes_of(part) for part in proof["path"]]
        assert proof["position"] == record.event.position
        assert verify_inclusion(record.leaf_hash, record.event.position - 1, SIZE, way, root)


def test_checkpoints_lead_from_one_to_the_next_and_to_the_end(tmp_path: Path) -> None:
    """The end is signed if nobody signed it yet; what is of a longer log is left out."""
    signed = checkpoints(HISTORY.records, KEY, every=6)[:-1]
    later = SignedCheckpoint(SIZE + 5, KEY.checkpoint(SIZE + 5, bytes(32)))
    stamps = [Stamp(6, b"of 6"), Stamp(SIZE + 5, b"later")]
    for given in ([*signed, later], [later], []):
        evidence = replace(KEY.evidence(given), stamps=stamps)
        path = archive(tmp_path / "x.zip", HISTORY.records, evidence)
        found = told(path, "checkpoints.ndjson")
        assert [line["size"] for line in found] == [one.size for one in given if one.size <= SIZE] + [SIZE]
        size, root = 0, EMPTY_ROOT
        for line in found:
            now = bytes_of(line["note"].split("\n")[2])
            assert verify_consistency(size, line["size"], root, now, [bytes_of(p) for p in line["path"]])
            size, root = line["size"], now
        assert [line["size"] for line in told(path, "timestamps.ndjson")] == [6]


def test_an_empty_log_can_be_exported(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", [], KEY.evidence())
    assert verify_archive(path, keys=[KEY.vkey]).first is None
    with pytest.raises(NotFound):
        archive(tmp_path / "y.zip", [], KEY.evidence(), process=uuid4())


@pytest.fixture
async def written(system: System) -> UUID:
    """A process with a plan."""
    ana = await a_person(system)
    process = await a_process(system, ana)
    await a_plan(system, ana, process)
    return process


async def test_exports_of_the_log_and_of_a_process_hold(pool: Pool, written: UUID, tmp_path: Path) -> None:
    log = [record async for page in records.read_records(pool, through=10**6) for record in page]
    evidence = KEY.evidence(checkpoints(log, KEY, every=3))
    for process in (None, written):
        given: list[RecordedEvent] = []
        for name in ("one", "two"):
            await export(pool, tmp_path / name, evidence, process=process, given=given.extend)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
        report = verify_archive(tmp_path / "one", keys=[KEY.vkey])
        assert report.first is None, report.lines()
        assert [event.position for event in given] == 2 * positions(tmp_path / "one")
    with pytest.raises(NotFound):
        await export(pool, tmp_path / "three", evidence, process=uuid4())
    assert contents(tmp_path).keys() == {"one", "two"}


async def test_what_is_written_meanwhile_is_not_in_it(pool: Pool, log: EventLog) -> None:
    async with still(pool) as seen:
        assert await seen.fetchval("SELECT count(*) FROM events") == 0
        await log.append([NewEvent(uuid4(), "a.b", b"{}")], Context())
        assert await seen.fetchval("SELECT count(*) FROM events") == 0
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await seen.execute("UPDATE log_head SET position = 5")


async def test_erasures_stand_among_the_events_of_a_process_in_the_order_of_the_log(
    pool: Pool, log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever pages end: only those that replaced something of the process."""
    ours, theirs, stream = uuid4(), uuid4(), uuid4()
    plan = [
        (ours, 0),
        (theirs, 0),
        (None, 1),
        (ours, 0),
        (None, 4),
        (ours, 0),
        (None, 2),
        (ours, 0),
        (ours, 0),
    ]
    plan += [(None, 8), (theirs, 0), (None, 1)]
    for process, erases in plan:
        told = erases.to_bytes(8, "big") + bytes(64) if erases else None
        kind = "person.erased" if erases else "a.b"
        await log.append(
            [NewEvent(stream if process else uuid4(), kind, b"{}", attachment=told, process=process)],
            Context(),
        )
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE events SET commitment = sha256('') WHERE position IN (1, 2, 4, 8)")
    for page in (1, 2, 3, 1000):
        monkeypatch.setattr(records, "PAGE", page)
        path = tmp_path / f"{page}.zip"
        await export(pool, path, KEY.evidence(), process=ours)
        assert positions(path) == [1, 3, 4, 5, 6, 8, 9, 10, 12], page
    assert len(set(contents(tmp_path).values())) == 1
